"""The node's secrets in one file that is worthless without a key kept elsewhere (envelope encryption)."""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privacy.atomic import put
from privacy.canonical import canonical
from privacy.errors import Refusal, Tampered, Unreachable

FORMAT = "hedgerow-keystore/1"
KEY_BYTES = 32  # AES-256
NONCE_BYTES = 12  # NIST SP 800-38D, section 8.2.2: random, for far fewer than 2^32 entries
CHECK = "wrapping@check"  # an entry that only tells a wrong wrapping key from a damaged entry


class Keystore:
    """Secrets by key id (``pseudonym@1``, ``store@1`` …), opened once and never shown, printed or pickled.

    Each entry is AES-256-GCM under the wrapping key, bound to its key id, so that entries cannot change
    places. The wrapping key is a file outside the node's directory: a copy of the directory, or a backup of
    it, opens nothing.
    """

    def __init__(self, path: Path, wrapping_key_file: Path, secrets: Mapping[str, bytes]) -> None:
        self.path = path
        self._wrapping_key_file = wrapping_key_file
        self._secrets = dict(secrets)

    @classmethod
    def create(cls, path: Path, wrapping_key_file: Path, secrets: Mapping[str, bytes]) -> Keystore:
        """Write a new keystore, and the wrapping key where there is none yet, both with mode 0600.

        Refuses to overwrite a keystore, and to put the wrapping key in the directory that it protects.
        """
        _require_outside(path, wrapping_key_file)
        if path.exists():
            raise Refusal("keystore-exists", str(path))
        if not wrapping_key_file.exists():
            make_wrapping_key(wrapping_key_file)
        put(path, _wrapped(secrets, wrapping_key_file))
        return cls(path, wrapping_key_file, secrets)

    @classmethod
    def open(cls, path: Path, wrapping_key_file: Path) -> Keystore:
        """Open a keystore; a missing or wrong wrapping key, or a damaged entry, has its own code."""
        _require_outside(path, wrapping_key_file)
        return cls(path, wrapping_key_file, _unwrapped(path, wrapping_key_file))

    def refresh(self) -> None:
        """Read the file again: another process may have changed it since this one started."""
        self._secrets = _unwrapped(self.path, self._wrapping_key_file)

    def change(self, *, put_in: Mapping[str, bytes] | None = None, take_out: Collection[str] = ()) -> None:
        """Add, replace and remove entries, all of them or none, whatever crashes; ``key-unknown`` removes nothing.

        What other processes changed meanwhile is kept. They find a new key id when they first ask for it, but go on
        with what they read under an old one: a secret that rotates gets the next id (``fleet@2``), never new content.
        """
        with _alone(self.path):
            secrets = _unwrapped(self.path, self._wrapping_key_file)
            if absent := sorted(set(take_out) - set(secrets)):
                raise Refusal("key-unknown", ", ".join(absent))
            kept = {key_id: secret for key_id, secret in secrets.items() if key_id not in take_out}
            self._replace({**kept, **(put_in or {})}, self._wrapping_key_file)

    def put_next(self, family: str, secret: bytes) -> str:
        """Add a secret as the next of its family (``fleet@1`` → ``fleet@2``) and return its key id."""
        with _alone(self.path):
            secrets = _unwrapped(self.path, self._wrapping_key_file)
            key_id = f"{family}@{1 + max(map(_number, _family(secrets, family)), default=0)}"
            self._replace({**secrets, key_id: secret}, self._wrapping_key_file)
        return key_id

    def rewrap(self, wrapping_key_file: Path) -> None:
        """Put every entry under another wrapping key: from then on this one opens the file and the one before does not.

        One replacement of one file: after a crash either of the two keys opens all of it. Run again, it goes on.
        """
        _require_outside(self.path, wrapping_key_file)
        with _alone(self.path):
            self._replace(_unwrapped(self.path, self._wrapping_key_file), wrapping_key_file)

    def _replace(self, secrets: Mapping[str, bytes], wrapping_key_file: Path) -> None:
        try:
            put(self.path, _wrapped(secrets, wrapping_key_file), replace=True)
        except OSError as error:
            raise Unreachable("home-unwritable", str(self.path)) from error
        self._secrets, self._wrapping_key_file = dict(secrets), wrapping_key_file

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Return the names of the keys, sorted."""
        return tuple(sorted(self._secrets))

    def secret(self, key_id: str) -> bytes:
        """Return a secret; ``key-unknown`` when there is none of that id."""
        if key_id not in self._secrets:
            self.refresh()
        try:
            return self._secrets[key_id]
        except KeyError:
            raise Refusal("key-unknown", key_id) from None

    def newest(self, family: str) -> str:
        """Return the id of the newest key of a family that was read; ``key-unknown`` when there is none."""
        if not (found := _family(self._secrets, family)):
            raise Refusal("key-unknown", family)
        return found[-1]

    def family(self, family: str) -> tuple[str, ...]:
        """Return the ids of one family's keys, oldest first, as they are in the file now."""
        self._secrets = _unwrapped(self.path, self._wrapping_key_file)
        return _family(self._secrets, family)

    def derive(self, key_id: str, *, purpose: str) -> bytes:
        """Return 32 bytes made from a secret for one purpose (HKDF-SHA256): purposes share no key."""
        info = canonical(["hedgerow/keystore/v1", key_id, purpose])
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self.secret(key_id))

    def __repr__(self) -> str:
        """Name the keys, never the secrets."""
        return f"Keystore({str(self.path)!r}, keys={self.key_ids})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into a plan, a queue or a log."""
        raise TypeError("a keystore is never serialised")


