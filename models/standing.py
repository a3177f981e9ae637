"""What a coordinator says of a model: published, or withdrawn; signed, so that a node believes it and keeps it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import SHA256, Document
from privacy.errors import Invalid
from privacy.fields import Fields
from privacy.signing import PublicKey, sign

STATEMENT = "model-statement"
MOST_STATEMENTS = 500  # in one answer; withdrawals come first
Standing = Literal["published", "withdrawn"]


@dataclass(frozen=True)
class Statement:
    """A signed statement about one model; ``reason`` says why it was withdrawn, or which limits its publisher named.

    ``supersedes`` is the version that a published one takes the place of, if any.
    """

    standing: Standing
    version: str
    study: str
    reason: str
    supersedes: str
    at: str
    signature: str = ""

    def __post_init__(self) -> None:
        texts = [self.standing, self.version, self.study, self.reason, self.supersedes, self.at, self.signature]
        if not all(isinstance(text, str) for text in texts) or self.standing not in get_args(Standing):
            raise Invalid("message-malformed", "not a statement about a model")
        hashes = [self.version, self.study, *filter(None, [self.supersedes])]
        if not all(SHA256.fullmatch(text) for text in hashes) or not _is_time(self.at):
            raise Invalid("message-malformed", "not a statement about a model")
        faults: list[str] = []
        if self.reason:
            Fields({"reason": self.reason}, "", faults).text("reason")  # nodes' people will read it
        if faults:
            raise Invalid("reason-wrong", faults=faults)

    def signed(self, key: Ed25519PrivateKey) -> Statement:
        """Return the statement under the coordinator's signature."""
        return Statement(**{**asdict(self), "signature": sign(key, STATEMENT, self._said)})

    def verify(self, coordinator: PublicKey) -> None:
        """Return if the coordinator said so; otherwise ``signature-wrong``."""
        coordinator.verify(STATEMENT, self._said, self.signature)

    def document(self) -> Document:
        """Return the statement as plain data."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Statement:
        """Return the statement that plain data describes, unverified; anything else is ``message-malformed``."""
        try:
            return cls(**cast("dict[str, Any]", document))
        except TypeError as error:
            raise Invalid("message-malformed", "not a statement about a model") from error

    @property
    def _said(self) -> Document:
        said = asdict(self)
        del said["signature"]
        return said


def _is_time(text: str) -> bool:
    """Say whether a text is a moment in ISO 8601 and no more: nodes' people will read it."""
    try:
        return text == datetime.datetime.fromisoformat(text).isoformat()
    except ValueError:
        return False


__all__ = ["MOST_STATEMENTS", "STATEMENT", "Standing", "Statement"]
