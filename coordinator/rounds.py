"""The round loop: ask the next place of a plan, wait for the nodes, absorb the total; written down, so it resumes."""

from __future__ import annotations

import datetime
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.asked import ATTEMPTS, Asked, standing_request
from coordinator.federation.grid import Grid
from coordinator.journal import Journal
from coordinator.masking import ANSWERED, Masking
from privacy.computation import Ask, Computation, Finder, Parameters, Result, Total
from privacy.errors import HedgerowError, Refusal, Tampered
from privacy.logs import exchange_id
from privacy.private_sum import total, total_of
from privacy.programme import Place, Programme, programme
from privacy.release import Receipt, Release, decode
from privacy.request import Request
from privacy.signing import PublicKey
from privacy.study import Step, Study

log = structlog.get_logger()


class Stopped(Exception):
    """Ends a run that somebody stopped; it is not a failure, and the run can go on where its journal ends."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: at which step and place, how many exchanges are done, how many nodes it waits for."""

    study: str
    step: str
    place: int
    title: str
    done: int
    planned: int
    answered: int
    waiting: int


@dataclass(frozen=True)
class Outcome:
    """What a run gave: a result for each step, every receipt, and how long each exchange took."""

    results: Mapping[str, Result]
    receipts: tuple[Receipt, ...]
    seconds: tuple[float, ...]

    @property
    def exchanges(self) -> int:
        """Return how many exchanges it took."""
        return len(self.seconds)


@dataclass
class _Run:
    study: Study
    plan: Programme
    grid: Grid
    key: Ed25519PrivateKey
    keys: Mapping[str, PublicKey]
    journal: Journal
    deadline_seconds: float
    now: Callable[[], datetime.datetime]
    progress: Callable[[Progress], None]
    stop: threading.Event
    planned: int
    revoked: Callable[[], Collection[str]]
    roster: tuple[str, ...] = ()
    receipts: list[Receipt] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    given_up: Counter[tuple[str, str]] = field(default_factory=Counter)

    @cached_property
    def masking(self) -> Masking | None:
        """Return what makes masks and takes them off, where the study asks for it."""
        if not self.study.privacy.masked:
            return None
        return Masking(
            self.study, self.grid, self.key, self.keys, self.journal, self.deadline_seconds, self.stop, self.refusals
        )

    def called(self, node: str) -> str:
        """Return the name that the study invites a node by; whoever it does not invite is told by its key."""
        return next((i.name for i in self.study.invited if i.fingerprint == node), node[:8])

    def at(self) -> str:
        return self.now().isoformat(timespec="seconds")


def run_study(
    *,
    study: Study,
    finder: Finder,
    grid: Grid,
    key: Ed25519PrivateKey,
    roster: Mapping[str, PublicKey],
    journal: Journal,
    deadline_seconds: float,
    now: Callable[[], datetime.datetime],
    progress: Callable[[Progress], None],
    stop: threading.Event,
    revoked: Callable[[], Collection[str]] = tuple,
) -> Outcome:
    """Run every step of a study with the nodes in ``roster``, at least its quorum, and return what was learned.

    A run that was cut short goes on where its journal ends, with the same requests. Too few answers, after every
    spare place, are ``quorum-lost``. A node that was left out of one step is asked again at the next: within a step
    the roster only shrinks, so that the totals of one computation are over the same people. Once ``stop`` is set the
    run ends within a second by ``Stopped``, whoever it waits for. A node that is ``revoked`` is in no new request and
    is asked no more; what it answered before counts, as it was paid for.
    """
    if len(roster) < study.privacy.quorum:
        raise Refusal("quorum-lost", f"{len(roster)} of {study.privacy.quorum} nodes")
    plan, spares = programme(study, finder), study.privacy.spares
    planned = sum(len(plan.of(*named)) - spares for named in {(p.step, p.sum) for p in plan.places[1:]})
    run = _Run(study, plan, grid, key, roster, journal, deadline_seconds, now, progress, stop, planned, revoked)
    results: dict[str, Result] = {}
    for step in study.steps:
        run.roster = tuple(sorted(roster))
        computation = finder.find(step.use)
        results[step.name] = _learn(run, step, computation, study.parameters(step), results.get(step.of))
    return Outcome(results, tuple(run.receipts), tuple(run.seconds))


