"""How a node and a coordinator come to know each other: two small files, neither with a private key in it."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import canonical, parse
from privacy.envelope import Envelope
from privacy.errors import Invalid
from privacy.signing import PublicKey

ENROLMENT = "enrolment"


@dataclass(frozen=True)
class JoinKit:
    """What a node needs to dial its coordinator: addresses, the certificate to trust, the key that signs requests.

    ``split_key`` (64 hexadecimal digits) decides who is held back; every node of the federation has the same.
    """

    name: str
    api: str
    fleet: str
    root_certificate: str
    public_key: str
    split_key: str

    def encode(self) -> bytes:
        """Return the kit as a file."""
        return canonical(asdict(self))

    @classmethod
    def decode(cls, content: bytes) -> JoinKit:
        """Return the kit in a file; anything else is ``kit-malformed``."""
        try:
            kit = cls(**parse(content))
        except (Invalid, TypeError) as error:
            raise Invalid("kit-malformed") from error
        if not str(kit.api).startswith("https://"):
            raise Invalid("kit-malformed", "its API is not dialled by https")
        return kit


@dataclass(frozen=True)
class Enrolment:
    """What a coordinator needs to know a node: its name, its identity key, and the key that Flower checks (PEM)."""

    name: str
    public_key: PublicKey
    fleet_key: str

    def encode(self, key: Ed25519PrivateKey) -> bytes:
        """Return the enrolment as a file, signed to prove that the node holds the key."""
        header = {"name": self.name, "public_key": self.public_key.text, "fleet_key": self.fleet_key}
        return base64.b64encode(Envelope.seal(key, ENROLMENT, header).encode())

    @classmethod
    def decode(cls, content: bytes) -> Enrolment:
        """Return the enrolment in a file, its signature checked; anything else is ``kit-malformed``."""
        try:
            envelope = Envelope.decode(base64.b64decode(content, validate=True))
            name, public, fleet = (envelope.header[k] for k in ("name", "public_key", "fleet_key"))
        except (Invalid, ValueError, KeyError) as error:
            raise Invalid("kit-malformed") from error
        key = PublicKey(str(public))
        envelope.verify(key, ENROLMENT)
        return cls(str(name), key, str(fleet))


__all__ = ["ENROLMENT", "Enrolment", "JoinKit"]
