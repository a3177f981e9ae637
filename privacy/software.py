"""Which software is this? One hash of the five rooms' source, which every study names, and a version for people."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

from privacy.errors import Refusal
from privacy.rooms import ROOMS


@cache
def package_sha256() -> str:
    """Hash of the installed rooms' source, so that a study names exactly the software it was approved for.

    In hex: SHA-256 over one line a file (its path and its content's SHA-256), sorted by path, so that an
    editable install and a wheel of the same source agree. Refuses when there is no source to read: a hash of
    nothing names nothing.
    """
    root = Path(__file__).resolve().parent.parent
    paths = (path for room in ROOMS for path in (root / room).rglob("*.py"))
    files = {path.relative_to(root).as_posix(): path for path in paths}
    if "privacy/software.py" not in files:
        raise Refusal("software-unreadable", str(root))
    lines = (f"{name} {hashlib.sha256(files[name].read_bytes()).hexdigest()}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def installed_version() -> str:
    """Return the version of the installed package, such as ``0.1.0``; empty when it was never installed."""
    try:
        return metadata.version("hedgerow")
    except metadata.PackageNotFoundError:
        return ""


__all__ = ["installed_version", "package_sha256"]