def make_wrapping_key(file: Path) -> None:
    """Write a new wrapping key, mode 0600; a file that is there already is FileExistsError."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    put(file, base64.b64encode(os.urandom(KEY_BYTES)))


def _family(key_ids: Iterable[str], family: str) -> tuple[str, ...]:
    return tuple(sorted((key_id for key_id in key_ids if key_id.rpartition("@")[0] == family), key=_number))


def _number(key_id: str) -> int:
    version = key_id.rpartition("@")[2]
    return int(version) if version.isdecimal() else 0


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock of the keystore's directory: of two changes at once, the second sees the first."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _wrapped(secrets: Mapping[str, bytes], wrapping_key_file: Path) -> bytes:
    wrapping = AESGCM(_wrapping_key(wrapping_key_file))
    entries = {key_id: _wrap(wrapping, key_id, secret) for key_id, secret in {**secrets, CHECK: b""}.items()}
    return json.dumps({"format": FORMAT, "entries": entries}, indent=1, sort_keys=True).encode()


def _unwrapped(path: Path, wrapping_key_file: Path) -> dict[str, bytes]:
    entries = _entries(path)
    wrapping = AESGCM(_wrapping_key(wrapping_key_file))
    try:
        _unwrap(wrapping, CHECK, entries.pop(CHECK))
    except InvalidTag:
        raise Refusal("wrapping-key-wrong", str(wrapping_key_file)) from None
    try:
        return {key_id: _unwrap(wrapping, key_id, entry) for key_id, entry in entries.items()}
    except InvalidTag:
        raise Tampered("keystore-tampered", str(path)) from None


def _require_outside(path: Path, wrapping_key_file: Path) -> None:
    if wrapping_key_file.resolve().is_relative_to(path.parent.resolve()):
        raise Refusal("wrapping-key-inside", str(wrapping_key_file))


def _wrapping_key(file: Path) -> bytes:
    try:
        if file.stat().st_mode & 0o077:
            raise Refusal("wrapping-key-exposed", str(file))
        key = base64.b64decode(file.read_bytes().strip(), validate=True)
    except OSError as error:
        raise Unreachable("wrapping-key-absent", str(file)) from error
    except binascii.Error:
        raise Refusal("wrapping-key-wrong", f"{file} is not base64") from None
    if len(key) != KEY_BYTES:
        raise Refusal("wrapping-key-wrong", f"{file} does not hold {KEY_BYTES} bytes")
    return key


def _entries(path: Path) -> dict[str, bytes]:
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT or CHECK not in document["entries"]:
            raise Tampered("keystore-tampered", str(path))
        return {name: base64.b64decode(entry, validate=True) for name, entry in document["entries"].items()}
    except OSError as error:
        raise Unreachable("keystore-absent", str(path)) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Tampered("keystore-tampered", str(path)) from None


def _wrap(wrapping: AESGCM, key_id: str, secret: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + wrapping.encrypt(nonce, secret, key_id.encode())).decode()


def _unwrap(wrapping: AESGCM, key_id: str, entry: bytes) -> bytes:
    if len(entry) < NONCE_BYTES:
        raise InvalidTag
    return wrapping.decrypt(entry[:NONCE_BYTES], entry[NONCE_BYTES:], key_id.encode())


__all__ = ["CHECK", "FORMAT", "KEY_BYTES", "NONCE_BYTES", "Keystore", "make_wrapping_key"]
