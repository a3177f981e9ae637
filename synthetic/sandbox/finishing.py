"""Fills in the contracts that ship for made-up records: what a data team would write, and only columns that come."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from privacy.contracts.ready_made import find

HEAD = """\
# The contract of made-up records: the one that ships as {name}, filled in. No patient is in them.
"""
_COLUMN = re.compile(r"^\[columns\.(\w+)\]$", re.MULTILINE)
_TODO = re.compile(r'^(\w+) = "TODO: .*"$', re.MULTILINE)
_BAD_ROWS = re.compile(r"^bad_rows_at_most = (\S+)$", re.MULTILINE)


def finished(name: str, *, columns: Collection[str], said: Mapping[str, str], bad_rows: float = 0.0) -> str:
    """Return the text of a ready-made contract with its open places filled in by ``said``, field by field.

    Only ``columns`` are left in it, which the source has. ``bad_rows`` is the share of rows that were spoilt on
    purpose: a load of them must pass, so twice as many are let through where the contract would take fewer.
    """
    head, *declared = find(name).text.split("\n\n")[1:]
    kept = [each for each in declared if _column(each) in columns]
    if missing := set(columns) - {_column(each) for each in kept}:
        raise KeyError(", ".join(sorted(missing)))
    head = _BAD_ROWS.sub(lambda found: f"bad_rows_at_most = {max(float(found[1]), min(1.0, 2 * bad_rows)):g}", head)
    text = "\n\n".join([HEAD.format(name=name) + "\n" + head, *kept])
    return _TODO.sub(lambda found: f"{found[1]} = {json.dumps(said[found[1]])}", text).rstrip("\n") + "\n"


def _column(declared: str) -> str:
    found = _COLUMN.search(declared)
    return found[1] if found else ""


__all__ = ["HEAD", "finished"]
