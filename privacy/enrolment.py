"""How a node and a coordinator come to know each other: two small files, neither with a private key in it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import asdict, dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import Document, canonical, parse
from privacy.envelope import Envelope
from privacy.errors import Invalid
from privacy.signing import PublicKey

ENROLMENT, ROTATION = "enrolment", "fleet-rotation"  # the contexts of the signatures


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
    """What a coordinator needs to know a node: its name, its identity key, and the key that Flower checks (PEM).

    ``serial`` counts the fleet keys that the node has had, this one included.
    """

    name: str
    public_key: PublicKey
    fleet_key: str
    serial: int = 1

    def encode(self, key: Ed25519PrivateKey) -> bytes:
        """Return the enrolment as a file, signed to prove that the node holds the key."""
        header: Document = {"name": self.name, "public_key": self.public_key.text, "fleet_key": self.fleet_key}
        return _file(key, ENROLMENT, header | {"serial": self.serial})

    @classmethod
    def decode(cls, content: bytes) -> Enrolment:
        """Return the enrolment in a file, its signature checked; anything else is ``kit-malformed``."""
        envelope = _envelope(content)
        match envelope.header:
            case {"name": str(name), "public_key": str(public), "fleet_key": str(fleet), **rest}:
                serial = rest.get("serial", 1)
            case _:
                raise Invalid("kit-malformed")
        key = PublicKey(public)
        envelope.verify(key, ENROLMENT)
        return cls(name, key, fleet, _serial(serial))


@dataclass(frozen=True)
class Rotation:
    """A node's next fleet key (PEM). ``serial`` rises with each, so that an old rotation cannot be played again."""

    fingerprint: str
    fleet_key: str
    serial: int

    def encode(self, key: Ed25519PrivateKey) -> bytes:
        """Return the rotation as a file, signed with the identity key: who the node is does not change."""
        return _file(key, ROTATION, asdict(self))

    @classmethod
    def decode(cls, content: bytes, key_of: Callable[[str], PublicKey]) -> Rotation:
        """Return the rotation in a file, signed with the key that the node was enrolled with, which ``key_of`` gives.

        What is no rotation is ``kit-malformed``; whom ``key_of`` does not know, it says itself.
        """
        envelope = _envelope(content)
        match envelope.header:
            case {"fingerprint": str(fingerprint), "fleet_key": str(fleet), "serial": serial, **rest} if not rest:
                envelope.verify(key_of(fingerprint), ROTATION)
                return cls(fingerprint, fleet, _serial(serial))
        raise Invalid("kit-malformed")


def _file(key: Ed25519PrivateKey, context: str, header: Document) -> bytes:
    return base64.b64encode(Envelope.seal(key, context, header).encode())


def _envelope(content: bytes) -> Envelope:
    try:
        return Envelope.decode(base64.b64decode(content.strip(), validate=True))
    except (Invalid, ValueError) as error:
        raise Invalid("kit-malformed") from error


def _serial(value: object) -> int:
    if type(value) is not int or not 1 <= value < 2**31:
        raise Invalid("kit-malformed", "serial")
    return value


__all__ = ["ENROLMENT", "ROTATION", "Enrolment", "JoinKit", "Rotation"]
