"""A coordinator's whole state in one file under a passphrase, and back; and its state brought to a newer format."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coordinator.home import DATABASE, FLEET, Home, open_home
from coordinator.migrations import FORMAT, MIGRATIONS
from coordinator.settings import FILE
from privacy.archive import About, Manifest, Progress, is_sealed, restored, write_archive
from privacy.atomic import UNFINISHED
from privacy.durable import copy, format_of, migrate
from privacy.errors import Refusal
from privacy.signing import PublicKey
from privacy.software import installed_version

PROGRAM = "hedgerow-coordinator"
LEFT_OUT = ("-wal", "-shm", ".lock", UNFINISHED)  # of this process's life, not of the state

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Upgraded:
    """Which steps were taken, by title, and the backup from before, if one was made."""

    steps: Sequence[str]
    backup: Path | None


def back_up(home: Home, file: Path, *, passphrase: str, now: Clock, progress: Progress = lambda *_: None) -> Manifest:
    """Write the state as of one moment into ``file``, new and 0600, under a passphrase, while the service runs.

    It has everything, the private keys too: nodes know a coordinator by them, so a backup without them would bring
    back a coordinator that no node believes. That is why there is none without a passphrase.
    """
    if file.absolute().resolve().is_relative_to(home.path.absolute().resolve()):
        raise Refusal("backup-inside", str(file))
    with tempfile.TemporaryDirectory(prefix=f".{home.path.name}.", dir=home.path.absolute().parent) as place:
        state = Path(place) / DATABASE
        copy(home.path / DATABASE, state)  # first: a model that it names was written before it was named
        files = {**_files(home.path), DATABASE: state}
        public, made_at = PublicKey.of(home.identity).text, now().astimezone(UTC).isoformat(timespec="seconds")
        about = About(PROGRAM, home.settings.name, public, installed_version(), format_of(state), made_at, {})
        return write_archive(file, files, about, home.identity, passphrase=passphrase, progress=progress)


def restore(
    file: Path,
    path: Path,
    *,
    passphrase: str,
    environ: Mapping[str, str],
    progress: Progress = lambda *_: None,
) -> Manifest:
    """Make a coordinator's directory from a backup, checked before it appears; ``path`` must be empty or absent.

    A state of an earlier format is brought up to ours.
    """
    if not is_sealed(file):
        raise Refusal("backup-foreign", "a coordinator's backup is under a passphrase")
    with restored(file, path, passphrase=passphrase, progress=progress) as (manifest, place):
        if manifest.about.program != PROGRAM or not {DATABASE, FILE} <= manifest.files.keys():
            raise Refusal("backup-foreign", manifest.about.program)
        home = open_home(place, environ=environ)
        if PublicKey.of(home.identity).text != manifest.about.public_key:
            raise Refusal("backup-foreign", "another identity signed it")
        migrate(place / DATABASE, MIGRATIONS)
        _check(home)
    return manifest


def is_old(home: Home) -> bool:
    """Say whether the state is of an earlier format than this software's."""
    return format_of(home.path / DATABASE) < FORMAT


def upgrade(
    home: Home, *, backup: Path | None, passphrase: str, now: Clock, progress: Progress = lambda *_: None
) -> Upgraded:
    """Bring the state to the format of this software; a coordinator that serves is refused.

    ``backup`` is written first. Each step is whole or not taken, so an upgrade that was cut off is finished by another.
    """
    with home.alone():
        found = format_of(home.path / DATABASE)
        made = backup if found < FORMAT else None
        if made is not None:
            back_up(home, made, passphrase=passphrase, now=now, progress=progress)
        steps = migrate(home.path / DATABASE, MIGRATIONS)
        _check(home)
        return Upgraded([step.title for step in steps], made)


def default_backup(home: Home, now: datetime) -> Path:
    """Return where a backup goes when nobody says: beside the directory, named by the time."""
    path = home.path.absolute()
    return path.with_name(f"{path.name}.{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.backup")


def _files(home: Path) -> dict[str, Path]:
    names = {path.relative_to(home): path for path in home.rglob("*") if path.is_file()}
    return {
        str(name): path
        for name, path in names.items()
        if name.parts[0] != FLEET and name.name != DATABASE and not name.name.endswith(LEFT_OUT)
    }


def _check(home: Home) -> None:
    database = home.database()
    database.check()
    database.close()


__all__ = ["LEFT_OUT", "PROGRAM", "Clock", "Upgraded", "back_up", "default_backup", "is_old", "restore", "upgrade"]
