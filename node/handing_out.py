"""What people of this node take away: a new file outside the node's directory, which only this account can read."""

from __future__ import annotations

import os
from pathlib import Path

from privacy.atomic import put
from privacy.errors import Refusal, Unreachable


def hand_out(content: bytes, out: Path, *, home: Path) -> None:
    """Write a file of mode 0600, whole or not at all; ``require_new`` says where it may be."""
    require_new(out, home=home)
    try:
        put(out, content)
    except OSError as error:
        raise Unreachable("file-unwritable", str(out)) from error


def require_new(out: Path, *, home: Path) -> None:
    """Return if ``out`` can be made and is not in the node's directory; asked before anybody's visit is logged.

    Nothing lies there in clear, and no erasure would find it: ``out-inside-home``. A file that is there already, or a
    directory that takes none, is ``file-unwritable``.
    """
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(home)):
        raise Refusal("out-inside-home", str(out))
    if os.path.lexists(out) or not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise Unreachable("file-unwritable", str(out))


__all__ = ["hand_out", "require_new"]
