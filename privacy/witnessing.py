"""What is said of a log: its node tells how long it is and asks for a fresh word, and others sign what they saw."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import Document
from privacy.envelope import Envelope
from privacy.errors import Invalid, Tampered
from privacy.fields import LARGEST_WHOLE
from privacy.proofs import EMPTY, LONGEST_PATH, Path, check_consistency
from privacy.signing import PublicKey

WORD = "log"  # the context of the signatures
NONCE_BYTES = 32
FINGERPRINT, HASH = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")

WordKind = Literal["checkpoint", "asked", "cosigned"]


@dataclass(frozen=True)
class Word:
    """One signed statement ``by`` somebody about the log of the node ``log``; none of it depends on patients.

    * ``checkpoint``: by the node itself: of ``size`` leaves its root is ``root``, and ``path`` proves that it continues
      the log of ``old`` leaves.
    * ``asked``: by the node itself: ``witness`` is asked what it knows of the log, for ``nonce``.
    * ``cosigned``: by somebody else: ``size`` and ``root`` are the newest that it saw, and continue all that it signed
      before. It carries that checkpoint as the node signed it, so that nobody can say of a log what its node did not.
      With ``nonce`` it is the answer to who asked, and fresh; ``size`` is then 0 if it never saw any.
    """

    kind: WordKind
    by: str
    log: str
    size: int = 0
    root: str = EMPTY
    old: int = 0
    path: Path = ()
    witness: str = ""
    nonce: str = ""
    at: str = ""

    def __post_init__(self) -> None:
        texts = ((FINGERPRINT, self.by), (FINGERPRINT, self.log), (HASH, self.root), *((HASH, p) for p in self.path))
        optional = ((FINGERPRINT, self.witness), (HASH, self.nonce), (STAMP, self.at))
        sound = (
            self.kind in get_args(WordKind)
            and all(_is_text(text) and form.fullmatch(text) for form, text in texts)
            and all(_is_text(text) and (not text or form.fullmatch(text)) for form, text in optional)
            and all(type(n) is int and 0 <= n <= LARGEST_WHOLE for n in (self.size, self.old))
            and len(self.path) <= LONGEST_PATH
            and (self.kind == "cosigned" or self.by == self.log)
        )
        if not sound:
            raise Invalid("message-malformed")

    def continues(self, root: str) -> None:
        """Return if this checkpoint is proven to continue the log of ``old`` leaves with ``root``; ``proof-wrong``."""
        check_consistency(old=self.old, old_root=root, new=self.size, new_root=self.root, path=self.path)


@dataclass(frozen=True)
class Said:
    """A word as it was signed, with the key of who said it: whoever keeps it can show it to anybody."""

    key: PublicKey
    content: bytes

    @classmethod
    def of(cls, document: object) -> Said:
        """Return what plain data holds, nothing checked but its form; anything else is ``message-malformed``."""
        match document:
            case {"key": str(key), "word": str(word), **rest} if not rest and PublicKey(key).sound:
                return cls(PublicKey(key), content_of(word))
        raise Invalid("message-malformed")

    def document(self) -> Document:
        """Return it as plain data."""
        return {"key": self.key.text, "word": base64.b64encode(self.content).decode()}

    def word(self, log: PublicKey) -> Word:
        """Return what somebody signed of the log of the node with the key ``log``; else as ``read_cosigned`` says."""
        return read_cosigned(self.content, self.key, log)


def seal(word: Word, key: Ed25519PrivateKey, seen: bytes = b"") -> bytes:
    """Return the word as bytes, signed; ``seen`` is the checkpoint that a co-signature is about."""
    header = {**asdict(word), "path": list(word.path)}
    return Envelope.seal(key, WORD, header, seen).encode()


def read_word(content: bytes, key: PublicKey) -> Word:
    """Return what the owner of ``key`` said; ``signature-wrong`` or ``message-malformed`` if it is not that."""
    envelope = Envelope.decode(content)
    envelope.verify(key, WORD)
    word = _word(envelope.header)
    if word.by != key.fingerprint:
        raise Tampered("signature-wrong", "signed by another")
    if bool(envelope.payload) != (word.kind == "cosigned" and word.size > 0):
        raise Invalid("message-malformed")
    return word


def read_cosigned(content: bytes, key: PublicKey, log: PublicKey) -> Word:
    """Return what the owner of ``key`` signed of a log, once what it saw is shown to be the word of ``log``'s node."""
    word, seen = read_word(content, key), Envelope.decode(content).payload
    if word.kind != "cosigned" or word.log != log.fingerprint or (not seen and word.root != EMPTY):
        raise Invalid("message-malformed")
    if seen:
        shown = read_word(seen, log)
        if (shown.kind, shown.size, shown.root) != ("checkpoint", word.size, word.root):
            raise Tampered("signature-wrong", "not of the checkpoint that it carries")
    return word


def cosign(log: str, seen: tuple[Word, bytes] | None, key: Ed25519PrivateKey, *, at: str, nonce: str = "") -> bytes:
    """Return a co-signature of ``seen``, a checkpoint of ``log`` and its bytes; None: never saw any."""
    word, content = seen or (Word("checkpoint", log, log), b"")
    by = PublicKey.of(key).fingerprint
    return seal(Word("cosigned", by, log, word.size, word.root, nonce=nonce, at=at), key, content)


def is_word(content: bytes) -> bool:
    """Say whether bytes are meant as a word about a log; what they are worth is for ``read_word`` to tell."""
    return Envelope.decode(content).context == WORD


def content_of(text: str) -> bytes:
    """Return the bytes that a text holds in base64; anything else is ``message-malformed``."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("message-malformed") from None


def _word(header: Mapping[str, Any]) -> Word:
    try:
        return Word(**{**header, "path": tuple(header["path"])})
    except (KeyError, TypeError) as error:
        raise Invalid("message-malformed") from error


def _is_text(value: object) -> bool:
    return isinstance(value, str)


__all__ = [
    "FINGERPRINT",
    "HASH",
    "NONCE_BYTES",
    "STAMP",
    "WORD",
    "Said",
    "Word",
    "WordKind",
    "content_of",
    "cosign",
    "is_word",
    "read_cosigned",
    "read_word",
    "seal",
]
