"""Reads the contracts of the canonical tables."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from privacy.contract import Contract
from privacy.contract_file import read_contract

DIRECTORY = Path(__file__).parent
TABLES = ("people", "events")  # in the order in which a node takes them


@cache
def contracts() -> dict[str, Contract]:
    """Return the contract of each canonical table, by the table's name."""
    return {table: read_contract(path_of(table)) for table in TABLES}


def path_of(table: str) -> Path:
    """Return where the contract of a table lies."""
    return DIRECTORY / f"synthetic-{table}.toml"


__all__ = ["DIRECTORY", "TABLES", "contracts", "path_of"]
