"""What a full disk, or one that cannot be written to, is called."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from privacy.errors import Unreachable

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def disk_faults(home: Path) -> Iterator[None]:
    """Call a fault of the disk by its code: ``data-set-no-room``, or ``file-unwritable``."""
    try:
        yield
    except OSError as error:
        full = error.errno in NO_ROOM
        raise Unreachable("data-set-no-room" if full else "file-unwritable", str(home)) from error


__all__ = ["NO_ROOM", "disk_faults"]
