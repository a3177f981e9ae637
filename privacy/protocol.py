"""What a coordinator and nodes say to each other so that masks can be made and taken off: calls, cards, signatures.

Bonawitz et al. 2017, in five stages. ``advertise`` and ``share`` prepare keys for several places of a plan; then each
place takes ``input`` (the request, answered by a masked release), ``confirm`` and ``unmask``. No call holds patients'
data.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import SHA256, Document, canonical, parse
from privacy.envelope import Envelope
from privacy.errors import Invalid, Tampered
from privacy.fields import LARGEST_WHOLE
from privacy.round_keys import KEY_BYTES
from privacy.secure_aggregation import LETTER_BYTES, Dealt, Round
from privacy.signing import PublicKey, sign
from privacy.study import Study

DEALT_BYTES = KEY_BYTES + LETTER_BYTES
CALL, CARD, SURVIVORS = "call", "channel-key", "survivors"
MOST_DEALT_AT_ONCE = 16  # places whose keys are shared in one exchange
Asked = Literal["advertise", "share", "input", "confirm", "unmask"]
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Card:
    """A node's channel key for one study, signed by its identity: letters to the node are sealed to this key."""

    public_key: str
    channel: bytes
    signature: str

    @classmethod
    def sign(cls, key: Ed25519PrivateKey, study: str, channel: bytes) -> Card:
        """Return the card of the node with this identity."""
        return cls(PublicKey.of(key).text, channel, sign(key, CARD, _card_statement(study, channel)))

    @property
    def node(self) -> str:
        """Return whose card it is."""
        return self.key.fingerprint

    @property
    def key(self) -> PublicKey:
        """Return the identity that signed it."""
        return PublicKey(self.public_key)

    def verify(self, study: str) -> None:
        """Return if the identity on the card signed it for this study; otherwise ``signature-wrong``."""
        if not self.key.sound or len(self.channel) != KEY_BYTES:
            raise Tampered("signature-wrong", CARD)
        self.key.verify(CARD, _card_statement(study, self.channel), self.signature)

    def encode(self) -> bytes:
        """Return the card as bytes."""
        return canonical(self.document())

    def document(self) -> Document:
        """Return the card as plain data."""
        channel = base64.b64encode(self.channel).decode()
        return {"public_key": self.public_key, "channel": channel, "signature": self.signature}

    @classmethod
    def decode(cls, content: bytes) -> Card:
        """Return the card in ``content``, its signature not yet checked."""
        return cls.of(parse(content))

    @classmethod
    def of(cls, document: object) -> Card:
        """Return the card that plain data describes; anything else is ``message-malformed``."""
        match document:
            case {"public_key": str(key), "channel": str(channel), "signature": str(signature), **rest} if not rest:
                try:
                    return cls(key, base64.b64decode(channel, validate=True), signature)
                except ValueError as error:
                    raise Invalid("message-malformed") from error
        raise Invalid("message-malformed")


@dataclass(frozen=True)
class Call:
    """One stage, as the coordinator asks for it: of which study and places, and with whom.

    ``nodes`` is the roster, or from ``confirm`` on the survivors; ``request`` is the hash of what they answered.
    """

    stage: Asked
    study: str
    places: tuple[int, ...] = ()
    nodes: tuple[str, ...] = ()
    request: str = ""
    content: bytes = b""

    def encode(self, key: Ed25519PrivateKey) -> bytes:
        """Return the call for the wire, signed by the coordinator."""
        header = {"stage": self.stage, "study": self.study, "places": list(self.places), "nodes": list(self.nodes)}
        return Envelope.seal(key, CALL, {**header, "request": self.request}, self.content).encode()

    @classmethod
    def decode(cls, content: bytes, coordinator: PublicKey) -> Call:
        """Return the call in ``content`` if the coordinator signed it and it has the form of its stage."""
        envelope = Envelope.decode(content)
        envelope.verify(coordinator, CALL)
        match envelope.header:
            case {"stage": str(stage), "study": str(study), "places": list(places), "nodes": list(nodes),
                  "request": str(request), **rest} if not rest and stage in get_args(Asked):  # fmt: skip
                call = cls(stage, study, tuple(places), tuple(nodes), request, envelope.payload)  # type: ignore[arg-type]  # looked at just above
                call._check()
                return call
        raise Invalid("message-malformed")

    def _check(self) -> None:
        fits: dict[Asked, bool] = {
            "advertise": not (self.places or self.nodes or self.request or self.content),
            "share": 1 <= len(self.places) <= MOST_DEALT_AT_ONCE and bool(self.nodes) and not self.request,
            "input": len(self.places) == 1 and bool(self.nodes) and not self.request,
            "confirm": len(self.places) == 1 and bool(self.nodes) and bool(self.request) and not self.content,
            "unmask": len(self.places) == 1 and bool(self.nodes) and bool(self.request),
        }
        named = all(isinstance(node, str) for node in self.nodes) and list(self.nodes) == sorted(set(self.nodes))
        placed = all(type(place) is int and 1 <= place <= LARGEST_WHOLE for place in self.places)
        hashes = SHA256.fullmatch(self.study) and (not self.request or SHA256.fullmatch(self.request))
        if not (fits[self.stage] and named and placed and list(self.places) == sorted(set(self.places)) and hashes):
            raise Invalid("message-malformed")


