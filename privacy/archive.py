"""A backup in one file: a signed list of what is in it, then the files themselves; plain, or under a passphrase."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.atomic import appear, sync_directory
from privacy.envelope import LARGEST_BYTES, Envelope
from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from privacy.sealed import SEALED, SealedReader, SealedWriter
from privacy.signing import PublicKey

PLAIN = b"hedgerow-backup/1\n"
BACKUP = "backup"  # the context of the signature
PIECE = 1 << 20
_LENGTH = struct.Struct(">I")
Progress = Callable[[int, int], None]


class Readable(Protocol):
    """Something that gives bytes in order."""

    def read(self, size: int, /) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""


@dataclass(frozen=True)
class About:
    """Whose state it is, as of when: ``checkpoint`` is the size and root of a node's log; empty for a coordinator."""

    program: str
    name: str
    public_key: str
    software: str
    state_format: int
    made_at: str
    checkpoint: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself, under the signature of the key that it names; ``files`` has size and SHA-256."""

    about: About
    files: Mapping[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """Return how many bytes the files have together."""
        return sum(size for size, _ in self.files.values())


def write_archive(
    path: Path,
    files: Mapping[str, Path],
    about: About,
    key: Ed25519PrivateKey,
    *,
    passphrase: str | None = None,
    progress: Progress = lambda *_: None,
) -> Manifest:
    """Write ``files`` (by the name each gets back) into one new file of mode 0600: whole, or not at all.

    Each file is read twice, once for its hash; one that changed in between is ``backup-unsteady``. Memory does not
    grow with what is written. Nothing is ever replaced: a name that is taken is ``file-unwritable``.
    """
    if path.exists() or path.is_symlink() or not path.parent.is_dir():  # said at once, not after hours of writing
        raise Unreachable("file-unwritable", str(path))
    listed = {name: _measured(source) for name, source in sorted(files.items())}
    manifest = Manifest(about, listed)
    head = {"about": asdict(about), "files": [[name, size, digest] for name, (size, digest) in listed.items()]}
    envelope = Envelope.seal(key, BACKUP, head).encode()

    def write(file: BinaryIO) -> None:
        into = file if passphrase is None else SealedWriter(file, passphrase)
        into.write(PLAIN + _LENGTH.pack(len(envelope)) + envelope)
        done = 0
        for name, (size, digest) in listed.items():
            with open_itself(files[name]) as source:
                if _copied(source, into.write, size) != digest or source.read(1):
                    raise Unreachable("backup-unsteady", name)
            done += size
            progress(done, manifest.size)
        if isinstance(into, SealedWriter):
            into.finish()

    try:
        appear(path, write)
    except OSError as error:
        raise Unreachable("file-unwritable", str(path)) from error
    return manifest


@contextmanager
def restored(
    path: Path, home: Path, *, passphrase: str | None = None, progress: Progress = lambda *_: None
) -> Iterator[tuple[Manifest, Path]]:
    """Give what a backup says and a directory with its files; the directory becomes ``home`` if all goes well inside.

    ``home`` must be empty or absent. On any fault nothing is left. A backup that is not whole, or not as it was
    signed, is ``backup-damaged``; who signed it is for the caller to judge.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Refusal("home-exists", str(home))
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
    except OSError as error:
        raise Unreachable("home-unwritable", str(home.parent)) from error
    try:
        with _opened(path) as file:
            manifest = _extracted(file, place, passphrase, progress)
        yield manifest, place
        place.rename(home)
        sync_directory(home.parent)
    except OSError as error:
        raise Unreachable("home-unwritable", str(home)) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def is_sealed(path: Path) -> bool:
    """Say whether a backup needs a passphrase."""
    with _opened(path) as file:
        return file.read(len(SEALED)) == SEALED


def open_itself(path: Path) -> BufferedReader:
    """Open a file to read, and never what a link of that name leads to: ``file-unreadable``."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    with file:
        yield file


def _extracted(file: BinaryIO, place: Path, passphrase: str | None, progress: Progress) -> Manifest:
    sealed = file.read(len(SEALED)) == SEALED
    file.seek(0)
    if sealed and passphrase is None:
        raise Unreachable("passphrase-absent", "the backup is under one")
    source: Readable = SealedReader(file, passphrase) if sealed and passphrase is not None else file
    manifest = _manifest(source)
    done = 0
    for name, (size, digest) in manifest.files.items():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with target.open("xb") as into:
            target.chmod(0o600)
            if _copied(source, into.write, size) != digest:
                raise Tampered("backup-damaged", name)
            into.flush()
            os.fsync(into.fileno())
        done += size
        progress(done, manifest.size)
    if source.read(1):
        raise Tampered("backup-damaged", "something follows its end")
    return manifest


def _manifest(source: Readable) -> Manifest:
    """Read what the backup says of itself, its signature checked by the key that it names."""
    if source.read(len(PLAIN)) != PLAIN:
        raise Tampered("backup-damaged", "it does not begin as one")
    try:
        (length,) = _LENGTH.unpack(source.read(_LENGTH.size))
        envelope = Envelope.decode(source.read(min(length, LARGEST_BYTES)))
        about = About(**envelope.header["about"])
        envelope.verify(PublicKey(about.public_key), BACKUP)
        files = {name: (size, digest) for name, size, digest in envelope.header["files"]}
        sound = all(_is_name(n) and type(s) is int and s >= 0 for n, (s, _) in files.items())
    except (struct.error, KeyError, TypeError, ValueError, AttributeError, Invalid, Tampered):
        raise Tampered("backup-damaged", "its list of files") from None
    if not sound or len(files) != len(envelope.header["files"]):
        raise Tampered("backup-damaged", "its list of files")
    return Manifest(about, files)


def _is_name(name: object) -> bool:
    """Say whether a name leads somewhere below the directory, and is spelt in the one way."""
    if not isinstance(name, str) or "\0" in name or "\\" in name:
        return False
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and str(path) == name


def _measured(path: Path) -> tuple[int, str]:
    with open_itself(path) as file:
        try:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Unreachable("file-unreadable", str(path)) from error
        return file.tell(), digest


def _copied(source: Readable, write: Callable[[bytes], object], size: int) -> str:
    """Copy up to ``size`` bytes and return their SHA-256; too few give another hash than was signed."""
    digest, left = hashlib.sha256(), size
    while left and (piece := source.read(min(left, PIECE))):
        write(piece)
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest() if not left else ""


__all__ = [
    "BACKUP",
    "PIECE",
    "PLAIN",
    "About",
    "Manifest",
    "Progress",
    "Readable",
    "is_sealed",
    "open_itself",
    "restored",
    "write_archive",
]
