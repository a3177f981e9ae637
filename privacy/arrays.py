"""Named arrays as plain bytes: a JSON list of names, types and shapes, then the numbers; never pickle."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.canonical import canonical
from privacy.errors import Invalid

Arrays = Mapping[str, NDArray[Any]]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Ring = NDArray[np.uint64]

DTYPES = {"float64": "<f8", "int64": "<i8", "uint64": "<u8"}
_LENGTH = struct.Struct("<I")
_ITEM_BYTES = 8


def pack(arrays: Arrays) -> bytes:
    """Return one byte string for ``arrays`` (float64, int64 or uint64); equal arrays give equal bytes."""
    index = [{"name": n, "dtype": str(a.dtype), "shape": list(a.shape)} for n, a in sorted(arrays.items())]
    head = canonical(index)
    body = b"".join(np.ascontiguousarray(a, DTYPES[str(a.dtype)]).tobytes() for _, a in sorted(arrays.items()))
    return _LENGTH.pack(len(head)) + head + body


def unpack(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays in ``content``; a byte too few or too many, or another type, is ``message-malformed``."""
    try:
        (length,) = _LENGTH.unpack_from(content)
        start = _LENGTH.size + length
        arrays = {}
        for item in json.loads(content[_LENGTH.size : start]):
            size = _ITEM_BYTES * math.prod(_shape(item["shape"]))
            flat = np.frombuffer(content[start : start + size], DTYPES[item["dtype"]])
            arrays[str(item["name"])] = flat.reshape(item["shape"]).copy()
            start += size
    except (ValueError, KeyError, TypeError, IndexError, struct.error, RecursionError) as error:
        raise Invalid("message-malformed") from error
    if start != len(content):
        raise Invalid("message-malformed")
    return arrays


def _shape(shape: list[int]) -> list[int]:
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("a shape is a list of whole numbers")
    return shape


__all__ = ["DTYPES", "Arrays", "Flags", "Floats", "Integers", "Ring", "pack", "unpack"]
