"""What travels between a node and a coordinator: a canonical header, raw bytes, and one signature over both."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import Document, canonical, parse, sha256
from privacy.errors import Invalid, Tampered
from privacy.signing import PublicKey, sign

LARGEST_BYTES = 64 * 2**20
_LENGTHS = struct.Struct("<II")


@dataclass(frozen=True)
class Envelope:
    """A header and a payload that ``signature`` covers; ``context`` says what kind of statement it is."""

    context: str
    header: Document
    payload: bytes
    signature: str

    @classmethod
    def seal(cls, key: Ed25519PrivateKey, context: str, header: Document, payload: bytes = b"") -> Envelope:
        """Sign ``header`` and ``payload`` together."""
        return cls(context, header, payload, sign(key, context, _covered(header, sha256(payload))))

    def encode(self, *, at_least: int = 0) -> bytes:
        """Return the bytes for the wire, padded with spaces to ``at_least`` bytes when there is no payload."""
        head = canonical({"context": self.context, "header": self.header, "signature": self.signature})
        head = head.ljust(at_least - _LENGTHS.size)
        return _LENGTHS.pack(len(head), len(self.payload)) + head + self.payload

    @classmethod
    def decode(cls, content: bytes) -> Envelope:
        """Return the envelope in ``content``, its signature not yet checked; anything else is ``message-malformed``."""
        if not _LENGTHS.size <= len(content) <= LARGEST_BYTES:
            raise Invalid("message-malformed")
        head, body = _LENGTHS.unpack_from(content)
        if _LENGTHS.size + head + body != len(content):
            raise Invalid("message-malformed")
        text = content[_LENGTHS.size : _LENGTHS.size + head]
        document = parse(text)
        if text.rstrip(b" ") != _canonical(document):  # one statement, one form: no byte can change unnoticed
            raise Invalid("message-malformed")
        match document:
            case {"context": str(context), "header": dict(header), "signature": str(signature), **rest} if not rest:
                return cls(context, header, content[_LENGTHS.size + head :], signature)
        raise Invalid("message-malformed")

    def verify(self, key: PublicKey, context: str) -> None:
        """Return if ``key`` signed this as a statement of kind ``context``; otherwise ``signature-wrong``."""
        if self.context != context:
            raise Tampered("signature-wrong", f"not a {context}")
        verify_by_hash(key, context, self.header, sha256(self.payload), self.signature)


def verify_by_hash(key: PublicKey, context: str, header: Document, payload_sha256: str, signature: str) -> None:
    """Verify an envelope's signature where only the hash of its payload is known; else ``signature-wrong``."""
    key.verify(context, _covered(header, payload_sha256), signature)


def _canonical(document: Document) -> bytes:
    try:
        return canonical(document)
    except (ValueError, RecursionError) as error:
        raise Invalid("message-malformed") from error


def _covered(header: Document, payload_sha256: str) -> Document:
    return {"header": header, "payload": payload_sha256}


__all__ = ["LARGEST_BYTES", "Envelope", "verify_by_hash"]
