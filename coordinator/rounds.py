"""The round loop: ask the next place of a plan, wait for the nodes, absorb the total; written down, so it resumes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.federation.grid import Grid
from coordinator.journal import Journal
from privacy.computation import Ask, Computation, Finder, Parameters, Result
from privacy.errors import HedgerowError, Invalid, Refusal
from privacy.private_sum import total
from privacy.programme import Place, Programme, programme
from privacy.release import Notice, Receipt, Release, decode
from privacy.request import Request
from privacy.signing import PublicKey
from privacy.study import Step, Study

ATTEMPTS = 3  # the same request again: a node that did answer gives the same bytes, at no further charge


@dataclass(frozen=True)
class Progress:
    """Where a run is: at which step and place, how many exchanges are done, whom it waits for, since when (seconds)."""

    study: str
    step: str
    place: str
    done: int
    planned: int
    answered: tuple[str, ...]
    waiting: tuple[str, ...]
    seconds: float


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
    progress: Callable[[Progress], None]
    roster: tuple[str, ...]
    receipts: list[Receipt] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    given_up: Counter[tuple[str, str]] = field(default_factory=Counter)


def run_study(
    *,
    study: Study,
    finder: Finder,
    grid: Grid,
    key: Ed25519PrivateKey,
    roster: Mapping[str, PublicKey],
    journal: Journal,
    deadline_seconds: float,
    progress: Callable[[Progress], None],
) -> Outcome:
    """Run every step of a study with the nodes in ``roster``, at least its quorum, and return what was learned.

    A run that was cut short goes on where its journal ends, with the same requests. Too few answers, after every
    spare place, are ``quorum-lost``.
    """
    if len(roster) < study.privacy.quorum:
        raise Refusal("quorum-lost", f"{len(roster)} of {study.privacy.quorum} nodes")
    plan = programme(study, finder)
    run = _Run(study, plan, grid, key, roster, journal, deadline_seconds, progress, tuple(sorted(roster)))
    results: dict[str, Result] = {}
    for step in study.steps:
        computation = finder.find(step.use)
        results[step.name] = _learn(run, step, computation, study.parameters(step), results.get(step.of))
    return Outcome(results, tuple(run.receipts), tuple(run.seconds))


def _learn(run: _Run, step: Step, computation: Computation, parameters: Parameters, earlier: Result | None) -> Result:
    state = computation.start(parameters, earlier)
    places: dict[str, Iterator[Place]] = {}
    while (ask := computation.next_request(parameters, state)) is not None:
        left = places.setdefault(ask.sum, iter(run.plan.of(step.name, ask.sum)))
        place, releases = _answered(run, ask, left)
        run.receipts += [release.receipt for release in releases]
        shares = [release.vector() for release in releases]
        state = computation.absorb(parameters, state, ask, total(shares, place.mechanism))
    return computation.result(parameters, state)


def _answered(run: _Run, ask: Ask, places: Iterator[Place]) -> tuple[Place, list[Release]]:
    """Return the first place that a quorum answers; one that fails costs one of the sum's spares.

    A place is given up for good before a spare is asked: were it answered late, after a restart, the spare would be
    taken for the computation's next question, though it was asked with an earlier state. With no spare left the place
    stays open, and another run asks the same of the same nodes.
    """
    for place in places:
        started = time.monotonic()
        releases = _exchange(run, ask, place)
        if len(releases) >= run.study.privacy.quorum:
            run.journal.close(run.study.hash, place.index, list(releases))
            run.seconds.append(time.monotonic() - started)
            run.roster = tuple(sorted(releases))
            return place, [releases[node] for node in run.roster]
        run.given_up[place.step, place.sum] += 1
        if run.given_up[place.step, place.sum] > run.study.privacy.spares:
            break
        run.journal.close(run.study.hash, place.index, [])
    codes = ", ".join(f"{node[:8]}: {code}" for node, code in sorted(run.refusals.items()))
    raise Refusal("quorum-lost", codes or "no answer before the deadline")


def _exchange(run: _Run, ask: Ask, place: Place) -> dict[str, Release]:
    """Ask one place of the whole roster, up to three times, and return the releases that came."""
    started = time.monotonic()
    request = Request.of(run.study.hash, place.index, run.roster, ask.state)
    content, kept, closed = run.journal.open(run.study.hash, place.index, request.encode(run.key))
    request = Request.decode(content, PublicKey.of(run.key))
    if not set(request.roster) <= set(run.keys):  # a request that stands names nodes that this run does not know
        raise Refusal("roster-wrong", place.title)
    releases = {node: _release(decode(reply, run.keys[node]), place, request) for node, reply in kept.items()}
    run.refusals.clear()
    for _ in range(0 if closed else ATTEMPTS):
        waiting = [node for node in request.roster if node not in releases and node not in run.refusals]
        if not waiting:
            break
        _report(run, place, releases, waiting, started)
        for node, reply in run.grid.exchange(dict.fromkeys(waiting, content), deadline_seconds=run.deadline_seconds):
            try:
                releases[node] = _release(decode(reply, run.keys[node]), place, request)
            except HedgerowError as error:
                run.refusals[node] = error.detail if error.code == "node-refused" else error.code
            else:
                run.journal.keep(run.study.hash, place.index, node, reply)
            waiting.remove(node)
            _report(run, place, releases, waiting, started)
    return releases


def _release(outgoing: Release | Notice, place: Place, request: Request) -> Release:
    """Return a reply that is what was asked for: this study, place, request and mechanism, of the right length."""
    if isinstance(outgoing, Notice):
        raise Refusal("node-refused", outgoing.code)
    receipt = outgoing.receipt
    expected = (request.study, place.index, request.hash, place.mechanism.document())
    if (receipt.study, receipt.place, receipt.request, receipt.mechanism) != expected:
        raise Invalid("release-unexpected", place.title)
    outgoing.vector()
    return outgoing


def _report(run: _Run, place: Place, releases: Mapping[str, Release], waiting: list[str], started: float) -> None:
    spares = run.study.privacy.spares
    planned = sum(1 for p in run.plan.places[1:] if p.occurrence < len(run.plan.of(p.step, p.sum)) - spares)
    seconds = time.monotonic() - started
    done = len(run.seconds)
    shown = Progress(
        run.study.hash, place.step, place.title, done, planned, tuple(sorted(releases)), tuple(waiting), seconds
    )
    run.progress(shown)


__all__ = ["ATTEMPTS", "Outcome", "Progress", "run_study"]