def _learn(run: _Run, step: Step, computation: Computation, parameters: Parameters, earlier: Result | None) -> Result:
    state = computation.start(parameters, earlier)
    places: dict[str, Iterator[Place]] = {}
    while (ask := computation.next_request(parameters, state)) is not None:
        left = places.setdefault(ask.sum, iter(run.plan.of(step.name, ask.sum)))
        releases, summed = _answered(run, ask, left)
        run.receipts += [release.receipt for release in releases]
        state = computation.absorb(parameters, state, ask, summed)
    return computation.result(parameters, state)


def _answered(run: _Run, ask: Ask, places: Iterator[Place]) -> tuple[list[Release], Total]:
    """Return what a quorum answered at the first place where it did; one that fails costs one of the sum's spares.

    A place is given up for good before a spare is asked: were it answered late, after a restart, the spare would be
    taken for the computation's next question, though it was asked with an earlier state. With no spare left the place
    stays open, and another run asks the same of the same nodes.
    """
    for place in places:
        started = time.monotonic()
        if (counted := _counted(run, ask, place)) is not None:
            run.seconds.append(time.monotonic() - started)
            return counted
        run.given_up[place.step, place.sum] += 1
        if run.given_up[place.step, place.sum] > run.study.privacy.spares:
            break
        run.journal.abandon(run.study.hash, place.index)
    codes = ", ".join(sorted(f"{run.called(node)}: {code}" for node, code in run.refusals.items()))
    raise Refusal("quorum-lost", codes or "no answer before the deadline")


def _counted(run: _Run, ask: Ask, place: Place) -> tuple[list[Release], Total] | None:
    """Return what enough nodes answered, and its total; None when too few did, or they had answered it long ago."""
    try:
        request, releases = _exchange(run, ask, place)
    except Refusal as error:
        if error.code != ANSWERED:
            raise
        return None
    if len(releases) < (run.masking.threshold(request) if run.masking else run.study.privacy.quorum):
        return None
    run.journal.close(run.study.hash, place.index, list(releases))
    if (summed := _summed(run, place, request, releases)) is None:
        return None
    run.roster = tuple(sorted(releases))
    return [releases[node] for node in run.roster], summed


def _summed(run: _Run, place: Place, request: Request, releases: Mapping[str, Release]) -> Total | None:
    """Return what the releases add up to; None when too few helped to unmask them, and nothing was revealed."""
    if run.masking is None:
        return total([releases[node].vector() for node in sorted(releases)], place.mechanism)
    try:
        return total_of(run.masking.unmask(request, releases), len(releases), place.mechanism)
    except HedgerowError as error:
        if run.stop.is_set():
            raise Stopped from None
        log.warning("round-lost", study=run.study.hash, place=place.index, code=error.code)
        if error.code != "quorum-lost":
            run.refusals["round"] = error.code
        return None