def is_call(content: bytes) -> bool:
    """Say whether bytes have the form of a call, whoever signed them; others are requests, or nothing of ours."""
    try:
        return Envelope.decode(content).context == CALL
    except Invalid:
        return False


def cards_in(content: bytes, roster: Iterable[str], study: str) -> dict[str, Card]:
    """Return the verified cards of just the roster; any other is ``message-malformed`` or ``signature-wrong``."""
    listed = parse(content).get("cards")
    cards = [Card.of(each) for each in listed] if isinstance(listed, list) else []
    if sorted(card.public_key for card in cards) != sorted({card.public_key for card in cards}):
        raise Invalid("message-malformed")
    found = {}
    for card in cards:
        card.verify(study)
        found[card.node] = card
    if sorted(found) != sorted(roster):
        raise Tampered("signature-wrong", CARD)
    return found


def cards_of(cards: Iterable[Card]) -> bytes:
    """Return cards as ``cards_in`` reads them."""
    return canonical({"cards": [card.document() for card in sorted(cards, key=lambda card: card.node)]})


def dealt_by(node: str, public: bytes, letters: Mapping[str, bytes], roster: Iterable[str]) -> bytes:
    """Return what one node deals for one place: its mask's public key, then a letter to each other, by fingerprint."""
    return public + b"".join(letters[peer] for peer in sorted(roster) if peer != node)


def read_dealt(content: bytes, node: str, roster: Iterable[str], places: int) -> list[dict[str, Dealt]]:
    """Return for each place what ``node`` dealt to each other node; a byte too few or too many is malformed."""
    peers = [peer for peer in sorted(roster) if peer != node]
    each = KEY_BYTES + LETTER_BYTES * len(peers)
    if len(content) != each * places:
        raise Invalid("message-malformed")
    found = []
    for start in range(0, len(content), each):
        public, letters = content[start : start + KEY_BYTES], content[start + KEY_BYTES : start + each]
        parts = [letters[at : at + LETTER_BYTES] for at in range(0, len(letters), LETTER_BYTES)]
        found.append({peer: Dealt(public, part) for peer, part in zip(peers, parts, strict=True)})
    return found


def with_letters(request: bytes, dealt: Mapping[str, Dealt]) -> bytes:
    """Return the content of an ``input`` call: a signed request, and what each peer dealt to the node that is asked."""
    letters = b"".join(dealt[peer].mask_public + dealt[peer].letter for peer in sorted(dealt))
    return _LENGTH.pack(len(request)) + request + letters


def read_input(content: bytes, node: str, roster: Iterable[str]) -> tuple[bytes, dict[str, Dealt]]:
    """Return the request and the letters that ``with_letters`` put together."""
    peers = [peer for peer in sorted(roster) if peer != node]
    if len(content) < _LENGTH.size:
        raise Invalid("message-malformed")
    (length,) = _LENGTH.unpack_from(content)
    request, letters = content[_LENGTH.size : _LENGTH.size + length], content[_LENGTH.size + length :]
    if len(request) != length or len(letters) != DEALT_BYTES * len(peers):
        raise Invalid("message-malformed")
    parts = [letters[start : start + DEALT_BYTES] for start in range(0, len(letters), DEALT_BYTES)]
    return request, {p: Dealt(part[:KEY_BYTES], part[KEY_BYTES:]) for p, part in zip(peers, parts, strict=True)}


def round_of(study: Study, place: int, roster: Iterable[str]) -> Round:
    """Return a round of an approved study; a roster that its rules do not allow is ``roster-wrong``."""
    terms = study.privacy
    return Round(study.hash, place, tuple(sorted(roster)), quorum=terms.quorum, colluders=terms.colluders)


def confirmation(study: str, place: int, request: str, survivors: Iterable[str]) -> Document:
    """Return what each survivor signs: who answered this request, so that no two sets can both be confirmed."""
    return {"study": study, "place": place, "request": request, "survivors": sorted(survivors)}


def _card_statement(study: str, channel: bytes) -> Document:
    return {"study": study, "channel": base64.b64encode(channel).decode()}


__all__ = [
    "CALL",
    "CARD",
    "DEALT_BYTES",
    "MOST_DEALT_AT_ONCE",
    "SURVIVORS",
    "Asked",
    "Call",
    "Card",
    "cards_in",
    "cards_of",
    "confirmation",
    "dealt_by",
    "is_call",
    "read_dealt",
    "read_input",
    "round_of",
    "with_letters",
]
