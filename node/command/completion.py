"""What a shell offers while somebody types: read from the state as it lies there, without opening the node."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from node.environment import HOME_VARIABLE

STATE = "state.sqlite"


def study_names(incomplete: str) -> list[str]:
    """Return the names of studies here that begin so; nothing when there is no node to ask."""
    file = Path(os.environ.get(HOME_VARIABLE, "")).absolute() / STATE
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=0.2)) as connection:
            names = [str(row[0]) for row in connection.execute("SELECT name FROM study ORDER BY rowid DESC")]
    except sqlite3.Error:
        return []
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


__all__ = ["STATE", "study_names"]
