"""A node that holds people and events, loaded by its own commands; and all that it is, to compare before and after."""

from __future__ import annotations

import contextlib
import datetime
import gc
import hashlib
import io
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import Node, open_node
from node.clock import system_clock
from node.command import main
from node.founding import FLOORS, Founder, found
from privacy.computation import PACKAGES, Finder
from privacy.enrolment import JoinKit
from privacy.signing import PublicKey
from tests.nodes import nhs_numbers

TREE = Path(__file__).parents[1]
COMMAND = [sys.executable, "-P", "-c", "from node.command import main; main()"]
FINDER = Finder(*PACKAGES)
PASSPHRASE = "three small plums and a pear"
PEOPLE = 40
NUMBERS = nhs_numbers(PEOPLE, first=100_000)
PEOPLE_HEADER = "nhs_number,surname,birth_date,sex,postcode,practice"
EVENTS_HEADER = "nhs_number,date,source,code,value,cost"

PEOPLE_CONTRACT = """\
[contract]
name = "people"
version = 1
title = "Registered people"
owner = "A trust"
legal_basis = "UK GDPR articles 6(1)(e), 9(2)(h)"
source = "made up"
purpose = "Tests"
recipient = "A node"
table = "person"
key = ["nhs_number"]
bad_rows_at_most = 0.5

[columns.nhs_number]
kind = "direct-identifier"
type = "nhs-number"
treatment = "pseudonym"

[columns.surname]
kind = "direct-identifier"
type = "text"
treatment = "drop"

[columns.birth_date]
kind = "quasi-identifier"
type = "date"
role = "birth"
treatment = "month"
low = 1900-01-01
high = 2099-12-31

[columns.sex]
kind = "quasi-identifier"
type = "code"
role = "sex"
codes = ["1", "2", "9"]

[columns.postcode]
kind = "quasi-identifier"
type = "postcode"
treatment = "outward"
may_be_missing = true

[columns.practice]
kind = "direct-identifier"
type = "text"
role = "practice"
treatment = "pseudonym"
"""

EVENTS_CONTRACT = """\
[contract]
name = "events"
version = 1
title = "Events"
owner = "A trust"
legal_basis = "UK GDPR articles 6(1)(e), 9(2)(h)"
source = "made up"
purpose = "Tests"
recipient = "A node"
table = "event"
key = ["nhs_number", "date", "source", "code"]
bad_rows_at_most = 0.5
people = "people"

[columns.nhs_number]
kind = "direct-identifier"
type = "nhs-number"
treatment = "pseudonym"

[columns.date]
kind = "quasi-identifier"
type = "date"
role = "date"
low = 1990-01-01
high = 2099-12-31

[columns.source]
kind = "measure"
type = "code"
role = "source"
codes = ["apc", "gp"]

[columns.code]
kind = "sensitive"
type = "code"
role = "code"
system = "icd-10"

[columns.value]
kind = "sensitive"
type = "number"
role = "value"
low = -50
high = 500
may_be_missing = true

[columns.cost]
kind = "measure"
type = "number"
role = "cost"
low = 0
high = 100000
may_be_missing = true
"""


def person_row(i: int, number: str = "", **changes: str) -> str:
    """Return one person as a line."""
    cells = {
        "nhs_number": number or NUMBERS[i],
        "surname": f"Hobbinoll{i}",
        "birth_date": f"19{30 + i % 60}-0{1 + i % 9}-1{i % 9}",
        "sex": "12"[i % 2],
        "postcode": f"LS{1 + i % 9} 4AP",
        "practice": f"B8600{i % 7}",
    }
    return ",".join({**cells, **changes}.values())


def event_row(i: int, number: str = "", **changes: str) -> str:
    """Return one event as a line; the same ``i`` gives the same event."""
    cells = {
        "nhs_number": number or NUMBERS[i % PEOPLE],
        "date": f"2024-{1 + i // 28 % 12:02d}-{1 + i % 28:02d}",
        "source": ("gp", "apc")[i % 2],
        "code": f"I{10 + i % 50}",
        "value": f"{i % 90}.5",
        "cost": f"{i % 700}.25",
    }
    return ",".join({**cells, **changes}.values())


def people_file(rows: list[str] | None = None) -> str:
    """Return a whole people extract."""
    return "\n".join([PEOPLE_HEADER, *([person_row(i) for i in range(PEOPLE)] if rows is None else rows)]) + "\n"


def events_file(rows: list[str] | None = None) -> str:
    """Return a whole events extract."""
    return "\n".join([EVENTS_HEADER, *([event_row(i) for i in range(200)] if rows is None else rows)]) + "\n"


@dataclass(frozen=True)
class Seen:
    """All that a store is, by hashes: its files, each table of the state, and each load's rows with their number."""

    files: dict[str, str]
    state: dict[str, str]
    records: dict[str, tuple[int, str]]

    def holds(self, before: Seen) -> bool:
        """Say whether what was there before is there still: each load's files to the byte, and its records."""
        return before.files.items() <= self.files.items() and before.records.items() <= self.records.items()


