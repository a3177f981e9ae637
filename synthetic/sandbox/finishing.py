"""Fills in the contracts that ship for made-up records: what a data team would write, and only columns that come."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from privacy.contracts.ready_made import find
from synthetic.lives.codes import codes
from synthetic.sandbox.shapes import Shape

HEAD = """\
# The contract of made-up records: the one that ships as {name}, filled in. No patient is in them.
"""
_COLUMN = re.compile(r"^\[columns\.(\w+)\]$", re.MULTILINE)
_TODO = re.compile(r'^(\w+) = "TODO: .*"$', re.MULTILINE)
_SYSTEM = re.compile(r"^(system|codes) = .*$", re.MULTILINE)
_BAD_ROWS = re.compile(r"^bad_rows_at_most = (\S+)$", re.MULTILINE)


def finished(shape: Shape, *, said: Mapping[str, str], bad_rows: float = 0.0) -> str:
    """Return the text of the contract that a shape's sources have, its open places filled in by ``said``.

    Only columns that the sources have are left in it. ``bad_rows`` is the share of rows that were spoilt on purpose: a
    load of them must pass, so twice as many are let through where the contract would take fewer.
    """
    head, *declared = find(shape.contract).text.split("\n\n")[1:]
    kept = {_column(each): each for each in declared if _column(each) in shape.columns}
    for column in shape.local:
        kept[column] = _SYSTEM.sub(
            lambda found: 'system = "local"' if found[1] == "system" else _systems(), kept[column]
        )
    head = _BAD_ROWS.sub(lambda found: f"bad_rows_at_most = {max(float(found[1]), min(1.0, 2 * bad_rows)):g}", head)
    text = "\n\n".join([HEAD.format(name=shape.contract) + "\n" + head, *kept.values()]).rstrip("\n")
    text = _TODO.sub(lambda found: f"{found[1]} = {json.dumps(said[found[1]])}", text)
    return "\n\n".join([text, *shape.checks]) + "\n"


def _systems() -> str:
    return f"codes = {json.dumps(sorted({each.system for each in codes()}))}"


def _column(declared: str) -> str:
    found = _COLUMN.search(declared)
    return found[1] if found else ""


__all__ = ["HEAD", "finished"]
