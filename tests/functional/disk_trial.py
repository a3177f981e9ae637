"""A process of its own whose disk fails while a node answers, or a coordinator runs a study; it prints what it saw.

`python disk_trial.py PART HOME FAILURE`, where FAILURE is `full` (HOME is on a small file system) or `limit` (no file
may grow beyond a size; no root needed), `none`, or `again`: a process after that, which says what it found.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import open_node
from privacy.errors import HedgerowError
from privacy.release import decode
from privacy.request import Request
from privacy.signing import PublicKey
from tests.approved import FINDER
from tests.nodes import NOW

FAILS_AT = 8  # the answer, of 12, at which the coordinator's disk fails
LIMIT = 1 << 14  # the log beside the state may not grow beyond this


@contextmanager
def failing(home: Path, failure: str):
    """Let no write succeed that needs new space; ``none`` is for a disk that fails by itself."""
    if failure == "none":
        yield
        return
    if failure == "limit":
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        return
    ballast = home.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
        yield
    ballast.unlink()


def books(node) -> dict[str, object]:
    charges = [(charge["study"], charge["place"], charge["answered"]) for charge in node.ledger.charges()]
    return {"charges": charges, "spent": sum(account.spent for account in node.ledger.accounts())}


def asking(node, home: Path, about: dict[str, str]):
    hub = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(about["hub"]))

    def ask(place: int) -> object:
        content = Request.of(about["study"], place, tuple(about["roster"]), {"round": np.array([0.0])}).encode(hub)
        sent: list[bytes] = []
        node.door.answer(content, sent.append)
        answer = decode(sent[0], PublicKey.of(node.key))
        return answer.code if hasattr(answer, "code") else answer.receipt.released

    return ask


def node_part(home: Path, failure: str) -> dict[str, object]:
    about = json.loads((home / "about.json").read_text())
    node = open_node(home, {}, lambda: NOW, finder=FINDER)
    ask = asking(node, home, about)
    seen: dict[str, object] = {"before": books(node)}
    if failure == "again":
        return {"first": ask(1), "second": ask(2), "third": ask(3), "verified": bool(node.verify() or True)} | {
            "after": books(node)
        }
    seen["first"] = ask(1)
    with failing(home, failure):
        seen["failing"] = [ask(2), ask(2)]
        try:
            node.governance.register.pause(at=NOW.isoformat())
        except HedgerowError as error:
            seen["pause"] = error.code
    seen["space again"] = ask(2)
    return seen


def coordinator_part(home: Path, failure: str) -> dict[str, object]:
    from coordinator.home import open_home
    from tests.coordinators import Clock, Fleet, Site, serving

    keys = json.loads((home / "sites.json").read_text())
    members = [Site(name, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))) for name, key in keys.items()]
    fleet, calls, disk = Fleet(members), SimpleNamespace(number=0), ExitStack()
    answer_zeros = Site.answer_zeros

    def counted(site, *arguments):
        calls.number += 1
        if calls.number == FAILS_AT and failure != "again":
            disk.enter_context(failing(home, failure))
        return answer_zeros(site, *arguments)

    Site.answer_zeros = counted
    with serving(open_home(home, environ={}), members, Clock(), fleet) as hub:
        (study,) = hub.studies.all()
        if hub.runs.last(study.hash) is None:
            hub.run(study.hash)
        try:
            runs_on(hub, study)
            run = hub.status(study.hash)["run"]
            kept = hub.runs._database.rows("SELECT place, node FROM answer")
        except HedgerowError as error:
            disk.close()
            return {"said": error.code, "asked": calls.number}
        return {"run": run, "asked": calls.number, "answers": len(kept), "model": hub.status(study.hash)["model"]}


def runs_on(hub, study) -> None:
    for _ in range(100):
        time.sleep(0.1)
        run = hub.status(study.hash)["run"]
        if run is not None and run["state"] not in ("queued", "running"):
            return


def main() -> None:
    part, home, failure = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    seen = {"node": node_part, "coordinator": coordinator_part}[part](home, failure)
    print(json.dumps(seen))  # noqa: T201 - how its parent hears
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
