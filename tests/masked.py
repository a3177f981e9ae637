"""Nodes that answer by the real door, masking, ledger and log, over a small table in the place of a store."""

import datetime
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.variables import batches
from node.egress import Door
from node.keystore import Keystore
from node.masking import Masking
from node.round_store import SCHEMA, RoundStore
from privacy.canonical import Document
from privacy.computation import Ask
from privacy.private_sum import PrivateSum
from privacy.protocol import Call, is_call
from privacy.request import Request
from privacy.signing import PublicKey
from tests.builders import FINDER, NOW, books, plan_of, random_table, small_study

WHEN = datetime.datetime.fromisoformat(NOW)
QUORUM = 3


class Sums:
    """Charges and settles as a node's sums do, and keeps what it had before it was masked."""

    def __init__(self, node):
        self._node = node
        self.unmasked = {}  # by place

    def charge(self, plan, place, request):
        return self._node.books.ledger.charge(plan.study.hash, place, request, at=NOW)

    def compute(self, plan, charge, state, mask=None):
        if charge.released is not None:
            return charge.released
        step = plan.study.step(charge.place.step)
        private = PrivateSum(charge.place.mechanism)
        for batch in batches(self._node.table, plan.study.variables):
            ask = Ask(charge.place.sum, state)
            private.add(
                FINDER.find(step.use).contributions(plan.study.parameters(step), ask, batch), people=batch.people
            )
        self.unmasked[charge.place.index] = noised = private.noised()
        sent = mask(noised) if mask else noised
        return self._node.books.ledger.settle(charge, sent, data=("visits@1",), optouts="l")


class Peer:
    """A node; ``stages`` lists what it was asked, ``lose(stage, place)`` makes it silent from there on."""

    def __init__(self, home, seed, coordinator):
        home.mkdir(parents=True)
        self.home, self.key = home, Ed25519PrivateKey.generate()
        self.public = PublicKey.of(self.key)
        self.name = self.public.fingerprint
        self.coordinator = coordinator
        self.books = books(home, ceiling=10**14, node=self.name, key=self.key)
        with self.books.database.transaction() as connection:
            for statement in SCHEMA:
                connection.execute(statement)
        self.table = random_table(120, seed=seed)
        (home / "keys").mkdir()
        self.keystore = Keystore.create(home / "keys" / "k.json", home / "wrapping.key", {"identity@1": bytes(32)})
        self.sums = Sums(self)
        self.stages = []
        self._lost = {}

    def approve(self, study):
        self.study, self.paused = study, None
        rounds = RoundStore(self.books.database, self.books.audit, self.keystore, now=lambda: WHEN)
        self.masking = Masking(rounds, self.key)
        register = SimpleNamespace(check_not_paused=lambda: None)
        governance = SimpleNamespace(runnable=lambda _, now: self.study, register=register)
        who = {"node": self.name, "key": self.key, "coordinator": self.coordinator, "governance": governance}
        parts = {"sums": self.sums, "masking": self.masking, "finder": FINDER, "now": lambda: WHEN}
        self.door = Door(**who, **parts, slot_seconds=1e-4)

    def lose(self, stage, place=0):
        """Be silent whenever that stage is asked of that place; of 0, of any."""
        self._lost[stage] = place

    def answer(self, content):
        stage, places = self.told(content)
        self.stages.append((stage, places))
        if stage in self._lost and self._lost[stage] in (0, *places):
            raise Silent
        return self.send(content)

    def send(self, content):
        """Return what leaves by the door for these bytes."""
        sent = []
        self.door.answer(content, sent.append)
        return sent[0]

    def told(self, content):
        if not is_call(content):
            return "request", (Request.decode(content, self.coordinator).place,)
        call = Call.decode(content, self.coordinator)
        return call.stage, call.places

    def round(self, place):
        """Return what the node's state holds of a round."""
        query = "SELECT * FROM masking_round WHERE study = ? AND place = ?"
        return self.books.database.one(query, [self.study.hash, place])


class Silent(Exception):
    """The node does not answer."""


class QuietGrid:
    """A grid in one process in which a node that is lost is silent, as it would be over a network."""

    def __init__(self, handlers):
        self.handlers = handlers

    def online(self):
        return frozenset(self.handlers)

    def exchange(self, requests, *, deadline_seconds, stop=None):
        for node, content in requests.items():
            if stop and stop.is_set():
                return
            try:
                reply = self.handlers[node](content)
            except (Silent, KeyError):
                continue
            yield node, reply


def masked_study(peers, **privacy) -> Document:
    """Return a study of secure aggregation among these nodes."""
    invited = [{"name": f"site {i}", "fingerprint": peer.name} for i, peer in enumerate(peers)]
    terms = {"epsilon": 3.0, "delta": 1e-5, "quorum": QUORUM, "spares": 1, "masking": "secure-aggregation"}
    return small_study(invited=invited, privacy={**terms, **privacy})


def peers_of(path, coordinator, count=4, **privacy):
    """Return that many nodes, all of which have approved one masked study."""
    peers = [Peer(path / f"n{i}", i, coordinator) for i in range(count)]
    study = masked_study(peers, **privacy)
    for peer in peers:
        peer.approve(study)
        peer.plan = plan_of(study)
    return peers, study
