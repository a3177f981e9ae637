"""A whole federation in one process: the same applications and the same bytes, no network and no Flower."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator import assemble as coordinator_room
from coordinator.federation.in_process import InProcessGrid
from coordinator.home import JOIN_KIT, KEYS, make_home
from coordinator.home import Home as CoordinatorHome
from coordinator.hub import Hub
from coordinator.identity.keys import KeyFiles, load_identity
from coordinator.identity.tokens import Caller
from coordinator.settings import Settings
from models.standing import Standing
from models.version import ModelVersion
from node.assemble import COMPUTATIONS, Node, open_node
from node.founding import FLOORS, KEY_SUFFIX, Founder, found
from node.people import open_key
from privacy.canonical import canonical
from privacy.enrolment import Enrolment

POLL_SECONDS = 0.05
PASSPHRASE = "seven made-up words for a demonstration"  # noqa: S105 - opens made-up people's keys only
FOUNDERS = (
    Founder("ada", "ig-lead", PASSPHRASE),
    Founder("ben", "caldicott-guardian", PASSPHRASE),
    Founder("cleo", "clinician", PASSPHRASE),
)
APPROVERS = ("ada", "ben")
Clock = Callable[[], datetime.datetime]


def system_clock() -> datetime.datetime:
    """Return the time."""
    return datetime.datetime.now(datetime.UTC)


@dataclass
class LocalFederation:
    """A coordinator and its nodes, each in its own directory below ``home``."""

    home: Path
    hub: Hub
    nodes: Mapping[str, Node]

    def submit(self, document: Mapping[str, Any]) -> str:
        """Submit a study that invites every node, and let every node fetch it; return its hash."""
        invited = [{"name": name, "fingerprint": node.fingerprint} for name, node in self.nodes.items()]
        status = self.hub.submit(canonical({**document, "invited": invited}))
        for node in self.nodes.values():
            for offer in self.hub.offered(Caller("node", node.fingerprint))["studies"]:
                node.governance.receive(offer["document"], now=node.now(), claimed=offer["hash"])
        return str(status["hash"])

    def approve(self, name: str, study: str, person: str) -> None:
        """Approve a study as somebody at a node, and tell the coordinator what became of it."""
        node = self.nodes[name]
        path = self.home / "keys" / name / f"{person}{KEY_SUFFIX}"
        node.governance.approve(study, person=person, key=open_key(path, PASSPHRASE, home=node.home), now=node.now())
        self.tell(name)

    def approve_everywhere(self, study: str) -> None:
        """Have the two approvers of every node approve a study."""
        for name in self.nodes:
            for person in APPROVERS:
                self.approve(name, study, person)

    def tell(self, name: str) -> None:
        """Send a node's pending notices through its door."""
        node = self.nodes[name]
        for notice in node.governance.pending_notices():
            node.door.notify(notice, lambda content: self.hub.note(Caller("node", node.fingerprint), content))
            node.governance.mark_notified(notice)

    def run(self, study: str, progress: Callable[[Mapping[str, Any]], None] = lambda _: None) -> Mapping[str, Any]:
        """Run a study to its end and return its last status."""
        status = self.hub.run(study)
        while status["run"] is None or status["run"]["state"] in ("queued", "running"):
            progress(status)
            time.sleep(POLL_SECONDS)
            status = self.hub.status(study)
        return status

    def say(self, standing: Standing, study: str, *, reason: str = "") -> None:
        """Publish or withdraw the model that a study made."""
        registry, key = self.hub.registry, load_identity(KeyFiles(self.home / "hub" / KEYS))
        registry.say(standing, registry.find(study), key=key, at=self.hub.now(), reason=reason)

    def pull(self, name: str, study: str) -> ModelVersion:
        """Have a node hear the news, fetch a study's model, and keep it once it is verified."""
        node, caller = self.nodes[name], Caller("node", self.nodes[name].fingerprint)
        node.shelf.hear(self.hub.offered(caller)["models"])
        content = self.hub.model(caller, study)
        node.shelf.keep(content, study)
        return node.shelf.opened(content, study)


@contextmanager
def local_federation(
    home: Path, sites: Sequence[str], *, floors: Mapping[str, Any] | None = None, now: Clock = system_clock
) -> Iterator[LocalFederation]:
    """Found a coordinator and a node for each site, enrol them, and connect them in this process."""
    coordinator, _ = make_home(home / "hub", settings=Settings(name="demo-hub"), hosts=["127.0.0.1"], now=now())
    allowed = {**FLOORS, "computations": COMPUTATIONS.names(), "allow_test_numbers": True, **(floors or {})}
    nodes = {name: _found(home, name, coordinator.path / JOIN_KIT, allowed, now) for name in sites}
    with hub_over(coordinator, nodes, now) as hub:
        yield LocalFederation(home, hub, nodes)


@contextmanager
def hub_over(coordinator: CoordinatorHome, nodes: Mapping[str, Node], now: Clock = system_clock) -> Iterator[Hub]:
    """Open a coordinator over these nodes and no others, and enrol those that it does not know."""
    grid = InProcessGrid({node.fingerprint: _answering(node) for node in nodes.values()})
    database = coordinator.database(*coordinator_room.SCHEMAS)
    with coordinator_room.open_hub(
        coordinator, database, grid_of=lambda _: nullcontext(grid), presence=grid, now=now
    ) as hub:
        for node in nodes.values():
            if hub.register.find(node.fingerprint) is None:
                hub.register.enrol(Enrolment.decode((node.home / "enrolment.txt").read_bytes()), at=now())
        yield hub


def _found(home: Path, name: str, kit: Path, floors: Mapping[str, Any], now: Clock) -> Node:
    place = home / "nodes" / name
    found(
        home=place,
        name=name,
        join=kit,
        founders=FOUNDERS,
        keys=home / "keys" / name,
        wrapping_key_file=home / "keys" / name / "wrapping-key",
        floors=floors,
        finder=COMPUTATIONS,
        now=now,
    )
    return open_node(place, {}, now)


def _answering(node: Node) -> Callable[[bytes], bytes]:
    def answer(content: bytes) -> bytes:
        sent: list[bytes] = []
        node.door.answer(content, sent.append)
        return sent[0]

    return answer


__all__ = [
    "APPROVERS",
    "FOUNDERS",
    "PASSPHRASE",
    "POLL_SECONDS",
    "Clock",
    "LocalFederation",
    "hub_over",
    "local_federation",
    "system_clock",
]
