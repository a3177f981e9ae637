"""The two families of things that may leave a node, and their only way into bytes.

* ``Release``: depends on patients' data. It can only be built from a ledger receipt for the very bytes it carries.
* ``Notice``: a closed list of statements that do not depend on patients' data; neighbouring data sets give identical
  notices. A refused request and a failed one look alike: same fields, same length, a code and nothing else. A
  ``Protocol`` message is one of these too: a stage of secure aggregation, made of random keys and who took part. So
  is a word about a log, which ``privacy/witnessing.py`` defines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, assert_never, get_args

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.arrays import Ring
from privacy.canonical import SHA256, Document, sha256
from privacy.computation import PARTS
from privacy.envelope import Envelope, verify_by_hash
from privacy.errors import Invalid, Tampered
from privacy.fields import LARGEST_WHOLE
from privacy.signing import PublicKey
from privacy.witnessing import Word, seal

RELEASE, NOTICE, PROTOCOL = "release", "notice", "protocol"
NOTICE_BYTES = 1536
CODE = re.compile(r"[a-z]{1,20}(-[a-z]{1,20}){0,5}")
HEXADECIMAL = re.compile(r"[0-9a-f]{40,64}")  # a key's fingerprint
NoticeKind = Literal["approved", "refused", "withdrawn"]
Stage = Literal["advertise", "share", "confirm", "unmask"]


@dataclass(frozen=True)
class Receipt:
    """The ledger's word that a release was paid for before it was computed, and what it was computed from.

    ``mechanism`` gives noise and bound in whole numbers; ``cost`` is in units of 10^-12 rho to each person of
    ``people``. ``cost_outside`` is the cost against those who see only totals, ``cost_coordinator`` against the
    coordinator should masking be broken: with full noise at each node, the two are the same.
    """

    node: str
    study: str
    place: int
    title: str
    people: str
    mechanism: Mapping[str, Any]
    cost_outside: int
    cost_coordinator: int
    request: str
    data: tuple[str, ...]
    optouts: str
    charged_at: str
    audit_leaf: int
    released: str

    def document(self) -> Document:
        """Return the receipt as plain data."""
        return {**asdict(self), "data": list(self.data)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Receipt:
        """Return the receipt that plain data describes; anything else is ``message-malformed``.

        A cost is a positive whole number: whoever holds a node's key could sign another, and what a node has spent
        would fall when it is counted.
        """
        try:
            mechanism = dict(document["mechanism"])
            receipt = cls(**{**document, "data": tuple(document["data"]), "mechanism": mechanism})
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid("message-malformed") from error
        if not _is_receipt(receipt):
            raise Invalid("message-malformed")
        return receipt


@dataclass(frozen=True)
class Release:
    """A noised sum, modulo 2^64, as little-endian bytes, and the receipt for exactly these bytes."""

    receipt: Receipt
    content: bytes

    def __post_init__(self) -> None:
        if sha256(self.content) != self.receipt.released:
            raise Tampered("release-unpaid")

    def vector(self) -> Ring:
        """Return the numbers; a length that is not the mechanism's is ``message-malformed``.

        A share of masked noise has one more, in which its node counted itself.
        """
        counted = 1 if self.receipt.mechanism.get("honest", 1) > 1 else 0
        if len(self.content) != 8 * (self.receipt.mechanism["width"] + counted):
            raise Invalid("message-malformed")
        return np.frombuffer(self.content, "<u8").astype(np.uint64)


@dataclass(frozen=True)
class SignedReceipt:
    """A receipt and its node's signature over the release: proof of what was paid for, without the numbers.

    The signature covers the receipt and the hash of the release's bytes, which the receipt names; so whoever has the
    node's public key can verify it long after the bytes are gone.
    """

    receipt: Receipt
    signature: str

    @classmethod
    def of(cls, content: bytes) -> SignedReceipt:
        """Return the receipt and signature of an encoded release, as ``decode`` accepted it."""
        envelope = Envelope.decode(content)
        return cls(Receipt.from_document(envelope.header), envelope.signature)

    def verify(self, node: PublicKey) -> None:
        """Return if ``node`` is the receipt's and signed this release; otherwise ``receipt-unsigned``."""
        receipt, where = self.receipt, f"node {self.receipt.node[:16]}, place {self.receipt.place}"
        if node.fingerprint != receipt.node:
            raise Tampered("receipt-unsigned", where)
        try:
            verify_by_hash(node, RELEASE, receipt.document(), receipt.released, self.signature)
        except (Tampered, ValueError) as error:
            raise Tampered("receipt-unsigned", where) from error


