"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished"
OWN, SHARED = 0o600, 0o644


def appear(path: Path, write: Callable[[BinaryIO], object], *, mode: int = OWN, replace: bool = False) -> None:
    """Write a file beside ``path``, force it to the disk, then name it; on any fault nothing is left.

    A name that is taken is FileExistsError, unless ``replace``. What a crash left unfinished is overwritten by the
    next try, or removed by whoever owns the directory.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWN), "wb") as file:
            write(file)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if replace:
            unfinished.rename(path)
        else:
            path.hardlink_to(unfinished)  # unlike a rename, this never replaces
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(path.parent)


def put(path: Path, content: bytes, *, mode: int = OWN, replace: bool = False) -> None:
    """Write ``content`` as ``appear`` does."""
    appear(path, lambda file: file.write(content), mode=mode, replace=replace)


def sync_directory(directory: Path) -> None:
    """Force a directory's entries to the disk: without it a power cut can forget a file's new name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["OWN", "SHARED", "UNFINISHED", "appear", "put", "sync_directory"]
