"""A coordinator by hand: it says to any node any stage of a round, in any order, and keeps what it is told."""

from __future__ import annotations

from privacy.canonical import canonical
from privacy.masks import Masks
from privacy.protocol import Call, Card, cards_of, read_dealt, with_letters
from privacy.release import Notice, Protocol, Release, decode
from privacy.request import Request
from privacy.secure_aggregation import Round, unmasked
from privacy.shamir import SHARE_BYTES, combine


class Script:
    """Holds the coordinator's key: whatever it says is signed, as a bad coordinator's words would be."""

    def __init__(self, key, peers, study):
        self.key, self.study = key, study
        self.peers = {peer.name: peer for peer in peers}
        self.roster = tuple(sorted(self.peers))

    def say(self, node, stage, places=(), nodes=(), *, request="", content=b""):
        """Return what a node answers to a stage."""
        call = Call(stage, self.study.hash, tuple(places), tuple(nodes), request, content)
        return self.raw(node, call.encode(self.key))

    def raw(self, node, content):
        return decode(self.peers[node].send(content), self.peers[node].public)

    def cards(self, nodes):
        return [Card.decode(self.say(node, "advertise").content) for node in nodes]

    def share(self, roster, places=(1,), cards=None):
        """Return what each node of a roster answers when it is to deal."""
        content = cards_of(cards or self.cards(roster))
        return {node: self.say(node, "share", places, roster, content=content) for node in roster}

    def dealt(self, roster, place=1):
        """Have a roster deal for one place; return who dealt what to whom."""
        said = self.share(roster, (place,))
        return {node: read_dealt(answer.content, node, roster, 1)[0] for node, answer in said.items()}

    def request(self, roster, place=1, state=None):
        return Request.of(self.study.hash, place, roster, state or {})

    def input(self, node, request, dealt):
        """Return a node's answer to a request, with the letters that its peers wrote to it."""
        letters = {peer: to[node] for peer, to in dealt.items() if peer != node}
        body = with_letters(request.encode(self.key), letters)
        return self.say(node, "input", (request.place,), request.roster, content=body)

    def confirm(self, node, request, survivors):
        return self.say(node, "confirm", (request.place,), survivors, request=request.hash)

    def unmask(self, node, request, survivors, signatures):
        content = canonical({n: s.content.decode() for n, s in signatures.items() if isinstance(s, Protocol)})
        return self.say(node, "unmask", (request.place,), survivors, request=request.hash, content=content)

    def opened(self, request, survivors, nodes=None):
        """Confirm a set of survivors with the nodes, and ask each to unmask it; return what each said."""
        nodes = nodes or survivors
        signatures = {node: self.confirm(node, request, survivors) for node in nodes}
        return {node: self.unmask(node, request, survivors, signatures) for node in nodes}

    def round(self, place):
        return Round(self.study.hash, place, self.roster, quorum=self.study.privacy.quorum, colluders=1)

    def total(self, request, inputs, dealt, revealed):
        """Return the total, as an honest coordinator works it out."""
        return unmasked(
            {node: release.vector() for node, release in inputs.items()},
            this_round=self.round(request.place),
            request=request.hash,
            publics=publics(dealt),
            revealed={node: each.content for node, each in revealed.items()},
        )

    def secret(self, place, victim, answers):
        """Return a victim's secret from a threshold of what nodes answered; None with fewer, or if they do not fit."""
        one = self.round(place)
        at = SHARE_BYTES * one.roster.index(victim)
        given = {n: a.content[at : at + SHARE_BYTES] for n, a in answers.items() if isinstance(a, Protocol)}
        if len(given) < one.threshold:
            return None
        return combine({one.roster.index(n) + 1: share for n, share in given.items()}, one.threshold)

    def peeled(self, request, victim, release, dealt, *, self_mask, mask_key):
        """Return what is under a victim's masks, if these are its secrets."""
        whole = release.vector()
        masks = Masks(self.round(request.place).binding, request.hash, whole.size)
        peers = {node: key for node, key in publics(dealt).items() if node != victim}
        return (whole - masks.of_self(victim, self_mask) - masks.of_pairs(victim, mask_key, peers))[:-1]


def publics(dealt):
    """Return each node's mask public key."""
    return {node: next(iter(to.values())).mask_public for node, to in dealt.items()}


def code(answer):
    """Return why a node refused, or what it answered instead."""
    return answer.code if isinstance(answer, Notice) else type(answer).__name__


__all__ = ["Release", "Script", "code", "publics"]
