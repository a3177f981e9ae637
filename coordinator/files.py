"""Files that appear whole or not at all, and are never written over."""

from __future__ import annotations

import os
from pathlib import Path

UNFINISHED = ".unfinished"


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write beside ``path``, force to the disk, then give the name; FileExistsError if that is taken."""
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.unlink(missing_ok=True)  # left by a crash
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.link(unfinished, path)  # unlike a rename, this never replaces
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


__all__ = ["UNFINISHED", "sync_directory", "write_new"]
