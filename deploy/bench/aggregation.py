"""What masking costs: a node's seconds and bytes among 215, the coordinator's unmasking, and six nodes together.

Some nodes are real ones, asked at their door with signed calls, state and log on a disk; the others are played by the
same machines in memory. Left out is what a plain sum costs too: transport, and the sum itself.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.bench.run import Figure
from privacy.arrays import Ring
from privacy.canonical import canonical
from privacy.envelope import Envelope
from privacy.protocol import (
    SURVIVORS,
    Call,
    Card,
    cards_of,
    confirmation,
    dealt_by,
    read_dealt,
    read_input,
    with_letters,
)
from privacy.release import RELEASE, Protocol, decode
from privacy.round_keys import channel_public
from privacy.secure_aggregation import Dealer, Dealt, Round, masked, open_letters, revealed, unmasked
from privacy.signing import PublicKey, sign
from tests.masked import Peer, masked_study

NODES, VALUES = 215, 10_000
LOST = {"none": 0.0, "10_percent": 0.1, "30_percent": 0.3}
REAL = 5  # of 215; of six, all
PLACE = 1
REQUEST = "sha256:" + "00" * 32
TIMES = 9  # rounds of six nodes


class Played:
    """One round; of each real node ``seconds``, those of the processor (``computing``), and ``bytes`` in and out."""

    def __init__(self, home: Path, nodes: int, values: int, *, quorum: int, colluders: int) -> None:
        self.hub = Ed25519PrivateKey.generate()
        real = [
            Peer(home / f"n{i}", i, PublicKey.of(self.hub)) for i in range(min(REAL, nodes) if nodes > 6 else nodes)
        ]
        self.real: dict[str, Peer] = {peer.name: peer for peer in real}
        keys = [peer.key for peer in real] + [Ed25519PrivateKey.generate() for _ in range(nodes - len(real))]
        self.keys = dict(sorted((PublicKey.of(key).fingerprint, key) for key in keys))
        self.study = masked_study([_Named(name) for name in self.keys], quorum=quorum, colluders=colluders)
        for peer in real:
            peer.approve(self.study)
        self.round = Round(self.study.hash, PLACE, tuple(self.keys), quorum, colluders)
        self.vectors = {m: np.frombuffer(os.urandom(8 * values), np.uint64) for m in self.keys}
        self.seconds, self.computing = dict.fromkeys(self.real, 0.0), dict.fromkeys(self.real, 0.0)
        self.bytes = dict.fromkeys(self.real, 0)
        self.pure = tuple(m for m in self.keys if m not in self.real)
        self._prepare()

    @contextmanager
    def _clock(self, node: str) -> Iterator[None]:
        start, computed = time.perf_counter(), time.process_time()
        yield
        self.seconds[node] += time.perf_counter() - start
        self.computing[node] += time.process_time() - computed

    def _ask(self, call: Call) -> dict[str, bytes]:
        """Return what each real node that is called says at its door."""
        content, said = call.encode(self.hub), {}
        for name in set(self.real) & set(call.nodes or self.real):
            with self._clock(name):
                reply = self.real[name].send(content)
            self.bytes[name] += len(content) + len(reply)
            answer = decode(reply, self.real[name].public)
            if not isinstance(answer, Protocol):
                raise SystemExit(f"{call.stage} was refused: {answer}")
            said[name] = answer.content
        return said

    def _prepare(self) -> None:
        study, roster = self.study.hash, self.round.roster
        channels = {m: os.urandom(32) for m in self.pure}
        cards = {m: Card.decode(said) for m, said in self._ask(Call("advertise", study)).items()}
        cards |= {m: Card.sign(self.keys[m], study, channel_public(channels[m])) for m in self.pure}
        listed = cards_of(cards.values())
        publics = {m: card.channel for m, card in cards.items()}
        said = self._ask(Call("share", study, (PLACE,), roster, content=listed))
        self.dealers = {m: Dealer(os.urandom(32), self.round, m) for m in self.pure}
        for m, dealer in self.dealers.items():
            said[m] = dealt_by(m, dealer.mask_public, dealer.letters(channels[m], publics), roster)
        dealt = {m: read_dealt(content, m, roster, 1)[0] for m, content in said.items()}
        self.letters = {m: {p: dealt[p][m] for p in roster if p != m} for m in roster}
        self.publics = {m: next(iter(each.values())).mask_public for m, each in dealt.items()}
        self.shares = {
            m: open_letters(self.round, m, channels[m], publics, self.letters[m]) | {m: dealer.own}
            for m, dealer in self.dealers.items()
        }

    def inputs(self) -> dict[str, Ring]:
        """Return every node's masked vector."""
        found = {m: self._input(peer, self.letters[m]) for m, peer in self.real.items()}
        for m, dealer in self.dealers.items():
            found[m] = masked(self.vectors[m], dealer=dealer, publics=self.publics, request=REQUEST)
        return found

    def _input(self, peer: Peer, letters: dict[str, Dealt]) -> Ring:
        """Have a real node mask its vector; the request around it is as small as one can be."""
        body = with_letters(b"request", letters)
        content = Call("input", self.study.hash, (PLACE,), self.round.roster, content=body).encode(self.hub)
        with self._clock(peer.name):
            call = Call.decode(content, peer.coordinator)
            _request, dealt = read_input(call.content, peer.name, call.nodes)
            mask = peer.masking.begin(self.study, PLACE, REQUEST, dealt, call.nodes)
            mask.keep()
            found: Ring = mask.apply(self.vectors[peer.name])
            reply = Envelope.seal(peer.key, RELEASE, {}, found.tobytes()).encode()
        self.bytes[peer.name] += len(content) + len(reply)
        return found

    def reveals(self) -> dict[str, bytes]:
        """Return what everybody reveals when nobody is lost: confirm, then unmask."""
        study, roster = self.study.hash, self.round.roster
        statement = confirmation(study, PLACE, REQUEST, roster)
        signed = self._ask(Call("confirm", study, (PLACE,), roster, REQUEST))
        signed |= {m: sign(self.keys[m], SURVIVORS, statement).encode() for m in self.pure}
        told = {m: signed[m].decode() for m in sorted(signed)[: self.round.threshold]}
        said = self._ask(Call("unmask", study, (PLACE,), roster, REQUEST, canonical(told)))
        return said | self.reveals_in_memory(roster)

    def reveals_in_memory(self, survivors: tuple[str, ...]) -> dict[str, bytes]:
        """Return what those survivors reveal that are played in memory."""
        return {m: revealed(self.round, survivors, self.shares[m]) for m in survivors if m in self.shares}

    def total(self, inputs: dict[str, Ring], reveals: dict[str, bytes]) -> tuple[float, bool]:
        """Return the coordinator's seconds, and whether the total is that of the integers."""
        start = time.perf_counter()
        found = unmasked(inputs, this_round=self.round, request=REQUEST, publics=self.publics, revealed=reveals)
        seconds = time.perf_counter() - start
        plain = np.sum([self.vectors[m] for m in inputs], axis=0, dtype=np.uint64)
        return seconds, bool((found == plain).all())


