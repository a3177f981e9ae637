"""Whole rounds of secure aggregation in one process: every node's secrets, letters and masked vector."""

from dataclasses import dataclass, field

import numpy as np

from privacy.round_keys import channel_public
from privacy.secure_aggregation import (
    Dealer,
    Dealt,
    Round,
    masked,
    open_letters,
    revealed,
    unmasked,
)

REQUEST = "sha256:" + "ab" * 32


def names(n):
    """Return n fingerprints in order."""
    return tuple(sorted(f"{(i * 7919 + 13) % 65536:04x}" * 10 for i in range(n)))


def seeds(rng):
    """Return 32 bytes after another."""
    while True:
        yield rng.bytes(32)


@dataclass
class Played:
    """One round among ``n`` nodes, up to the letters; vectors are random over the whole ring."""

    n: int = 5
    quorum: int = 3
    colluders: int = 1
    width: int = 4
    seed: int = 0
    place: int = 0
    study: str = "study"
    channels: dict = field(default_factory=dict)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        draw = seeds(self.rng)
        self.roster = names(self.n)
        self.round = Round(self.study, self.place, self.roster, self.quorum, self.colluders)
        self.channels = self.channels or {m: next(draw) for m in self.roster}
        self.cards = {m: channel_public(key) for m, key in self.channels.items()}
        self.seeds = {m: next(draw) for m in self.roster}
        self.dealers = {m: Dealer(seed, self.round, m) for m, seed in self.seeds.items()}
        self.publics = {m: dealer.mask_public for m, dealer in self.dealers.items()}
        self.letters = {m: dealer.letters(self.channels[m], self.cards) for m, dealer in self.dealers.items()}
        self.shares = {m: self.opened(m) for m in self.roster}
        self.vectors = {m: self.rng.integers(0, 2**64, self.width, np.uint64) for m in self.roster}

    def dealt(self, node):
        """Return what a node is sent."""
        return {p: Dealt(self.publics[p], self.letters[p][node]) for p in self.roster if p != node}

    def opened(self, node):
        """Return the shares a node holds, its own too."""
        letters = open_letters(self.round, node, self.channels[node], self.cards, self.dealt(node))
        return letters | {node: self.dealers[node].own}

    def masked(self, node, request=REQUEST):
        """Return a node's masked vector."""
        return masked(self.vectors[node], dealer=self.dealers[node], publics=self.publics, request=request)

    def revealed(self, node, survivors):
        """Return what a node reveals."""
        return revealed(self.round, tuple(survivors), self.shares[node])

    def unmasked(self, inputs, reveals, request=REQUEST):
        """Return the coordinator's sum."""
        return unmasked(inputs, this_round=self.round, request=request, publics=self.publics, revealed=reveals)

    def summed(self, survivors, revealers=None):
        """Return the coordinator's sum over the survivors, of whom the revealers answer the last exchange."""
        revealers = survivors if revealers is None else revealers
        reveals = {m: self.revealed(m, survivors) for m in revealers}
        return self.unmasked({m: self.masked(m) for m in survivors}, reveals)

    def plain(self, survivors):
        """Return the integer sum modulo 2^64."""
        return np.sum([self.vectors[m] for m in survivors], axis=0, dtype=np.uint64)
