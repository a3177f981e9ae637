"""What computations that count people by public keys have in common: which variables, and where each row falls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.computation import Batch
from privacy.fields import Fields

MOST_FIGURES = 10_000  # in one sum: nobody reads more, and each request's memory and bytes grow with them

Keys = Mapping[str, tuple[str, ...]]


def read_keys(f: Fields, declared: Mapping[str, Any], *, most: int) -> Keys:
    """Return the keys of the variables that ``by`` names, at most so many; anything but keyed ones is a fault."""
    names = f.names("by")
    if len(names) > most:
        f.fault("by", f"names from 1 to {most} variables")
    unkeyed = [name for name in names if not _keys(declared, name)]
    if unkeyed:
        f.fault("by", f"{', '.join(unkeyed)} is no variable of the study with keys: a band or a code")
    return {name: _keys(declared, name) or ("",) for name in names}


def places(batch: Batch, keys: Keys) -> list[NDArray[np.int64]]:
    """Return for each variable the place of each row's key; whatever a row holds, it is one of the keys."""
    found = []
    for name, each in keys.items():
        value = np.clip(np.nan_to_num(batch.variable(name), nan=1.0), 0.0, 1.0)
        found.append(np.rint(value * (len(each) - 1)).astype(np.int64))
    return found


def _keys(declared: Mapping[str, Any], name: str) -> tuple[str, ...]:
    variable = declared.get(name)
    return tuple(variable.get("keys", ())) if isinstance(variable, Mapping) else ()


__all__ = ["MOST_FIGURES", "Keys", "places", "read_keys"]
