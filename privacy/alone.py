"""One process at a time: a lock that the operating system gives back even after a crash."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from privacy.errors import Unreachable


@contextmanager
def alone(path: Path, busy: Unreachable) -> Iterator[None]:
    """Hold the lock in ``path``; raise ``busy`` when another process holds it."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise Unreachable("state-unreadable", str(path)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise busy from None
    finally:
        os.close(descriptor)


__all__ = ["alone"]
