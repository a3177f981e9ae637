"""What a coordinator asks of a node: the next place of an approved plan, and the state it needs. Nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.arrays import Arrays, pack, unpack
from privacy.canonical import SHA256, hash_of, sha256
from privacy.envelope import Envelope
from privacy.errors import Invalid
from privacy.signing import PublicKey

REQUEST = "request"


@dataclass(frozen=True)
class Request:
    """Ask for one place. ``roster`` names the nodes of this round; shape, clip and noise come from the plan."""

    study: str
    place: int
    roster: tuple[str, ...]
    content: bytes

    @classmethod
    def of(cls, study: str, place: int, roster: tuple[str, ...], state: Arrays) -> Request:
        """Ask for ``place`` of ``study`` with ``state``, such as a model's weights."""
        return cls(study, place, tuple(sorted(roster)), pack(state))

    @cached_property
    def hash(self) -> str:
        """Return what a place is answered once for: study, place, roster and state together."""
        return hash_of({"header": self._header(), "state": sha256(self.content)})

    def state(self) -> Arrays:
        """Return the arrays that the contributions need."""
        return unpack(self.content)

    def encode(self, key: Ed25519PrivateKey) -> bytes:
        """Return the request for the wire, signed by the coordinator."""
        return Envelope.seal(key, REQUEST, self._header(), self.content).encode()

    @classmethod
    def decode(cls, content: bytes, coordinator: PublicKey) -> Request:
        """Return the request in ``content`` if the coordinator signed it."""
        envelope = Envelope.decode(content)
        envelope.verify(coordinator, REQUEST)
        if set(envelope.header) != {"study", "place", "roster"}:
            raise Invalid("message-malformed")
        study, place, roster = (envelope.header[k] for k in ("study", "place", "roster"))
        if not (isinstance(study, str) and type(place) is int and isinstance(roster, list)):
            raise Invalid("message-malformed")
        if not SHA256.fullmatch(study):
            raise Invalid("message-malformed")
        if place < 1 or roster != sorted({str(name) for name in roster}):  # place 0 is the node's own
            raise Invalid("message-malformed")
        return cls(study, place, tuple(roster), envelope.payload)

    def _header(self) -> dict[str, str | int | list[str]]:
        return {"study": self.study, "place": self.place, "roster": list(self.roster)}


__all__ = ["REQUEST", "Request"]
