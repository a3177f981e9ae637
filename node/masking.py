"""This node's part in secure aggregation: what it answers at each stage, and what it never answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.round_store import KeptRound, RoundStore, shares_in
from privacy.arrays import Ring
from privacy.canonical import parse
from privacy.errors import HedgerowError, Invalid, Refusal
from privacy.protocol import SURVIVORS, Call, Card, cards_in, confirmation, dealt_by, round_of
from privacy.round_keys import channel_public
from privacy.secure_aggregation import Dealer, Dealt, masked, open_letters, revealed
from privacy.signing import PublicKey, sign
from privacy.study import Study


@dataclass(frozen=True)
class Mask:
    """What a request's answer is masked with; nothing is kept of it before ``keep``."""

    keep: Callable[[], None]
    apply: Callable[[Ring], Ring]


class Masking:
    """Answers the stages of secure aggregation for studies that governance has let through.

    Whatever is asked out of order, for another roster, or a second time in another way is refused: both kinds of
    share of one peer never leave here, and no place is unmasked for two sets of survivors.
    """

    def __init__(self, store: RoundStore, key: Ed25519PrivateKey) -> None:
        self._store, self._key = store, key
        self._node = PublicKey.of(key).fingerprint

    def advertise(self, study: Study) -> bytes:
        """Return this node's card for the study; the channel key is made once and lives as long as the study."""
        return Card.sign(self._key, study.hash, channel_public(self._store.channel(study.hash))).encode()

    def share(self, study: Study, call: Call) -> bytes:
        """Deal fresh secrets for places that were not answered yet; the same roster again gets the same bytes.

        Cards that are not just the roster's, each signed for this study, are refused: nobody can be invented.
        """
        cards = cards_in(call.content, call.nodes, study.hash)
        for place in call.places:
            round_of(study, place, call.nodes)  # refuses a roster that keeps no promise before anything is drawn
        self._store.deal(study.hash, call.places, cards)
        return b"".join(self._dealt(study, place) for place in call.places)

    def begin(self, study: Study, place: int, request: str, dealt: Mapping[str, Dealt], roster: Iterable[str]) -> Mask:
        """Open the letters of a request, and return its answer's mask; ``letter-wrong`` for any that does not fit."""
        kept = self._store.round(study, place)
        if kept.of.roster != tuple(sorted(roster)):
            raise Refusal("round-not-dealt", str(place))
        if kept.request not in ("", request):
            raise Refusal("place-answered", str(place))
        if not kept.seed:  # it has served: the answer that was stored needs no mask
            return Mask(lambda: None, _never)
        dealer = Dealer(kept.seed, kept.of, self._node)
        shares = open_letters(kept.of, self._node, self._store.channel(study.hash), kept.channels, dealt)
        publics = {**{peer: each.mask_public for peer, each in dealt.items()}, self._node: dealer.mask_public}
        return Mask(
            lambda: self._store.keep(study.hash, place, request, {**shares, self._node: dealer.own}),
            lambda vector: masked(vector, dealer=dealer, publics=publics, request=request),
        )

    def confirm(self, study: Study, call: Call) -> bytes:
        """Sign who answered; one set for each place, and only where this node's own answer is among them."""
        kept = self._answered(study, call)
        if self._node not in call.nodes or not set(call.nodes) <= set(kept.of.roster):
            raise Refusal("survivors-wrong", str(kept.of.place))
        if len(call.nodes) < kept.of.threshold:
            raise Refusal("survivors-wrong", str(kept.of.place))
        self._store.confirm(kept, call.nodes)
        return sign(self._key, SURVIVORS, confirmation(*kept.key, call.request, call.nodes)).encode()

    def unmask(self, study: Study, call: Call) -> bytes:
        """Give one share of each peer, once enough survivors have signed the set; then destroy this round's secrets.

        Asked again for the same set, it is the same bytes.
        """
        kept = self._answered(study, call)
        _check_confirmed(kept, call)
        if kept.revealed:
            self._store.confirm(kept, call.nodes)
            return kept.revealed
        content = revealed(kept.of, call.nodes, shares_in(kept))
        self._store.reveal(kept, call, content)
        return content

    def forget(self, open_studies: Collection[str]) -> None:
        """Destroy what is kept for studies that are over."""
        self._store.forget(open_studies)

    def _dealt(self, study: Study, place: int) -> bytes:
        kept = self._store.round(study, place)
        if not kept.seed:
            raise Refusal("place-answered", str(place))
        dealer = Dealer(kept.seed, kept.of, self._node)
        letters = dealer.letters(self._store.channel(study.hash), kept.channels)
        return dealt_by(self._node, dealer.mask_public, letters, kept.of.roster)

    def _answered(self, study: Study, call: Call) -> KeptRound:
        kept = self._store.round(study, call.places[0])
        if kept.request != call.request:
            raise Refusal("round-not-dealt", str(kept.of.place))
        return kept


def _check_confirmed(kept: KeptRound, call: Call) -> None:
    """Return if at least a threshold of survivors signed this very set; else ``survivors-unconfirmed``."""
    signatures = parse(call.content)
    statement = confirmation(*kept.key, call.request, call.nodes)
    if not set(signatures) <= set(call.nodes) & set(kept.cards):
        raise Invalid("message-malformed")
    good = 0
    for node, signature in signatures.items():
        try:
            kept.cards[node].key.verify(SURVIVORS, statement, str(signature))
        except HedgerowError:
            continue
        good += 1
    if good < kept.of.threshold:
        raise Refusal("survivors-unconfirmed", str(kept.of.place))


def _never(_: Ring) -> Ring:
    raise Refusal("place-answered")


__all__ = ["Mask", "Masking"]
