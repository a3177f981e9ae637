"""``SHA256SUMS``: the hash of every file of a folder, as ``sha256sum -c`` reads it."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from privacy.atomic import SHARED, put
from privacy.errors import Tampered, Unreachable

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (?!/)([^\n\x00-\x1f]+)")


def write_sums(home: Path) -> str:
    """Write the file over all others in a folder, by path; return its own SHA-256."""
    paths = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    content = "".join(f"{digest(home / path)}  {path}\n" for path in paths if path != NAME).encode()
    put(home / NAME, content, mode=SHARED)
    return hashlib.sha256(content).hexdigest()


def read_sums(home: Path) -> Mapping[str, str]:
    """Return the hash of each path; ``checksums-absent`` or ``pack-tampered``."""
    try:
        text = (home / NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable("checksums-absent", str(home)) from error
    found = [_LINE.fullmatch(line) for line in text.splitlines()]
    sums = {match[2]: match[1] for match in found if match is not None and ".." not in match[2].split("/")}
    if len(sums) < len(found):
        raise Tampered("pack-tampered", str(home), faults=[f"{NAME}: is not what a pack has"])
    return sums


def changed(home: Path) -> list[str]:
    """Return what is not as the sums say, as ``path: what is wrong``.

    Files that teams put beside are no fault; where data are read from (``data``, ``challenge``) nothing may be added.
    """
    sums = read_sums(home)
    wrong = []
    for path, wanted in sums.items():
        try:
            if digest(home / path) != wanted:
                wrong.append(f"{path}: is not what was packed")
        except OSError:
            wrong.append(f"{path}: is gone")
    inside = [path for folder in ("data", "challenge") for path in (home / folder).rglob("*") if path.is_file()]
    added = sorted({path.relative_to(home).as_posix() for path in inside} - set(sums))
    return wrong + [f"{path}: was not packed" for path in added]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits; OSError for a device or a pipe, which may have no end."""
    if not path.is_file():
        raise OSError(errno.EINVAL, "no file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = ["NAME", "changed", "digest", "read_sums", "write_sums"]
