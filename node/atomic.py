"""Files that appear whole or not at all, readable by the node's own account only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished"


def appear(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside ``path``, force it to the disk, then name it; on any fault nothing is left.

    What a crash left unfinished is overwritten by the next try, or removed by whoever owns the directory.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Force a directory's entries to the disk: without it a power cut can forget a file's new name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["UNFINISHED", "appear", "sync_directory"]
