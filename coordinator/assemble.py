"""The composition root of a serving coordinator: API, register, studies, Flower and the running thread.

It imports all that is heavy, so only the command that serves imports it.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext

from coordinator import checkpoints, journal, register, registry, runs, studies
from coordinator.admission import Admission
from coordinator.checkpoints import Checkpoints
from coordinator.disclosed import Disclosure
from coordinator.doctor.ready import Ready
from coordinator.federation.grid import Grid
from coordinator.federation.superlink import SuperLink
from coordinator.home import FLEET, MODELS, Home
from coordinator.hub import Hub, Presence
from coordinator.identity import tokens
from coordinator.identity.renewal import Renewal
from coordinator.identity.tokens import Doorkeeper
from coordinator.journal import Journal
from coordinator.register import Register
from coordinator.registry import Registry
from coordinator.rounds import Outcome, Progress, run_study
from coordinator.runs import Run, Runner, Runs
from coordinator.studies import Studies
from coordinator.vitals import coordinator_metrics
from coordinator.web.api import make_app
from coordinator.web.serving import serve_api
from models.version import ModelVersion
from privacy.computation import PACKAGES, Finder
from privacy.durable import Database
from privacy.metrics import Tally
from privacy.probes import Readiness
from privacy.release import SignedReceipt
from privacy.signing import PublicKey
from privacy.software import package_sha256
from privacy.study import Study

COMPUTATIONS = Finder(*PACKAGES)
SCHEMAS = (
    register.SCHEMA,
    tokens.SCHEMA,
    studies.SCHEMA,
    checkpoints.SCHEMA,
    registry.SCHEMA,
    runs.SCHEMA,
    journal.SCHEMA,
)

Clock = Callable[[], datetime.datetime]


def serve(home: Home, *, now: Clock, ready: Callable[[Mapping[str, object]], None]) -> None:
    """Serve the API and Flower's protocol until a signal ends it; ``ready`` hears the addresses.

    A second server of the same home is ``coordinator-running``.
    """
    with home.alone():
        _serve(home, now, ready)


def _serve(home: Home, now: Clock, ready: Callable[[Mapping[str, object]], None]) -> None:
    settings, keys, renewal = home.settings, home.keys, Renewal(home.keys, now=now)
    renewal.begin()
    link = SuperLink(
        host=settings.fleet_host,
        port=settings.fleet_port,
        certificate=keys.server,
        private_key=keys.server_key,
        home=home.path / FLEET,
        on_tls=renewal.attach,
    )
    database = home.database(*SCHEMAS)
    database.fold()
    database.check()
    with link, Admission(Register(database), link).kept(also=renewal.look):
        presence = link.grid("presence")
        with open_hub(home, database, grid_of=lambda s: closing(link.grid(s)), presence=presence, now=now) as hub:
            answers = Tally()
            with _monitored(home, hub, database, answers, now):
                serve_api(
                    make_app(hub, largest_body=settings.largest_body_bytes, answers=answers),
                    host=settings.api_host,
                    port=settings.api_port,
                    certificate=keys.server,
                    private_key=keys.server_key,
                    ready=lambda: ready(_addresses(home, hub)),
                    on_tls=renewal.attach,
                )


def _monitored(home: Home, hub: Hub, database: Database, answers: Tally, now: Clock) -> AbstractContextManager[object]:
    """Answer a monitor meanwhile, where the settings name a port for it."""
    if not home.settings.health_port:
        return nullcontext()
    from coordinator.web.health import HealthApp, answering  # noqa: PLC0415 - for those who ask for it

    ready = Readiness(Ready(home, database, now).checks(), now)
    app = HealthApp(ready, lambda: coordinator_metrics(hub, database, answers, ready.findings()))
    return answering(app, home.settings.health_host, home.settings.health_port)


@contextmanager
def open_hub(
    home: Home,
    database: Database,
    *,
    grid_of: Callable[[str], AbstractContextManager[Grid]],
    presence: Presence,
    now: Clock,
) -> Iterator[Hub]:
    """Give the hub, its runner working, over whatever grid carries a study's sums; the runner ends with it."""
    register, finder, journal = Register(database), COMPUTATIONS, Journal(database)
    studies = Studies(database, register=register, finder=finder, package=package_sha256())
    registry, runs = Registry(database, home.path / MODELS), Runs(database)

    def execute(run: Run, progress: Callable[[Progress], None], stop: threading.Event) -> Outcome:
        study = studies.with_hash(run.study)
        studies.check_software(study)
        with grid_of(study.hash) as grid:
            outcome = run_study(
                study=study,
                finder=finder,
                grid=grid,
                key=home.identity,
                roster={node: key for node in run.roster if (key := register.key_ever_of(node))},
                journal=journal,
                deadline_seconds=run.deadline_seconds or home.settings.deadline_seconds,
                now=now,
                progress=progress,
                stop=stop,
                revoked=lambda: {node.fingerprint for node in register.revoked()},
            )
        if registry.version(study) is None:  # else it was kept just before a crash
            model = _model(study, outcome, journal, register, made_at=now().isoformat(timespec="seconds"))
            registry.keep(model, model.seal(home.identity))
        return outcome

    public, settings, kept = PublicKey.of(home.identity), home.settings, Checkpoints(database, home.identity)
    door = _doorkeeper(database, register, public, now)
    shown = _disclosure(settings.disclosure, studies, registry, public)
    with Runner(runs, execute, now=now, at_once=settings.runs_at_once) as runner:
        yield Hub(public, door, register, studies, registry, kept, runs, runner, journal, presence, finder, now, shown)


def _disclosure(profile: str, studies: Studies, registry: Registry, public: PublicKey) -> Disclosure:
    def made(data_set: str) -> list[str]:
        return [each.study for each in registry.all() if studies.with_hash(each.study).data_set == data_set]

    return Disclosure(profile, made, lambda study: ModelVersion.open(registry.read(studies.with_hash(study)), public))


def _model(study: Study, outcome: Outcome, journal: Journal, register: Register, *, made_at: str) -> ModelVersion:
    """Return the model with each node's own signature on its receipts, as the journal kept them."""
    kept = {(s.receipt.node, s.receipt.place): s for s in map(SignedReceipt.of, journal.counted(study.hash))}
    signed = tuple(kept[receipt.node, receipt.place] for receipt in outcome.receipts)
    keys = {node: key.text for node in {r.node for r in outcome.receipts} if (key := register.key_ever_of(node))}
    model = ModelVersion(study, outcome.results, signed, keys, made_at)
    model.verify_lineage()
    return model


def _doorkeeper(database: Database, register: Register, operator: PublicKey, now: Clock) -> Doorkeeper:
    keys = {"key_of": register.key_of, "revoked_key_of": register.revoked_key_of}
    return Doorkeeper(database, **keys, operator=operator, now=now)


def _addresses(home: Home, hub: Hub) -> dict[str, object]:
    settings = home.settings
    return {
        "api": f"https://{settings.api_host}:{settings.api_port}",
        "fleet": f"{settings.fleet_host}:{settings.fleet_port}",
        "nodes": len(hub.register.nodes()),
        "key": hub.public_key.fingerprint,
    }


__all__ = ["COMPUTATIONS", "SCHEMAS", "Clock", "open_hub", "serve"]
