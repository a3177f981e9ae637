"""What both rooms ask of a directory, a state file, a disk and a certificate; nothing here changes what it looks at."""

from __future__ import annotations

import datetime
import os
import secrets
import sqlite3
import stat
import sys
from collections.abc import Mapping
from contextlib import closing
from importlib import metadata
from pathlib import Path

from cryptography import x509

from privacy.audit import CLOCK_MAY_LAG
from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from privacy.health import Look, beware, well, wrong

LEAST_FREE_BYTES = 200 * 2**20  # a study's releases, a checkpoint and a log rotation fit in this many times over
SCARCE_BYTES = 2 * 2**30
LEAST_FREE_FILES, SCARCE_FILES = 100, 1000
SOON_DAYS = 30  # a month's notice to carry a certificate or a kit from one organisation to another
PRIVATE_KEY = b"PRIVATE KEY-----"
SHOWN = 5


def look_at_modes(home: Path, *, readable: frozenset[str] = frozenset(), keys_in: frozenset[str] = frozenset()) -> Look:
    """Judge who may enter ``home`` and read what is in it; ``readable`` are names that others may read.

    Private keys belong in the directories ``keys_in`` and nowhere else below ``home``.
    """
    if not home.is_dir():
        raise Unreachable("home-absent", str(home))
    owner = home.stat().st_uid
    if os.geteuid() not in {owner, 0}:
        raise Refusal("home-exposed", f"{home} belongs to another account", faults=[f"chown -R $(id -un) {home}"])
    faults = [f"chmod 700 {home}"] if stat.S_IMODE(home.stat().st_mode) & 0o077 else []
    for path in sorted(home.rglob("*")):
        try:
            found = path.lstat()
        except FileNotFoundError:  # a program at work beside us makes and removes files
            continue
        if found.st_uid != owner:
            faults.append(f"chown --reference={home} {path}")
        if path.is_file() and stat.S_IMODE(found.st_mode) & (0o022 if path.name in readable else 0o077):
            faults.append(f"chmod {'644' if path.name in readable else '600'} {path}")
        if path.is_file() and path.parent.name not in keys_in and _holds_key(path):
            faults.append(f"mv {path} SOMEWHERE-ELSE      (a private key)")
    if faults:
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise Refusal("home-exposed", str(home), faults=faults[:SHOWN] + more)
    return well("one account owns it, and nobody else may read it")


def _holds_key(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return PRIVATE_KEY in file.read(64)
    except OSError:
        return False


def look_at_state(path: Path, file_format: int) -> Look:
    """Have SQLite read the whole state file, without writing to it, and hold its format against ours."""
    if not path.is_file():
        raise Tampered("state-damaged", f"{path} is not there")
    if path.stat().st_size == 0:
        raise Tampered("state-damaged", f"{path} is empty")
    try:
        found, sound = _inspected(path, "mode=ro")
    except sqlite3.OperationalError:  # a disk that takes no lock file: what is there can still be read
        found, sound = _inspected(path, "mode=ro&immutable=1")
    if not sound:
        raise Tampered("state-damaged", str(path))
    if found not in {0, file_format}:
        raise Refusal("state-old" if found < file_format else "state-newer", f"{path} is of format {found}")
    return well(f"format {file_format}; every page reads and fits")


def _inspected(path: Path, options: str) -> tuple[int, bool]:
    """Return a file's format, and whether all its pages and references hold."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=5.0)) as connection:
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            damage = [row[0] for row in connection.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
            return found, not damage and connection.execute("PRAGMA foreign_key_check").fetchone() is None
    except sqlite3.OperationalError as error:
        if "immutable" not in options:
            raise
        raise Unreachable("state-unreadable", f"{path}: {type(error).__name__}") from None
    except sqlite3.DatabaseError:  # not SQLite, or pages that cannot be read
        return 0, False


def look_at_disk(directory: Path) -> Look:
    """Judge room for bytes and for files, and write, sync and remove one small file."""
    if not directory.is_dir():
        raise Unreachable("home-absent", str(directory))
    room = os.statvfs(directory)
    free, files = room.f_bavail * room.f_frsize, room.f_favail if room.f_files else SCARCE_FILES
    probe = directory / f".probe-{secrets.token_hex(4)}.unfinished"
    try:
        descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, bytes(4096))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise Unreachable("home-unwritable", f"{directory}: {type(error).__name__} {error.errno}") from None
    told = f"{free / 2**30:.1f} GiB and {files} files free; a file was written and synced"
    if free < LEAST_FREE_BYTES or files < LEAST_FREE_FILES:
        return wrong(Unreachable("disk-full", str(directory)), told)
    if free < SCARCE_BYTES or files < SCARCE_FILES:
        return beware(told, f"du -xh {directory} | sort -h | tail; then make room or enlarge the disk.")
    return well(told)


def look_at_clock(now: datetime.datetime, newest: datetime.datetime | None) -> Look:
    """Hold the clock against the newest thing written here; far behind is what the log refuses too."""
    behind = newest - now if newest else datetime.timedelta()
    if behind > CLOCK_MAY_LAG:
        raise Refusal("clock-behind", f"by {_days(behind)}")
    if behind > datetime.timedelta(seconds=1):
        return beware(f"behind what is written here by {_days(behind)}", "timedatectl status")
    return well("not behind what is written here")


def look_at_certificate(certificate: x509.Certificate, now: datetime.datetime, renew: str) -> Look:
    """Judge how long a certificate is still good for."""
    if now < certificate.not_valid_before_utc:
        raise Invalid("certificate-expired", "it is not good yet: look at this computer's clock")
    left = certificate.not_valid_after_utc - now
    if left <= datetime.timedelta(0):
        raise Invalid("certificate-expired", f"{_days(-left)} ago")
    told = f"good for {_days(left)}"
    return beware(told, renew) if left < datetime.timedelta(days=SOON_DAYS) else well(told)


def look_at_versions(pinned: Mapping[str, str], package: str) -> Look:
    """Hold installed packages against the versions that this release was built and tested with."""
    faults = []
    for name, version in pinned.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "absent"
        if found.split("+")[0] != version:
            faults.append(f"{name} is {found}; this release needs {version}")
    if faults:
        raise Refusal("versions-wrong", faults=faults)
    python = ".".join(map(str, sys.version_info[:3]))
    shown = ", ".join(f"{name} {version}" for name, version in pinned.items())
    return well(f"software {package[:12]}, Python {python}, SQLite {sqlite3.sqlite_version}, {shown}")


def _days(span: datetime.timedelta) -> str:
    if span >= datetime.timedelta(days=2):
        return f"{span.days} days"
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 2 else f"{span.total_seconds():.0f} s"


__all__ = [
    "LEAST_FREE_BYTES",
    "LEAST_FREE_FILES",
    "PRIVATE_KEY",
    "SCARCE_BYTES",
    "SCARCE_FILES",
    "SHOWN",
    "SOON_DAYS",
    "look_at_certificate",
    "look_at_clock",
    "look_at_disk",
    "look_at_modes",
    "look_at_state",
    "look_at_versions",
]
