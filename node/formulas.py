"""Texts of records on their way into a spreadsheet and back: none is carried out there, and none comes back changed."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"'*[=+\-@\t\r]"  # what a spreadsheet begins to calculate at, and what would be taken for a guarded one
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def guarded(text: str) -> str:
    """Return a text with an apostrophe before what a spreadsheet would take for a formula; plain numbers stay."""
    return f"'{text}" if re.match(_FORMULA, text) and not _NUMBER.fullmatch(text) else text


def unguarded(texts: pa.Array) -> pa.Array:
    """Return texts as they were before ``guarded``."""
    return pc.replace_substring_regex(texts, pattern=f"^'({_FORMULA})", replacement=r"\1")


__all__ = ["guarded", "unguarded"]