@dataclass
class Laden:
    """A node's place: ``home``, its wrapping key and join kit beside it, and the files that it is ``given``.

    Its people work in the directory ``work``; ``more`` is what else is in their environment.
    """

    place: Path
    home: Path = field(init=False)
    given: Path = field(init=False)
    work: Path = field(init=False)
    more: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.place / "node"
        self.given = self.work = self.place

    @classmethod
    def made(cls, place: Path, **floors: object) -> Laden:
        """Found a node with two people, its list of who may be used, people and events; ``floors`` as in a policy."""
        self, hub = cls(place), Ed25519PrivateKey.generate()
        kit = JoinKit("hub", "https://127.0.0.1:9", "127.0.0.1:9", "none", PublicKey.of(hub).text, "ab" * 32)
        (place / "join.kit").write_bytes(kit.encode())
        (place / "pass").write_text(PASSPHRASE + "\n")
        founders = [Founder("ada", "ig-lead", PASSPHRASE), Founder("ben", "caldicott-guardian", PASSPHRASE)]
        found(
            home=self.home,
            name="here",
            join=place / "join.kit",
            founders=founders,
            keys=place / "keys",
            wrapping_key_file=None,
            floors={**FLOORS, "computations": FINDER.names(), "allow_test_numbers": True, **floors},
            finder=FINDER,
            now=system_clock,
        )
        self.allow(NUMBERS)
        self.write("people.toml", PEOPLE_CONTRACT)
        self.write("events.toml", EVENTS_CONTRACT)
        for name, content in (("people", people_file()), ("events", events_file())):
            done = self.run("ingest", f"{name}.toml", self.write(f"{name}.csv", content))
            assert done.status == 0, done.err
        gc.collect()  # closes what is open: the state is one file, and a copy of it whole
        return self

    def copy(self, place: Path) -> Laden:
        """Return the same node in another place."""
        shutil.copytree(self.place, place, dirs_exist_ok=True)
        settings = place / "node/node.toml"
        settings.write_text(settings.read_text().replace(str(self.place), str(place)))
        return Laden(place)

    def allow(self, numbers: list[str]) -> None:
        """Load a cleaned list as of today."""
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        done = self.run("optout", "load", self.write("allowed.txt", "\n".join(numbers)), "--as-of", today)
        assert done.status == 0, done.err

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file that the node is given."""
        path = self.given / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def environ(self) -> dict[str, str]:
        """Return the environment of a person who works at this node."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW")}
        ours |= {"PYTHONPATH": str(TREE), "HEDGEROW_NODE_HOME": str(self.home), "NO_COLOR": "1"}
        return ours | {"HEDGEROW_PASSPHRASE_FILE": str(self.place / "pass")} | self.more

    def run(self, *words: object) -> SimpleNamespace:
        """Run a command in this process, and return what it printed and how it exits."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        with (
            patch.dict(os.environ, self.environ(), clear=True),
            patch.object(sys, "argv", ["hedgerow-node", *map(str, words)]),
            patch.object(sys, "stdin", io.StringIO()),
            patch.object(tempfile, "tempdir", None),
            contextlib.chdir(self.work),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as exited:
                status = int(exited.code or 0)
        return SimpleNamespace(out=out.getvalue(), err=err.getvalue(), status=status)

    def load(self, name: str, source: object, *more: object) -> SimpleNamespace:
        """Load by a contract; ``code`` is why not, ``report`` what it did."""
        done = self.run("ingest", self.given / f"{name}.toml", source, *more, "--json")
        last = (done.err.splitlines() or [""])[-1]
        refused = json.loads(last) if done.status and last.startswith("{") else {}
        report = json.loads(done.out) if not done.status else {}
        return SimpleNamespace(**vars(done), code=refused.get("code", ""), refused=refused, report=report)

    def node(self) -> Node:
        """Return the node as a new process would open it."""
        return open_node(self.home, {}, system_clock, finder=FINDER)

    def seen(self) -> Seen:
        """Read all that the store holds, and hold it against the log."""
        node = self.node()
        try:
            loads = node.store.all()
            node.verify()
            return Seen(
                files={p.name: _hash(p.read_bytes()) for p in sorted((self.home / "store").iterdir())},
                state={name: _hash(rows) for name, rows in _tables(self.home)},
                records={load.name: _records(node.store.read_whole(load, "records")) for load in loads},
            )
        finally:
            node.database.close()


def _tables(home: Path) -> Iterator[tuple[str, list[object]]]:
    with contextlib.closing(sqlite3.connect(home / "state.sqlite")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in sorted(names):
            yield name, sorted(map(repr, connection.execute(f"SELECT * FROM {name}")))


def _records(table: pa.Table) -> tuple[int, str]:
    return table.num_rows, _hash(table.to_pydict())


def _hash(content: object) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else repr(content).encode()).hexdigest()[:12]
