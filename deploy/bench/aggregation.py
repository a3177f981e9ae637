"""Secure aggregation's own computing and bytes: at a node, at six nodes over plain sums, and at the coordinator.

Every step of a round is played with the real machines and real signatures, without transport: what is measured is what
masking adds to an exchange. Nodes compute side by side; the coordinator's time comes on top.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.bench.run import Figure
from privacy.arrays import Ring
from privacy.canonical import Document
from privacy.secure_aggregation import (
    Dealer,
    Dealt,
    Round,
    channel_public,
    masked,
    open_letters,
    revealed,
    unmasked,
)
from privacy.signing import PublicKey, sign

NODES, VALUES, QUORUM, COLLUDERS = 215, 10_000, 100, 10
LOST = {"none": 0.0, "10_percent": 0.1, "30_percent": 0.3}
TIMED = 7  # nodes
REQUEST = "sha256:" + "00" * 32


class Clocked:
    """One round with the parts of ``TIMED`` nodes timed; ``seconds`` a node, ``bytes`` that it sends and receives.

    The other nodes skip what nobody waits for here: the verifying of everybody's signatures.
    """

    def __init__(self, nodes: int, values: int, quorum: int, colluders: int) -> None:
        keys = [Ed25519PrivateKey.generate() for _ in range(nodes)]
        self.keys = dict(sorted((PublicKey.of(key).fingerprint, key) for key in keys))
        self.round = Round("bench", 0, tuple(self.keys), quorum, colluders)
        self.members = self.round.roster
        self.timed = self.members[:TIMED]
        self.seconds, self.bytes = dict.fromkeys(self.members, 0.0), dict.fromkeys(self.members, 0)
        self.vectors = {m: np.frombuffer(os.urandom(8 * values), np.uint64) for m in self.members}
        self._advertise()
        self._deal()

    @contextmanager
    def _clock(self, node: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[node] += time.perf_counter() - start

    def _advertise(self) -> None:
        self.channels = {m: os.urandom(32) for m in self.members}
        self.cards = {m: channel_public(channel) for m, channel in self.channels.items()}
        documents: dict[str, Document] = {m: {"card": card.hex()} for m, card in self.cards.items()}
        signed = {m: sign(self.keys[m], "card", document) for m, document in documents.items()}
        for m in self.timed:
            with self._clock(m):
                self._verify_all("card", documents, signed)
            self.bytes[m] += (32 + 64) * (1 + len(self.members))

    def _deal(self) -> None:
        self.dealers, self.shares, letters = {}, {}, {}
        for m in self.members:
            with self._clock(m):
                self.dealers[m] = Dealer(os.urandom(32), self.round, m)
                letters[m] = self.dealers[m].letters(self.channels[m], self.cards)
        self.publics = {m: dealer.mask_public for m, dealer in self.dealers.items()}
        for m in self.members:
            dealt = {p: Dealt(self.publics[p], letters[p][m]) for p in self.members if p != m}
            with self._clock(m):
                opened = open_letters(self.round, m, self.channels[m], self.cards, dealt)
            self.shares[m] = opened | {m: self.dealers[m].own}
            self.bytes[m] += 32 * len(self.members) + 2 * sum(map(len, letters[m].values()))

    def answered(self) -> dict[str, Ring]:
        """Return every node's masked vector."""
        inputs = {}
        for m in self.members:
            with self._clock(m):
                inputs[m] = masked(self.vectors[m], dealer=self.dealers[m], publics=self.publics, request=REQUEST)
            self.bytes[m] += inputs[m].nbytes
        return inputs

    def revealed(self, survivors: tuple[str, ...]) -> dict[str, bytes]:
        """Return what each survivor reveals once it has verified that all of them signed the same set."""
        document: Document = {"survivors": list(survivors)}
        signed, reveals = {}, {}
        for m in survivors:
            with self._clock(m):
                signed[m] = sign(self.keys[m], "survivors", document)
        for m in survivors:
            with self._clock(m):
                if m in self.timed:
                    self._verify_all("survivors", dict.fromkeys(survivors, document), signed)
                reveals[m] = revealed(self.round, survivors, self.shares[m])
            self.bytes[m] += 64 + len(reveals[m]) + (40 + 64) * len(survivors)
        return reveals

    def _verify_all(self, context: str, documents: dict[str, Document], signed: dict[str, str]) -> None:
        for m, signature in signed.items():
            PublicKey.of(self.keys[m]).verify(context, documents[m], signature)

    def total(self, inputs: dict[str, Ring], reveals: dict[str, bytes]) -> tuple[float, bool]:
        """Return the coordinator's seconds, and whether the total is that of the integers."""
        start = time.perf_counter()
        found = unmasked(inputs, this_round=self.round, request=REQUEST, publics=self.publics, revealed=reveals)
        seconds = time.perf_counter() - start
        plain = np.sum([self.vectors[m] for m in inputs], axis=0, dtype=np.uint64)
        return seconds, bool((found == plain).all())


def figures() -> Iterator[Figure]:
    """Yield a node's cost among 215, the coordinator's with some lost, and what masking adds at six nodes."""
    yield from _at_215()
    yield from _at_six()


def _at_215() -> Iterator[Figure]:
    one = Clocked(NODES, VALUES, QUORUM, COLLUDERS)
    inputs, wrong = one.answered(), 0
    for title, part in LOST.items():
        survivors = tuple(sorted(np.random.default_rng(1).permutation(one.members)[int(part * NODES) :].tolist()))
        reveals = one.revealed(survivors)
        if not part:
            seconds = median(one.seconds[m] for m in one.timed)
            megabytes = max(one.bytes[m] for m in one.timed) / 1e6
            against = f"{VALUES} values; keys, letters, masks, everybody's signatures"
            yield Figure("node_seconds_215_nodes", seconds, "s", 1, "at_most", against)
            yield Figure("node_megabytes_215_nodes", megabytes, "MB", 2, "at_most", "sent and received, weights apart")
        seconds, exact = one.total({m: inputs[m] for m in survivors}, reveals)
        wrong += not exact
        against = f"{VALUES} values, {NODES} nodes; the coordinator"
        yield Figure(f"unmasking_seconds_{title}_lost", seconds, "s", 5, "at_most", against)
    yield Figure("wrong_totals", wrong, "totals", 0, "at_most", "beside the integers' sum: 0, 10, 30 % lost")


def _at_six() -> Iterator[Figure]:
    added = []
    for _ in range(15):
        one = Clocked(6, 1000, 4, 1)
        seconds, _exact = one.total(one.answered(), one.revealed(one.members))
        start = time.perf_counter()
        np.sum(list(one.vectors.values()), axis=0, dtype=np.uint64)
        added.append(sum(one.seconds.values()) + seconds - (time.perf_counter() - start))
    against = "1000 values; six nodes and the coordinator, one after the other"
    yield Figure("masking_milliseconds_6_nodes", 1000 * median(added), "ms", 50, "at_most", against)


__all__ = ["Clocked", "figures"]
