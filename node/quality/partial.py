"""Cells of which only a part was kept, made whole enough to be judged again; what is stored of them stays the same."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.compute as pc

from privacy.columns import Column

_OUTWARD = r"^[A-Z]{1,2}[0-9][0-9A-Z]?$"  # BS 7666: at most four characters, where a whole postcode has five
_ANY_INWARD = "0AA"  # never stored: the column keeps the part before the space


def completed(column: Column, cells: pa.Array) -> pa.Array:
    """Return the cells of a file of mended rows, with those that hold only what the contract keeps made whole.

    Of a postcode that is its outward part; of a number in bands the lower end of its band, which lies below ``low``
    where ``low`` is inside a band. Everything else is returned as it came.
    """
    if column.treatment == "outward":
        plain = pc.ascii_upper(pc.replace_substring_regex(cells, r"\s+", ""))
        alone = pc.match_substring_regex(plain, _OUTWARD)
        return pc.if_else(alone, pc.binary_join_element_wise(plain, _ANY_INWARD, ""), cells)
    if column.treatment == "band" and column.band_width and column.low is not None:
        lowest = math.floor(column.low / column.band_width) * column.band_width
        shown = pa.array([f"{lowest:g}", f"{lowest:.1f}"], pa.string())
        return pc.if_else(pc.is_in(cells, value_set=shown), f"{column.low:g}", cells)
    return cells


__all__ = ["completed"]