def _exchange(run: _Run, ask: Ask, place: Place) -> tuple[Request, dict[str, Release]]:
    """Ask one place of the whole roster, up to three times, and return the releases that came.

    Of a place that is closed, only those answers are asked for again that the journal lost, and all must come: the
    later requests were made with their total.
    """
    standing = run.journal.open(run.study.hash, place.index, _request(run, ask, place).encode(run.key))
    asked = standing_request(run.study, place, standing.request, PublicKey.of(run.key))
    wanted = set(standing.answers) if standing.closed else set(asked.request.roster)
    if standing.closed and not wanted <= set(run.keys):  # it counted a node that this run does not know
        raise Refusal("roster-wrong", place.title)
    releases = {node: kept for node, reply in standing.answers.items() if (kept := _kept(run, asked, node, reply))}
    run.refusals.clear()
    _require_quorum(run, asked, releases)
    try:
        for _ in range(ATTEMPTS):
            done = {*releases, *run.refusals, *run.revoked()}
            if not (waiting := wanted.intersection(run.keys) - done):
                break
            _ask(run, asked, waiting, releases)
        fields = {"exchange": exchange_id(run.study.hash, place.index), "study": run.study.hash, "place": place.index}
        log.info("exchange", **fields, answered=len(releases), refused=dict(run.refusals))
    finally:
        run.journal.give_up(run.study.hash, place.index, at=run.at())
    if standing.closed and (lost := wanted - releases.keys()):
        raise Tampered("journal-answer-lost", f"{place.title}: {', '.join(sorted(map(run.called, lost)))}")
    return asked.request, releases


def _request(run: _Run, ask: Ask, place: Place) -> Request:
    gone = set(run.revoked())
    roster = tuple(n for n in run.roster if n not in gone)
    if run.masking and not run.journal.asked(run.study.hash, place.index):
        later = [p.index for p in run.plan.places if p.step == place.step and p.index != place.index]
        try:
            roster = run.masking.prepare([place.index, *later], roster)
        except Refusal:
            if run.stop.is_set():
                raise Stopped from None
            raise
    return Request.of(run.study.hash, place.index, roster, ask.state)


def _require_quorum(run: _Run, asked: Asked, releases: Mapping[str, Release]) -> None:
    """Ask nobody when, without the nodes that were revoked, too few are left to answer."""
    gone = set(run.revoked())
    if len({*asked.request.roster, *releases} - (gone - releases.keys())) < run.study.privacy.quorum:
        raise Refusal("quorum-lost", ", ".join(sorted(f"{run.called(node)}: node-revoked" for node in gone)))


def _kept(run: _Run, asked: Asked, node: str, reply: bytes) -> Release | None:
    """Return an answer from the journal, or None, dropping it, when it is not whole: the node still has it."""
    if node not in run.keys:
        return None
    try:
        return asked.release(decode(reply, run.keys[node]))
    except HedgerowError:
        run.journal.lose(run.study.hash, asked.place.index, node)
        return None


def _ask(run: _Run, asked: Asked, waiting: set[str], releases: dict[str, Release]) -> None:
    """Ask those who are waited for once, and keep what comes until all have answered or the deadline passed."""
    study, place = run.study.hash, asked.place
    run.journal.ask(study, place.index, place.title, sorted(waiting), at=run.at())
    started = time.monotonic()
    _report(run, place, len(releases), len(waiting))
    masks = run.masking
    requests = (
        masks.inputs(asked.request, asked.content, sorted(waiting))
        if masks
        else dict.fromkeys(sorted(waiting), asked.content)
    )
    for node, reply in run.grid.exchange(requests, deadline_seconds=run.deadline_seconds, stop=run.stop):
        took = time.monotonic() - started
        try:
            releases[node] = asked.release(decode(reply, run.keys[node]))
        except HedgerowError as error:
            run.refusals[node] = code = error.detail if error.code == "node-refused" else error.code
            run.journal.refuse(study, place.index, node, code, seconds=took, at=run.at())
        else:
            run.journal.keep(study, place.index, node, reply, seconds=took, at=run.at())
        waiting.discard(node)
        _report(run, place, len(releases), len(waiting))
    if run.stop.is_set():
        raise Stopped


def _report(run: _Run, place: Place, answered: int, waiting: int) -> None:
    if run.stop.is_set():
        raise Stopped
    done = len(run.seconds)
    run.progress(Progress(run.study.hash, place.step, place.index, place.title, done, run.planned, answered, waiting))


__all__ = ["Outcome", "Progress", "Stopped", "run_study"]
