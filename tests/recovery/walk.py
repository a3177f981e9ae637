"""A study from submission to model, during which a process dies at one stated point and is started again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from node.people import open_key
from privacy.canonical import Document, canonical
from privacy.errors import HedgerowError
from privacy.programme import programme
from privacy.study import from_document
from tests.recovery.evidence import Evidence, gather, spent
from tests.recovery.federation import APPROVERS, FINDER, HUB, KEY_SUFFIX, PASSPHRASE, Federation, now

TIMES = 2
KILLED = -9
AFTERWARDS_SECONDS = 8.0  # what a process may still do when its study has ended
_numbers = count(1)


@dataclass(frozen=True)
class Point:
    """Where ``victim`` dies, and who dies with it; ``command`` is what it runs, such as ``serve``."""

    victim: str
    kind: str
    site: str
    occurrence: int
    moment: str
    command: tuple[str, ...] = ("serve",)
    also: tuple[str, ...] = ()
    starting: bool = False  # before it is ready
    nudge: str = ""  # who starts anew to bring it there

    def __str__(self) -> str:
        """Return the point for people."""
        where = f"{self.moment} {self.kind} {self.occurrence} of {self.site}"
        return f"{' '.join(self.command[:5])} at {', '.join((self.victim, *self.also))}: {where}"

    @property
    def serving(self) -> bool:
        """Say whether a service dies, and not a command."""
        return self.command == ("serve",)

    @property
    def arming(self) -> str:
        """Return the point as the launcher reads it."""
        return f"{self.kind}|{self.site}|{self.occurrence}|{self.moment}"


def approval(node: str, person: str) -> tuple[str, ...]:
    """Return how somebody approves a study, as it is typed."""
    key = f"{{home}}/keys/{node}/{person}{KEY_SUFFIX}"
    return ("study", "approve", "{study}", "--as", person, "--key", key)


@dataclass
class Walk:
    """One study; ``tend`` is called again and again, as a supervisor looks after its services."""

    federation: Federation
    point: Point | None = None
    plant: str = ""
    typed: bool = False  # whether the first node's people type their approvals, as when a command is to die
    reached: bool = False
    restarted_at: float = 0.0
    run_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    name: str = field(default_factory=lambda: f"walk-{next(_numbers)}")
    hash: str = ""

    def run(self) -> Evidence:
        """Take the study from submission to its model, whatever dies, and return the evidence."""
        before = spent(self.federation)
        self.federation.forget()
        self._arm()
        self.typed = self.typed or bool(self.point and "{study}" in self.point.command)
        self._submit()
        self._approve()
        self._finish()
        self._await_the_point()
        study = from_document(self._row("SELECT document FROM study WHERE hash = ?"))
        plan = programme(study, FINDER)
        return gather(self.federation, plan, tuple(range(TIMES + 1)), before)

    def tend(self) -> None:
        """Start again, unarmed, whoever died, as systemd would; those who die together die at once."""
        point = self.point
        if point and point.serving and not self.reached and self.federation.died(point.victim):
            self.federation.kill(*point.also)
            self.federation.arm(point.victim, "")
            self.reached, self.restarted_at = True, time.monotonic()
            for name in (point.victim, *point.also):
                self.federation.start(name, plant=self.plant)

    def ready(self, name: str) -> bool:
        """Say whether a service answers, or holds its connection."""
        if name == HUB:
            return self._client(lambda client: client.overview()) is not None
        return self.federation.connected(name)

    @property
    def recovery_seconds(self) -> float:
        """Return the seconds from the command to start again to the next answer kept, a dead node's own."""
        died = self.point.victim if self.point else self.federation.nodes[0]
        lines = [line for line in self.federation.noted() if line[2] == "kept" and line[0] > self.restarted_at]
        if died != HUB:
            lines = [line for line in lines if line[5] == self.federation.fingerprints[died]]
        return min(line[0] for line in lines) - self.restarted_at

    def _arm(self) -> None:
        point = self.point
        if point is None:
            return
        if point.serving:
            self.federation.arm(point.victim, point.arming)
            if point.starting or self.plant:
                self.federation.kill(point.victim)
                self.federation.start(point.victim, plant=self.plant)
                self._until("its start", lambda: self.reached or self.ready(point.victim))
            if point.nudge:
                self.federation.kill(point.nudge)
                self.federation.start(point.nudge)
        elif "{study}" not in point.command:
            said = [word.format(home=self.federation.home) for word in point.command]
            self.reached = self.federation.command(point.victim, *said, point=point.arming) == KILLED
            if self.federation.command(point.victim, *said) != 0:
                self.failures.append(f"{point}: typed again, it is refused")

    def _submit(self) -> None:
        document = canonical(self._document())
        self._until("the submission", lambda: self._client(lambda client: client.submit(document)))
        query = "SELECT hash FROM study WHERE name = ?"
        ((self.hash,),) = self.federation.rows(HUB, query, self.name)
        for node in self.federation.nodes:
            self._until(f"the offer at {node}", lambda node=node: self._state(node) == "awaiting-first-approval")

    def _approve(self) -> None:
        for node in self.federation.nodes:
            for person in APPROVERS:
                if self.typed and node == self.federation.nodes[0]:
                    self._type_approval(node, person)
                else:
                    self._approve_as(node, person)
        self._until("the approvals", lambda: self._approved() == len(self.federation.nodes))

    def _approve_as(self, name: str, person: str) -> None:
        path = self.federation.home / "keys" / name / f"{person}{KEY_SUFFIX}"
        with self.federation.opened(name) as node:
            key = open_key(path, PASSPHRASE, home=node.home)
            node.governance.approve(self.hash, person=person, key=key, now=now())

    def _type_approval(self, name: str, person: str) -> None:
        """Approve by the command, which may die; typed again, it goes on or says that the approval was kept."""
        said = [word.format(study=self.name, home=self.federation.home) for word in approval(name, person)]
        point = self.point.arming if self.point and self.point.command == approval(name, person) else ""
        if self.federation.command(name, *said, point=point) == KILLED:
            self.reached = True
            if self._state(name) not in ("runnable", "running"):
                self.federation.command(name, *said)

    def _finish(self) -> None:
        def finished() -> bool:
            status = self._client(lambda client: client.status(self.name))
            run = (status or {}).get("run") or {}
            if status and run.get("state") in (None, "failed"):
                if run and (said := f"run {run['state']}: {run['code']}") not in self.failures[-1:]:
                    self.failures.append(said)
                self._client(lambda client: client.run(self.name, {}))  # what an operator would type
            return bool(run.get("state") == "finished")

        started = time.monotonic()
        self._until("the end of the run", finished)
        self.run_seconds = time.monotonic() - started

    def _await_the_point(self) -> None:
        """Wait for a point that lies behind the study's end, and for whoever died there."""
        ends = time.monotonic() + AFTERWARDS_SECONDS
        while self.point and not self.reached and time.monotonic() < ends:
            self.tend()
            time.sleep(0.05)
        if self.reached and self.point and self.point.serving:
            again = [n for n in (self.point.victim, *self.point.also) if n != HUB]
            self._until("those who died", lambda: self.federation.connected(*again))
            self._until("the result", lambda: self._client(lambda client: client.result(self.name)) is not None)

    def _until(self, what: str, holds: Callable[[], Any]) -> None:
        def tended() -> Any:
            self.tend()
            return holds()

        self.federation.until(f"{self.point}: {what} of {self.name}", tended)

    def _client(self, call: Callable[[Any], Document]) -> Document | None:
        """Return what the hub answers, or None while it cannot be reached or refuses."""
        with closing(self.federation.client()) as client:
            try:
                return call(client)
            except HedgerowError:
                return None

    def _state(self, node: str) -> str:
        rows = self.federation.rows(node, "SELECT state FROM study WHERE hash = ?", self.hash)
        return rows[0][0] if rows else ""

    def _approved(self) -> int:
        query = "SELECT count(*) FROM decision WHERE study = ? AND state = 'approved'"
        return int(self.federation.rows(HUB, query, self.hash)[0][0])

    def _row(self, query: str) -> Document:
        import json

        return dict(json.loads(self.federation.rows(HUB, query, self.hash)[0][0]))

    def _document(self) -> dict[str, Any]:
        over_sixty = {"name": "over_sixty", "column": "age", "transform": "at-least", "low": 0, "high": 120}
        step = {"name": "heads", "use": "head-count", "people": "training", "parameters": {"times": TIMES}}
        nodes = len(self.federation.nodes)
        return {
            "name": self.name,
            "title": "A walk",
            "question": "Does it recover?",
            "decision": "None",
            "intended_use": "Tests",
            "purpose": "research",
            "legal_basis": "None needed: made-up people",
            "asked_by": "The tests",
            "ends": (now().date() + timedelta(days=30)).isoformat(),
            "data_set": "visits",
            "variables": [{**over_sixty, "threshold": 60}],
            "steps": [step],
            "privacy": {"epsilon": 0.5, "delta": 1e-5, "quorum": nodes, "spares": 0, "minimum_cohort": 1},
            "invited": [{"name": n, "fingerprint": self.federation.fingerprints[n]} for n in self.federation.nodes],
        }


__all__ = ["AFTERWARDS_SECONDS", "KILLED", "TIMES", "Point", "Walk", "approval"]
