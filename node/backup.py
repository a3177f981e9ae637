"""A node's whole state in one file, and back; and its state brought to the format of newer software."""

from __future__ import annotations

import datetime
import sqlite3
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from node.assemble import FLOWER, IDENTITY_KEY, KEYSTORE, RECORDS, STATE, Node, open_node
from node.clock import Clock, stamp
from node.contact import FILE as CONTACT
from node.contact import LOCK as SERVE_LOCK
from node.files import LOCK, recorded_in
from node.keystore import Keystore
from node.migrations import FORMAT, MIGRATIONS
from node.settings import FILE
from privacy.alone import alone
from privacy.archive import About, Manifest, Progress, is_sealed, open_itself, restored, write_archive
from privacy.atomic import UNFINISHED, put
from privacy.audit import Checkpoint, Scribe
from privacy.durable import Migration, copy, format_of, migrate, reading
from privacy.errors import Refusal, Tampered, Unreachable
from privacy.signing import PublicKey
from privacy.software import installed_version
from privacy.toml_file import toml_lines

PROGRAM = "hedgerow-node"
UPGRADED = "upgraded"
LEFT_OUT = ("-wal", "-shm", ".lock", UNFINISHED, CONTACT)  # of this process's life, not of the state


@dataclass(frozen=True)
class Upgraded:
    """Which steps were taken, by title, and the backup from before, if one was made."""

    steps: Sequence[str]
    backup: Path | None


def back_up(node: Node, file: Path, *, progress: Progress = lambda *_: None) -> Manifest:
    """Write the state as of one moment into ``file``, new and 0600, while the service runs; loads wait for it.

    It has the state in whatever format, the records that the state names, keystore, policy, settings and models: all
    that the directory holds. The wrapping key is not in the directory, and so never in a backup.
    """
    home = node.home.absolute()
    if file.absolute().resolve().is_relative_to(home.resolve()):
        raise Refusal("backup-inside", str(file))
    with _no_loads(home), tempfile.TemporaryDirectory(prefix=f".{home.name}.", dir=home.parent) as place:
        files = _small_files_kept(home, Path(place))
        state = Path(place) / STATE
        copy(home / STATE, state)  # last: files of a policy before it are known, and written anew
        files[STATE] = state
        checkpoint = _look_through(state, files, node)
        about = About(
            PROGRAM,
            node.settings.name,
            PublicKey.of(node.key).text,
            installed_version(),
            format_of(state),
            stamp(node.now()),
            asdict(checkpoint),
        )
        return write_archive(file, files, about, node.key, progress=progress)


def restore(
    file: Path,
    home: Path,
    *,
    wrapping_key: Path,
    environ: Mapping[str, str],
    now: Clock,
    progress: Progress = lambda *_: None,
) -> Manifest:
    """Make a node's directory from a backup, verified whole before it appears; ``home`` must be empty or absent.

    A state of an earlier format is brought up to ours. Whether it is the newest that the node ever had, only the
    coordinator can tell: the node asks it before it answers anything.
    """
    home, wrapping_key = home.absolute(), wrapping_key.absolute()
    if wrapping_key.resolve().is_relative_to(home.resolve()):
        raise Refusal("wrapping-key-inside", str(wrapping_key))
    if is_sealed(file):
        raise Refusal("backup-foreign", "a node's backup is under no passphrase")
    with restored(file, home, progress=progress) as (manifest, place):
        if manifest.about.program != PROGRAM or not {STATE, KEYSTORE, FILE} <= manifest.files.keys():
            raise Refusal("backup-foreign", manifest.about.program)
        _point_at(place / FILE, wrapping_key)
        keystore = Keystore.open(place / KEYSTORE, wrapping_key)
        node = open_node(place, environ, now, flags={"wrapping_key_file": wrapping_key})
        if PublicKey.of(node.key).text != manifest.about.public_key or IDENTITY_KEY not in keystore.key_ids:
            raise Refusal("backup-foreign", "another identity signed it")
        _migrate(node)
        node.verify(elsewhere=[Checkpoint(**manifest.about.checkpoint)])
        node.database.close()
    return manifest


def upgrade(node: Node, *, backup: Path | None, progress: Progress = lambda *_: None) -> Upgraded:
    """Bring the state to the format of this software, with a leaf for each step; a node that serves is refused.

    ``backup`` is written first. Each step is whole or not taken, so an upgrade that was cut off is finished by another.
    """
    with alone(node.home / SERVE_LOCK, Unreachable("node-running", str(node.home))):
        found = format_of(node.home / STATE)
        steps: list[Migration] = []
        if found < FORMAT:
            if backup is not None:
                back_up(node, backup, progress=progress)
            steps = _migrate(node)
        node.verify()
        if steps:
            node.sign_log()
        return Upgraded([step.title for step in steps], backup if found < FORMAT else None)


def default_backup(home: Path, now: datetime.datetime) -> Path:
    """Return where a backup goes when nobody says: beside the directory, named by the time."""
    home = home.absolute()
    return home.with_name(f"{home.name}.{now.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}.backup")


def _migrate(node: Node) -> list[Migration]:
    scribe, at = Scribe(node.key), stamp(node.now())

    def note(connection: sqlite3.Connection, step: Migration) -> None:
        facts = {"from": step.format - 1, "to": step.format}
        scribe.append(connection, UPGRADED, facts, at=at, whatever_the_clock=True)  # else the clock could not be mended

    return migrate(node.home / STATE, MIGRATIONS, note=note)


def _look_through(state: Path, files: Mapping[str, Path], node: Node) -> Checkpoint:
    """Sign the copied log; a file that the copy names and nobody has would be a backup of nothing."""
    with reading(state) as connection:
        tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
        named = connection.execute(recorded_in(tables)).fetchall() if "data_version" in tables else []
        missing = [row["file"] for row in named if f"{RECORDS}/{row['file']}" not in files]
        if missing:
            raise Tampered("store-tampered", missing[0])
        return Scribe(node.key).signed(connection)


def _small_files_kept(home: Path, place: Path) -> dict[str, Path]:
    """Return every file of the directory but the state; what may be replaced meanwhile is read now, all of it."""
    files = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home)
        if path.is_symlink() and name.parts[0] != FLOWER:  # followed, it could bring the wrapping key into the backup
            raise Refusal("backup-link", str(path))
        if not path.is_file() or name.parts[0] == FLOWER or name.name == STATE or name.name.endswith(LEFT_OUT):
            continue
        files[str(name)] = path
        if len(name.parts) == 1:
            kept = place / f"{len(files)}.kept"
            with open_itself(path) as file:
                put(kept, file.read())
            files[str(name)] = kept
    return files


def _point_at(settings: Path, wrapping_key: Path) -> None:
    try:
        values = tomllib.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Tampered("backup-damaged", FILE) from error
    values["wrapping_key_file"] = str(wrapping_key)
    put(settings, toml_lines(values).encode(), replace=True)


def _no_loads(home: Path) -> AbstractContextManager[None]:
    """Hold the store's lock: what a load writes, or erasing removes, is there before the backup or after it."""
    directory = home / RECORDS
    return alone(directory / LOCK, Unreachable("store-busy", str(home))) if directory.is_dir() else nullcontext()


__all__ = ["LEFT_OUT", "PROGRAM", "UPGRADED", "Upgraded", "back_up", "default_backup", "restore", "upgrade"]
