"""The coordinator's part in secure aggregation: it carries keys and letters between nodes, and takes masks off sums."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.asked import ATTEMPTS
from coordinator.federation.grid import Grid
from coordinator.journal import Journal
from privacy.arrays import Ring
from privacy.canonical import canonical, hash_of
from privacy.errors import HedgerowError, Invalid, Refusal
from privacy.protocol import (
    MOST_DEALT_AT_ONCE,
    SURVIVORS,
    Call,
    Card,
    cards_of,
    confirmation,
    read_dealt,
    round_of,
    with_letters,
)
from privacy.release import Protocol, Release, decode
from privacy.request import Request
from privacy.secure_aggregation import Dealt, shares_revealed, unmasked
from privacy.signing import PublicKey
from privacy.study import Study

ANSWERED = "place-answered"
log = structlog.get_logger()


@dataclass(frozen=True)
class Masking:
    """One run's rounds. Each stage is written down before the next, so that a killed coordinator asks nothing anew.

    ``refusals`` takes the code of each node that did not do its part, for whoever is told that a round was lost.
    """

    study: Study
    grid: Grid
    key: Ed25519PrivateKey
    keys: Mapping[str, PublicKey]
    journal: Journal
    deadline_seconds: float
    stop: threading.Event
    refusals: MutableMapping[str, str]

    def prepare(self, places: Sequence[int], roster: Collection[str]) -> tuple[str, ...]:
        """Have every node deal to every other for the first of ``places``, and some after it; return who did.

        A node that does not leaves the roster, and the others deal anew without it: a round's roster is just those who
        dealt to each other. Too few is ``quorum-lost``. A place that nodes say they answered, to a coordinator that has
        lost its journal since, is ``place-answered``.
        """
        left = tuple(sorted(roster))
        while True:
            cards = self._cards(left)
            left = tuple(node for node in left if node in cards)
            if len(left) < self.study.privacy.quorum:
                raise Refusal("quorum-lost", self._who())
            about = hash_of(list(left))
            if self._dealt(places[0], left) is not None:
                return left
            asked = [p for p in places[:MOST_DEALT_AT_ONCE] if not self.journal.asked(self.study.hash, p)]
            self.journal.forget_shares(self.study.hash, asked, about=about)
            call = Call("share", self.study.hash, tuple(sorted(asked)), left, content=cards_of(cards[n] for n in left))
            before = dict(self.refusals)
            self.refusals.clear()
            for node, said in self._said(call, left, partial(_each_place, left, asked)):
                self.journal.keep_stage(self.study.hash, "share", said, node, about=about)
            if ANSWERED in self.refusals.values():
                if len(asked) == 1:
                    raise Refusal("place-answered", str(places[0]))
                places = places[:1]  # it may be one of the others: what is dealt for this place alone tells
                continue
            self.refusals.update(before | dict(self.refusals))
            left = tuple(n for n in left if n in self.journal.stage(self.study.hash, "share", places[0], about=about))

    def inputs(self, request: Request, content: bytes, nodes: Iterable[str]) -> dict[str, bytes]:
        """Return the request for each node, with the letters that its peers wrote to it."""
        dealt = self._dealt(request.place, request.roster)
        if dealt is None:
            raise Refusal("round-not-dealt", str(request.place))
        calls = {}
        for node in nodes:
            letters = {peer: to[node] for peer, to in dealt.items() if peer != node}
            body = with_letters(content, letters)
            calls[node] = Call("input", request.study, (request.place,), request.roster, content=body).encode(self.key)
        return calls

    def threshold(self, request: Request) -> int:
        """Return how many must answer a request, confirm each other, and help to unmask."""
        return round_of(self.study, request.place, request.roster).threshold

    def unmask(self, request: Request, releases: Mapping[str, Release]) -> Ring:
        """Return the sum of what the survivors released; too few who confirm or help is ``quorum-lost``.

        Below the threshold nothing is revealed: what came is uniform without the masks' keys.
        """
        survivors, place = tuple(sorted(releases)), request.place
        this_round, dealt = round_of(self.study, place, request.roster), self._dealt(place, request.roster)
        if dealt is None:
            raise Refusal("round-not-dealt", str(place))
        statement = confirmation(request.study, place, request.hash, survivors)

        def signed(node: str, content: bytes) -> dict[int, bytes]:
            self.keys[node].verify(SURVIVORS, statement, content.decode("ascii", "replace"))
            return {place: content}

        call = Call("confirm", request.study, (place,), survivors, request.hash)
        signatures = self._stage(call, this_round.threshold, signed)
        told = {node: signature.decode() for node, signature in sorted(signatures.items())}
        call = Call("unmask", request.study, (place,), survivors, request.hash, canonical(told))

        def shared(_: str, content: bytes) -> dict[int, bytes]:
            shares_revealed(this_round, content)
            return {place: content}

        revealed = self._stage(call, this_round.threshold, shared)
        return unmasked(
            {node: release.vector() for node, release in releases.items()},
            this_round=this_round,
            request=request.hash,
            publics={node: next(iter(to.values())).mask_public for node, to in dealt.items()},
            revealed=revealed,
        )

    def _cards(self, nodes: Iterable[str]) -> dict[str, Card]:
        """Return the cards that nodes signed for this study, asking those who have not shown theirs."""
        study = self.study.hash
        missing = set(nodes) - set(self.journal.stage(study, "advertise", 0, about=""))

        def read(node: str, content: bytes) -> dict[int, bytes]:
            card = Card.decode(content)
            card.verify(study)
            if card.node != node:
                raise Invalid("message-malformed")
            return {0: content}

        for node, said in self._said(Call("advertise", study), missing, read):
            self.journal.keep_stage(study, "advertise", said, node, about="")
        kept = self.journal.stage(study, "advertise", 0, about="")
        return {node: Card.decode(content) for node, content in kept.items()}

    def _dealt(self, place: int, roster: Collection[str]) -> dict[str, dict[str, Dealt]] | None:
        """Return who dealt what to whom for a place; None while somebody of the roster has not."""
        kept = self.journal.stage(self.study.hash, "share", place, about=hash_of(sorted(roster)))
        if set(kept) != set(roster):
            return None
        return {node: read_dealt(content, node, roster, 1)[0] for node, content in kept.items()}

    def _stage(self, call: Call, enough: int, read: Callable[[str, bytes], dict[int, bytes]]) -> dict[str, bytes]:
        """Ask the survivors until enough have said their part; else ``quorum-lost``."""
        (place,) = call.places
        kept = self.journal.stage(call.study, call.stage, place, about=call.request)
        if len(kept) < enough:
            for node, said in self._said(call, set(call.nodes) - set(kept), read):
                self.journal.keep_stage(call.study, call.stage, said, node, about=call.request)
                kept |= {node: said[place]}
                if len(kept) >= enough:
                    break
        if len(kept) < enough:
            raise Refusal("quorum-lost", self._who())
        return dict(sorted(kept.items())[:enough])

    def _said(
        self, call: Call, nodes: Collection[str], read: Callable[[str, bytes], dict[int, bytes]]
    ) -> Iterator[tuple[str, dict[int, bytes]]]:
        """Ask nodes for a stage, up to three times those who are silent; yield what each said that is well-formed."""
        content, waiting = call.encode(self.key), set(nodes) & set(self.keys)
        for _ in range(ATTEMPTS):
            if not waiting or self.stop.is_set():
                return
            requests = dict.fromkeys(sorted(waiting), content)
            for node, reply in self.grid.exchange(requests, deadline_seconds=self.deadline_seconds, stop=self.stop):
                waiting.discard(node)
                try:
                    said = decode(reply, self.keys[node])
                    if not isinstance(said, Protocol) or (said.study, said.stage) != (call.study, call.stage):
                        raise Refusal("node-refused", getattr(said, "code", ""))
                    found = read(node, said.content)
                except HedgerowError as error:
                    self.refusals[node] = error.detail if error.code == "node-refused" else error.code
                    log.info("stage-refused", stage=call.stage, study=call.study, node=node, code=self.refusals[node])
                else:
                    yield node, found
        for node in waiting:
            self.refusals[node] = "silent"

    def _who(self) -> str:
        names = {each.fingerprint: each.name for each in self.study.invited}
        told = sorted(f"{names.get(node, node[:8])}: {code}" for node, code in self.refusals.items())
        return ", ".join(told) or "no answer before the deadline"


def _each_place(roster: Collection[str], places: Sequence[int], node: str, content: bytes) -> dict[int, bytes]:
    read_dealt(content, node, roster, len(places))
    size = len(content) // len(places)
    return {place: content[i * size : (i + 1) * size] for i, place in enumerate(sorted(places))}


__all__ = ["ANSWERED", "Masking"]
