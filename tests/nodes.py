"""A node's data side in a temporary directory, made-up NHS numbers in the 999 range, and a small contract to load."""

import datetime
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import store as node_store
from node.ingest.load import ingest
from node.ingest.report import LoadReport
from node.keystore import Keystore
from node.optouts import current_optouts, load_optouts
from node.store import Store
from privacy import audit
from privacy.audit import AuditLog
from privacy.contract import Contract
from privacy.contract_file import read_contract
from privacy.durable import Database

NOW = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)
TODAY = NOW.date()
KEYS = ("pseudonym@1", "store@1", "split@1")

CONTRACT = """\
[contract]
name = "visits"
version = 1
title = "Visits"
owner = "A trust"
legal_basis = "Article 6(1)(e), 9(2)(h)"
source = "made up"
purpose = "Tests"
recipient = "A node"
table = "event"
key = ["nhs_number", "year"]
period = "year"
missing = ["", "NA"]
bad_rows_at_most = 0.5

[columns.nhs_number]
kind = "direct-identifier"
type = "nhs-number"
treatment = "pseudonym"

[columns.local_id]
kind = "direct-identifier"
type = "text"
treatment = "drop"

[columns.year]
kind = "measure"
type = "integer"
low = 1
high = 5
unit = "study year"

[columns.age]
kind = "quasi-identifier"
type = "number"
low = 0
high = 120
unit = "years"
may_be_missing = true

[columns.sex]
kind = "quasi-identifier"
type = "code"
codes = ["0", "1"]

[columns.ward]
kind = "sensitive"
type = "text"
may_be_missing = true
"""

HEADER = "nhs_number,local_id,year,age,sex,ward"


def nhs_numbers(count: int, *, first: int = 0, leading: str = "999") -> list[str]:
    """Return valid NHS numbers of a range, ten digits each."""
    found: list[str] = []
    stem = first
    while len(found) < count:
        digits = f"{leading}{stem:0{9 - len(leading)}d}"
        check = -sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            found.append(f"{digits}{check}")
        stem += 1
    return found


@dataclass
class NodeData:
    """What one node holds; ``restarted`` opens the same directory again, as a new process would."""

    home: Path
    keystore: Keystore = field(init=False)
    database: Database = field(init=False)
    audit: AuditLog = field(init=False)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True)
        wrapping_key = self.home / "elsewhere" / "wrapping.key"
        secrets = {name: os.urandom(32) for name in KEYS}
        self.keystore = Keystore.create(self.directory / "keystore.json", wrapping_key, secrets)
        self.open()

    @property
    def directory(self) -> Path:
        return self.home / "node"

    def open(self) -> None:
        self.database = Database(self.directory / "state.db", [*audit.SCHEMA, *node_store.SCHEMA])
        self.audit = AuditLog(self.database, Ed25519PrivateKey.generate())
        self.store = Store(self.directory / "store", self.keystore, self.database, self.audit)

    def allow(self, numbers: list[str], as_of: datetime.date = TODAY) -> None:
        file = self.home / "allowed.txt"
        file.write_text("\n".join(numbers))
        load_optouts(file=file, as_of=as_of, store=self.store, keystore=self.keystore, now=NOW, allow_test_numbers=True)

    def load(self, content: str | bytes, contract: str = CONTRACT, *, test_numbers: bool = True) -> LoadReport:
        file = self.home / "extract.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.load_from(file, contract, test_numbers=test_numbers)

    def load_from(
        self, location: Path | str, contract: str = CONTRACT, *, test_numbers: bool = True, options: dict | None = None
    ) -> LoadReport:
        return ingest(
            contract=self.contract(contract),
            location=location,
            store=self.store,
            keystore=self.keystore,
            optouts=current_optouts(self.store, now=NOW, at_most_days=30),
            now=NOW,
            allow_test_numbers=test_numbers,
            options=options,
        )

    def contract(self, text: str = CONTRACT) -> Contract:
        file = self.home / "contract.toml"
        file.write_text(text)
        return read_contract(file)

    def state(self) -> tuple[list[str], list[tuple[object, ...]]]:
        """Return every file's name and every row that counts, to compare before and after."""
        names = sorted(p.name for p in (self.directory / "store").iterdir())
        tables = ("data_version", "optout_list", "audit_leaf")
        return names, [tuple(row) for t in tables for row in self.database.rows(f"SELECT * FROM {t}")]
