"""What an attack found beside what chance finds: differences of shares, and how sure they are, without a library."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from privacy.arrays import Floats
from privacy.auc import chance_sd
from synthetic.judged.scoring import auc

SURE = 3.09  # standard deviations: one attack in a thousand on harmless data says that it found something
TOLERANCE = 0.02  # an advantage below it is not told apart from none on a few thousand people


@dataclass(frozen=True)
class Finding:
    """How often an attack succeeds on people who were used, and on others, who cannot be in the data.

    ``advantage`` is the difference, ``at_least`` and ``at_most`` its bounds, each of which holds in 999 of 1,000 cases.
    What holds for everybody, used or not, is knowledge, and no attack on anybody: the difference is what the data tell
    of those used.
    """

    of: int
    used: float
    others: float
    advantage: float
    at_least: float
    at_most: float

    @property
    def breaks(self) -> bool:
        """Say whether the data tell more of those used than chance explains."""
        return self.at_least > TOLERANCE

    @property
    def reversed(self) -> bool:
        """Say whether they tell more of those not used: then they are not made of whom they are said to be."""
        return self.at_most < -TOLERANCE


NOTHING = Finding(0, 0.0, 0.0, 0.0, -1.0, 1.0)  # nobody could be asked about


def wilson(hits: float, of: float, z: float = SURE) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927); from 0 to 1 where nothing was tried."""
    if of <= 0:
        return 0.0, 1.0
    p, spread = hits / of, z * z / of
    middle, half = p + spread / 2, z * sqrt(p * (1 - p) / of + spread / (4 * of))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def compared(used: int, of_used: int, others: int, of_others: int) -> Finding:
    """Return the finding of two separate groups of people (Newcombe 1998, his method 10)."""
    if not of_used or not of_others:
        return NOTHING
    p, q = used / of_used, others / of_others
    (low_p, high_p), (low_q, high_q) = wilson(used, of_used), wilson(others, of_others)
    less, more = sqrt((p - low_p) ** 2 + (high_q - q) ** 2), sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
    return Finding(of_used + of_others, p, q, p - q, p - q - less, p - q + more)


def paired(used: int, others: int, of: int, *, covered: float = 1.0) -> Finding:
    """Return the finding of ``of`` guesses, of which so many hit only people used, and so many only others.

    If the data were made without these people, either is as likely: a sign test. Where only the part ``covered`` of
    those used could be hit, the advantage is what it would be over all of them.
    """
    decided = used + others
    if not of or not decided:
        return Finding(of, 0.0, 0.0, 0.0, 0.0, 0.0) if of else NOTHING
    scale = 1 / (of * covered)
    sides = ((used - others) * scale, *((2 * side - 1) * decided * scale for side in wilson(used, decided)))
    return Finding(of, used / of, others / of, *(max(-1.0, min(side, 1.0)) for side in sides))


def ranked(used: Floats, others: Floats) -> Finding:
    """Return the finding of a measure of each person: how often somebody used has more of it, and how often an other.

    The difference is twice the AUC less one; its bounds are by the AUC's standard error of people who do not
    differ (Mann and Whitney 1947).
    """
    together, has = np.concatenate([used, others]), np.arange(len(used) + len(others)) < len(used)
    found = auc(together, has)
    sd = chance_sd(0.5, len(others), len(used))
    if found is None or sd is None:
        return NOTHING
    advantage, spread = 2 * found - 1, 2 * SURE * sd
    least, most = max(-1.0, advantage - spread), min(1.0, advantage + spread)
    return Finding(len(together), found, 1 - found, advantage, least, most)


__all__ = ["NOTHING", "SURE", "TOLERANCE", "Finding", "compared", "paired", "ranked", "wilson"]