class _Named:
    """What ``masked_study`` asks of a node."""

    def __init__(self, name: str) -> None:
        self.name = name


def figures() -> Iterator[Figure]:
    """Yield a node's cost among 215, the coordinator's with some lost, and what masking adds at six nodes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as name:
        yield from _at_215(Path(name))
    with tempfile.TemporaryDirectory() as name:
        yield from _at_six(Path(name))


def _at_215(home: Path) -> Iterator[Figure]:
    one = Played(home, NODES, VALUES, quorum=100, colluders=10)
    inputs, wrong = one.inputs(), 0
    reveals = one.reveals()
    against = f"{VALUES} values; all five stages at the door, state and log on disk"
    yield Figure("node_seconds_215_nodes", median(one.seconds.values()), "s", 1, "at_most", against)
    against = "sent and received in all five stages; weights apart"
    yield Figure("node_megabytes_215_nodes", max(one.bytes.values()) / 1e6, "MB", 2, "at_most", against)
    for title, part in LOST.items():
        order = np.random.default_rng(1).permutation(one.round.roster)
        survivors = tuple(sorted(order[int(part * NODES) :].tolist()))
        told = one.reveals_in_memory(survivors) if part else reveals
        seconds, exact = one.total({m: inputs[m] for m in survivors}, told)
        wrong += not exact
        against = f"{VALUES} values, {NODES} nodes; the coordinator"
        yield Figure(f"unmasking_seconds_{title}_lost", seconds, "s", 5, "at_most", against)
    yield Figure("wrong_totals", wrong, "totals", 0, "at_most", "beside the integers' sum: 0, 10, 30 % lost")


def _at_six(home: Path) -> Iterator[Figure]:
    waited, computed, by_all = [], [], []
    for i in range(TIMES):
        one = Played(home / str(i), 6, 1000, quorum=4, colluders=1)
        inputs = one.inputs()
        unmasking, _exact = one.total(inputs, one.reveals())
        computed.append(max(one.computing.values()) + unmasking)
        by_all.append(sum(one.computing.values()) + unmasking)
        waited.append(max(one.seconds.values()) + unmasking)
    against = f"1000 values; the slowest node, then the coordinator; all seven: {1000 * median(by_all):.0f} ms"
    yield Figure("masking_milliseconds_6_nodes", 1000 * median(computed), "ms", 50, "at_most", against)
    against = "the same with waiting for the disk"
    yield Figure("masking_milliseconds_6_nodes_disks", 1000 * median(waited), "ms", 200, "at_most", against)


__all__ = ["Played", "figures"]
