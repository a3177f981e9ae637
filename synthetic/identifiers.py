"""Made-up NHS numbers that can never be anybody's: the 999 range, with a right check digit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEMS = 10**6  # 999 and six free digits; the NHS Data Dictionary keeps 999 for test numbers
WEIGHTS = np.arange(10, 1, -1)  # NHS Data Dictionary: modulus 11 over the first nine digits


def made_up_nhs_numbers(count: int, *, seed: int) -> NDArray[np.str_]:
    """Return ``count`` different ten-digit texts; the same seed gives the same numbers. At most about 909,000 exist."""
    stems = 999 * STEMS + np.random.default_rng(seed).permutation(STEMS)
    digits = stems[:, None] // 10 ** np.arange(8, -1, -1) % 10
    check = -(digits @ WEIGHTS) % 11
    usable = (check < 10) & (stems != 10**9 - 1)  # ten has no digit; and ten nines pass for nobody's number
    valid = np.flatnonzero(usable)[:count]
    if len(valid) < count:
        raise ValueError(f"the 999 range holds {len(valid)} numbers")
    return (stems[valid] * 10 + check[valid]).astype(str)


__all__ = ["STEMS", "WEIGHTS", "made_up_nhs_numbers"]
