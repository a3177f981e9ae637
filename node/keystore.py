"""The node's secrets in one file that is worthless without a key kept elsewhere (envelope encryption)."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
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

    def __init__(self, path: Path, secrets: Mapping[str, bytes]) -> None:
        self.path = path
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
            wrapping_key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new_key = base64.b64encode(os.urandom(KEY_BYTES))
            put(wrapping_key_file, new_key)
        wrapping = AESGCM(_wrapping_key(wrapping_key_file))
        entries = {key_id: _wrap(wrapping, key_id, secret) for key_id, secret in secrets.items()}
        entries[CHECK] = _wrap(wrapping, CHECK, b"")
        content = json.dumps({"format": FORMAT, "entries": entries}, indent=1, sort_keys=True).encode()
        put(path, content)
        return cls(path, secrets)

    @classmethod
    def open(cls, path: Path, wrapping_key_file: Path) -> Keystore:
        """Open a keystore; a missing or wrong wrapping key, or a damaged entry, has its own code."""
        _require_outside(path, wrapping_key_file)
        entries = _entries(path)
        wrapping = AESGCM(_wrapping_key(wrapping_key_file))
        try:
            _unwrap(wrapping, CHECK, entries.pop(CHECK))
        except InvalidTag:
            raise Refusal("wrapping-key-wrong", str(wrapping_key_file)) from None
        try:
            return cls(path, {key_id: _unwrap(wrapping, key_id, entry) for key_id, entry in entries.items()})
        except InvalidTag:
            raise Tampered("keystore-tampered", str(path)) from None

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Return the names of the keys, sorted."""
        return tuple(sorted(self._secrets))

    def secret(self, key_id: str) -> bytes:
        """Return a secret; ``key-unknown`` when there is none of that id."""
        try:
            return self._secrets[key_id]
        except KeyError:
            raise Refusal("key-unknown", key_id) from None

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


__all__ = ["CHECK", "FORMAT", "KEY_BYTES", "NONCE_BYTES", "Keystore"]
