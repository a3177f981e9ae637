"""Secure aggregation: from masked vectors the coordinator learns their sum over the survivors of a round, or nothing.

Bonawitz et al., "Practical secure aggregation for privacy-preserving machine learning" (CCS 2017), in the form that
holds against an active coordinator, with keys that live for one round. Here are the pure machines, in a round's order;
who sends what, and what a node refuses, is the protocol's business.

    Dealer          draws all of a node's secrets for the round from one seed, and writes a letter to each peer
    open_letters    gives a peer's shares, and trust in its mask public key, for each letter
    masked          puts a node's vector under one mask with each peer and one of its own (double masking)
    revealed        gives for each member the one share that the surviving set calls for, never both
    unmasked        gives the coordinator the sum, or an error

Why a vector stays hidden: with c colluders, any two sets of threshold t members share 2 t - n > c, so an honest one,
who signs one surviving set and answers for one. So only one set is ever unmasked, and of each member only one secret:
two would take t - c honest answers each, of n - c. In that set are at least t - c >= quorum - c honest nodes, of whom
any two share a mask that nobody else knows: what is learned is their sum, with the noise of them all.
Not promised: that a lying member cannot spoil a round, or is found out; it finds nothing, but the place is spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from privacy import shamir
from privacy.arrays import Ring
from privacy.canonical import hash_of
from privacy.errors import Refusal, Tampered
from privacy.masks import Masks
from privacy.round_keys import KEY_BYTES, channel_public, derived, shared_secrets, stream

LEAST_NODES = 3  # of two, each knows the other's vector from the sum
MOST_NODES = 250  # everybody deals to everybody; beyond, a sparse graph would be cheaper (Bell et al., CCS 2020)
LETTER_BYTES = 2 * shamir.SHARE_BYTES + 16  # two shares and Poly1305's tag
_Thing = TypeVar("_Thing")
_NONCE = bytes(12)  # a letter's key is derived for that letter alone


def threshold_of(nodes: int, quorum: int) -> int:
    """Return how many shares open a secret of a round: above two thirds of its nodes, and never below the quorum."""
    return max(quorum, 2 * nodes // 3 + 1)


def sets_meet(nodes: int, quorum: int, colluders: int) -> bool:
    """Say whether any two sets of survivors, of a threshold or more each, share a node that does not collude."""
    return 2 * threshold_of(nodes, quorum) - nodes > colluders


@dataclass(frozen=True)
class Round:
    """What everybody in a round agrees on; all keys are bound to it, so members who see it differently read nothing.

    ``roster`` lists the members' fingerprints in ascending order; ``place`` is the answer's place in the study's plan;
    ``quorum`` and ``colluders`` are the study's. What the argument above does not cover is ``roster-wrong``.
    """

    study: str
    place: int
    roster: tuple[str, ...]
    quorum: int
    colluders: int

    def __post_init__(self) -> None:
        """Refuse members and numbers that keep no promise."""
        n, q, c = len(self.roster), self.quorum, self.colluders
        if list(self.roster) != sorted(set(self.roster)) or not LEAST_NODES <= n <= MOST_NODES or self.place < 0:
            raise Refusal("roster-wrong", f"{LEAST_NODES} to {MOST_NODES} nodes in order, each once")
        if not (q >= LEAST_NODES and 1 <= c < q and self.threshold <= n and sets_meet(n, q, c)):
            raise Refusal("roster-wrong", f"quorum {q} and {c} colluders among {n} nodes")

    @property
    def threshold(self) -> int:
        """Return how many nodes must survive, and how many shares open a secret."""
        return threshold_of(len(self.roster), self.quorum)

    @cached_property
    def binding(self) -> str:
        """Return the SHA-256 of all that the round is."""
        words = ("study", "place", "quorum", "colluders", "threshold")
        return hash_of({"roster": list(self.roster)} | {word: getattr(self, word) for word in words})

    def peers_of(self, node: str) -> tuple[str, ...]:
        """Return everybody else; a node that is not a member is ``roster-wrong``."""
        if node not in self.roster:
            raise Refusal("roster-wrong", "this node is not in it")
        return tuple(member for member in self.roster if member != node)


@dataclass(frozen=True)
class Dealt:
    """What one peer sent for a round: the public half of its mask key, and its letter to us."""

    mask_public: bytes
    letter: bytes


@dataclass(frozen=True)
class Share:
    """A holder's shares of one member's two secrets, ``SHARE_BYTES`` each; at most one of them ever leaves."""

    mask_key: bytes
    self_mask: bytes


class Dealer:
    """One node's secrets for one round: mask key, self-mask, and shares of both for everybody.

    All of it follows from ``seed``, 32 random bytes drawn for this round: asked again, the node says the same bytes.
    Whoever deletes the seed has forgotten the round.
    """

    def __init__(self, seed: bytes, this_round: Round, node: str) -> None:
        if len(seed) != KEY_BYTES:
            raise ValueError("a seed of 32 bytes")
        self.round, self.node, self.peers = this_round, node, this_round.peers_of(node)
        self.mask_key, of_key = self._drawn(seed, "mask key")
        self.self_mask, of_mask = self._drawn(seed, "self-mask")
        self.mask_public = channel_public(self.mask_key)
        self._shares = dict(zip(this_round.roster, map(Share, of_key, of_mask), strict=True))

    @property
    def own(self) -> Share:
        """Return this node's own shares of its own secrets."""
        return self._shares[self.node]

    def letters(self, channel: bytes, cards: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the letter to each peer, ``LETTER_BYTES`` long, by fingerprint.

        ``channel`` is the node's private channel key; ``cards`` hold every member's public one, whose signature the
        caller has verified. A peer without a card is ``roster-wrong``, one whose card is no key ``letter-wrong``.
        A letter's key takes the round's mask key too: once that is forgotten, the channel key alone opens none of them.
        """
        publics = _of(self.peers, cards)
        lasting, fresh = shared_secrets(channel, publics), shared_secrets(self.mask_key, publics)
        return {peer: self._letter(peer, lasting[peer] + fresh[peer]) for peer in self.peers}

    def _letter(self, peer: str, secret: bytes) -> bytes:
        key = derived(secret, self.round.binding, "letter", self.node, peer, self.mask_public)
        share = self._shares[peer]
        return ChaCha20Poly1305(key).encrypt(_NONCE, share.mask_key + share.self_mask, None)

    def _drawn(self, seed: bytes, use: str) -> tuple[bytes, list[bytes]]:
        """Return one of the node's secrets, and its shares in the roster's order."""
        secret = derived(seed, self.round.binding, self.node, use)
        coefficients = derived(seed, self.round.binding, self.node, use, "coefficients")
        threshold = self.round.threshold
        randomness = stream(coefficients, shamir.COEFFICIENT_BYTES * (threshold - 1))
        return secret, shamir.split(secret, holders=len(self.round.roster), threshold=threshold, randomness=randomness)


def open_letters(
    this_round: Round, node: str, channel: bytes, cards: Mapping[str, bytes], dealt: Mapping[str, Dealt]
) -> dict[str, Share]:
    """Return each peer's shares for ``node``, by fingerprint: of all peers, or of none.

    A letter opens only if its sender, which alone has its card's private half, wrote it to this node, for this round
    and roster, beside this mask public key; else ``letter-wrong``. So ``masked`` may trust the publics of ``dealt``.
    """
    peers = this_round.peers_of(node)
    if set(dealt) != set(peers):
        raise Tampered("letter-wrong", "not one letter from each peer")
    lasting = shared_secrets(channel, _of(peers, cards))
    fresh = shared_secrets(channel, {peer: dealt[peer].mask_public for peer in peers})
    return {peer: _opened(this_round, node, peer, lasting[peer] + fresh[peer], dealt[peer]) for peer in peers}


def _opened(this_round: Round, node: str, peer: str, secret: bytes, dealt: Dealt) -> Share:
    key = derived(secret, this_round.binding, "letter", peer, node, dealt.mask_public)
    try:
        plain = ChaCha20Poly1305(key).decrypt(_NONCE, dealt.letter, None)
    except InvalidTag:
        plain = b""
    if len(plain) != 2 * shamir.SHARE_BYTES:
        raise Tampered("letter-wrong", f"the letter of {peer}")
    return Share(plain[: shamir.SHARE_BYTES], plain[shamir.SHARE_BYTES :])


def masked(vector: Ring, *, dealer: Dealer, publics: Mapping[str, bytes], request: str) -> Ring:
    """Return ``vector`` and a 1, under the node's own mask and one with each peer: one element more than ``vector``.

    Uniform to whoever lacks one of these masks. ``publics`` are the mask public keys whose letters opened;
    ``request`` is the hash of the whole request, weights included: under another one, masks do not cancel.
    """
    if vector.dtype != np.uint64 or vector.ndim != 1:
        raise ValueError("a vector of the ring")  # of others, numpy would make floats
    plain = np.append(vector, np.uint64(1))
    masks = Masks(dealer.round.binding, request, plain.size)
    own = masks.of_self(dealer.node, dealer.self_mask)
    return plain + own + masks.of_pairs(dealer.node, dealer.mask_key, _of(dealer.peers, publics))


def revealed(this_round: Round, survivors: tuple[str, ...], shares: Mapping[str, Share]) -> bytes:
    """Return one share of each member, in the roster's order: a survivor's self-mask, a dropped one's mask key.

    The caller has seen ``threshold`` survivors sign ``survivors``, and calls this once a round, ever. Members who are
    not of the round, out of order, or too few are ``survivors-wrong``; ``shares`` has everybody's, one's own too.
    """
    _check_survivors(this_round, survivors)
    alive, held = frozenset(survivors), _of(this_round.roster, shares)
    return b"".join(held[m].self_mask if m in alive else held[m].mask_key for m in this_round.roster)


def unmasked(
    inputs: Mapping[str, Ring],
    *,
    this_round: Round,
    request: str,
    publics: Mapping[str, bytes],
    revealed: Mapping[str, bytes],
) -> Ring:
    """Return the sum of the survivors' vectors modulo 2^64, exactly; ``inputs`` are theirs and nobody else's.

    Needs ``revealed`` of ``threshold`` survivors, else ``quorum-lost``. The last element counts who is in the sum: if
    it is not the number of survivors, somebody masked for another request, or said something wrong, and what is there
    is noise: ``unmasking-failed``, as when a dropped member's key does not fit its public one.
    """
    survivors = tuple(sorted(inputs))
    if min(len(survivors), len(revealed)) < this_round.threshold:
        raise Refusal("quorum-lost", f"{len(survivors)} inputs, {len(revealed)} of {this_round.threshold} reveals")
    _check_survivors(this_round, survivors)
    if not set(revealed) <= set(survivors):
        raise Refusal("survivors-wrong", "a reveal of somebody who did not survive")
    size = max(1, inputs[survivors[0]].size)
    if any(vector.dtype != np.uint64 or vector.shape != (size,) for vector in inputs.values()):
        raise Tampered("unmasking-failed", "vectors of different lengths")
    total: Ring = np.sum(list(inputs.values()), axis=0, dtype=np.uint64)
    masks = Masks(this_round.binding, request, size)
    for member, secret in _recovered(this_round, revealed).items():
        if member in inputs:
            total -= masks.of_self(member, secret)
            continue
        if channel_public(secret) != publics.get(member):
            raise Tampered("unmasking-failed", f"the key of {member}")
        # what the dropped member would have added for the survivors, who have added its opposite
        total += masks.of_pairs(member, secret, _of(survivors, publics))
    if total[-1] != len(survivors):
        raise Tampered("unmasking-failed", "the sum does not count its survivors")
    return total[:-1]


def shares_revealed(this_round: Round, reveal: bytes) -> list[bytes]:
    """Return each member's share in one node's reveal; bytes that nobody's shares are, are ``share-wrong``.

    A coordinator looks at each reveal as it comes: another survivor can stand in for whoever said nonsense. A share
    that is false and well-formed is found only in the total, and does not tell whose it was.
    """
    size = shamir.SHARE_BYTES
    shares = [reveal[at : at + size] for at in range(0, len(reveal), size)]
    if len(shares) != len(this_round.roster):
        raise Tampered("share-wrong", "not one share of each member")
    for share in shares:
        shamir.element(share)
    return shares


def _recovered(this_round: Round, reveals: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return each member's one recovered secret."""
    places = {member: x for x, member in enumerate(this_round.roster, start=1)}
    rows = {places[holder]: shares_revealed(this_round, reveal) for holder, reveal in reveals.items()}
    return dict(zip(this_round.roster, shamir.combine_all(rows, this_round.threshold), strict=True))


def _check_survivors(this_round: Round, survivors: tuple[str, ...]) -> None:
    if list(survivors) != sorted(set(survivors) & set(this_round.roster)) or len(survivors) < this_round.threshold:
        raise Refusal("survivors-wrong", f"{this_round.threshold} or more members of the round, in order, each once")


def _of(members: tuple[str, ...], things: Mapping[str, _Thing]) -> dict[str, _Thing]:
    """Return what the members have, in their order; somebody without is ``roster-wrong``."""
    try:
        return {member: things[member] for member in members}
    except KeyError as error:
        raise Refusal("roster-wrong", "a member lacks a key or a share") from error


__all__ = [
    "LEAST_NODES",
    "LETTER_BYTES",
    "MOST_NODES",
    "Dealer",
    "Dealt",
    "Round",
    "Share",
    "masked",
    "open_letters",
    "revealed",
    "sets_meet",
    "shares_revealed",
    "threshold_of",
    "unmasked",
]