@dataclass(frozen=True)
class Notice:
    """A statement that holds no patients' data: its kind from a closed list, the study's hash, and a code.

    A code is small letters and hyphens: whatever goes wrong, no number can pass for one. Else ``message-malformed``.
    """

    kind: NoticeKind
    node: str
    study: str = ""
    place: int = 0
    code: str = ""

    def __post_init__(self) -> None:
        if not all(isinstance(text, str) for text in (self.kind, self.node, self.study, self.code)):
            raise Invalid("message-malformed")
        if type(self.place) is not int or self.place < 0:
            raise Invalid("message-malformed")
        texts = ((CODE, self.code), (HEXADECIMAL, self.node), (SHA256, self.study))
        if self.kind not in get_args(NoticeKind) or any(t and not form.fullmatch(t) for form, t in texts):
            raise Invalid("message-malformed")


@dataclass(frozen=True)
class Protocol:
    """One node's part in a stage of secure aggregation: keys, sealed letters, a signature or shares; never a record."""

    node: str
    study: str
    stage: Stage
    place: int
    content: bytes

    def __post_init__(self) -> None:
        if self.stage not in get_args(Stage) or not SHA256.fullmatch(self.study) or type(self.place) is not int:
            raise Invalid("message-malformed")


def encode(outgoing: Release | Notice | Protocol | Word, key: Ed25519PrivateKey, seen: bytes = b"") -> bytes:
    """Return signed bytes for the wire; notices are all of one length. Nothing else can be serialised outward.

    ``seen`` is the checkpoint of another node that a co-signature of its log is about.
    """
    match outgoing:
        case Release():
            return Envelope.seal(key, RELEASE, outgoing.receipt.document(), outgoing.content).encode()
        case Notice():
            return Envelope.seal(key, NOTICE, asdict(outgoing)).encode(at_least=NOTICE_BYTES)
        case Protocol():
            header = {"node": outgoing.node, "study": outgoing.study, "stage": outgoing.stage, "place": outgoing.place}
            return Envelope.seal(key, PROTOCOL, header, outgoing.content).encode()
        case Word():
            return seal(outgoing, key, seen)
        case _:
            assert_never(outgoing)


def decode(content: bytes, node: PublicKey) -> Release | Notice | Protocol:
    """Return what ``node`` sent, its signature and its sender checked."""
    envelope = Envelope.decode(content)
    if envelope.context not in (RELEASE, NOTICE, PROTOCOL):
        raise Invalid("message-malformed")
    envelope.verify(node, envelope.context)
    if envelope.header.get("node") != node.fingerprint:
        raise Tampered("signature-wrong", "signed by another node")
    if envelope.context == RELEASE:
        return Release(Receipt.from_document(envelope.header), envelope.payload)
    if envelope.context == PROTOCOL:
        return _protocol(envelope.header, envelope.payload)
    return _notice(envelope.header)


def _is_receipt(r: Receipt) -> bool:
    texts = (r.node, r.study, r.title, r.people, r.request, r.optouts, r.charged_at, r.released, *r.data)
    if not all(_is_text(text) for text in texts):
        return False
    numbers = ((1, r.cost_outside), (1, r.cost_coordinator), (0, r.place), (0, r.audit_leaf))
    return r.people in PARTS and all(_is_whole(number, least) for least, number in numbers)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()  # a coordinator's people read some of them


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= LARGEST_WHOLE


def _protocol(header: Document, content: bytes) -> Protocol:
    try:
        return Protocol(**header, content=content)
    except TypeError as error:
        raise Invalid("message-malformed") from error


def _notice(header: Document) -> Notice:
    try:
        return Notice(**header)
    except TypeError as error:
        raise Invalid("message-malformed") from error


__all__ = [
    "CODE",
    "HEXADECIMAL",
    "NOTICE",
    "NOTICE_BYTES",
    "PROTOCOL",
    "RELEASE",
    "Notice",
    "NoticeKind",
    "Protocol",
    "Receipt",
    "Release",
    "SignedReceipt",
    "Stage",
    "decode",
    "encode",
]
