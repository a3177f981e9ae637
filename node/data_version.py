"""One load of a data set, as the state keeps it and as the log tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Row
from typing import Literal

from privacy.canonical import JSON, Document
from privacy.contract import Contract
from privacy.contract_file import contract_of
from privacy.errors import Tampered

Kind = Literal["records", "quarantine"]
DATA_LOADED, OPTOUTS_LOADED = "data-loaded", "optouts-loaded"
DATA_ERASED, PERSON_ERASED, REWRITTEN = "data-erased", "person-erased", "records-rewritten"
PSEUDONYMS_ROTATED = "pseudonyms-rotated"
CHANGES = (DATA_ERASED, PERSON_ERASED, PSEUDONYMS_ROTATED, REWRITTEN)  # their leaves name the files before and after
COLUMN_OF: dict[Kind, str] = {"records": "file", "quarantine": "quarantine"}

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS data_version (
        data_set TEXT NOT NULL, version INTEGER NOT NULL, contract TEXT NOT NULL, loaded_at TEXT NOT NULL,
        source_sha256 TEXT NOT NULL, optouts_version TEXT NOT NULL, file TEXT NOT NULL UNIQUE,
        quarantine TEXT NOT NULL UNIQUE, linkage TEXT NOT NULL DEFAULT '', PRIMARY KEY (data_set, version)) STRICT""",
)


@dataclass(frozen=True)
class DataVersion:
    """One load of a data set. ``file`` and ``quarantine`` are names in the store's directory.

    ``source_sha256`` is keyed (HMAC-SHA256): this node can recognise the source file again, and nobody else
    can use it to test a guess at what is in it. ``linkage`` names the one that said whose the rows are, if one did.
    """

    data_set: str
    version: int
    contract: Contract
    loaded_at: str
    source_sha256: str
    optouts_version: str
    file: str
    quarantine: str
    linkage: str = ""

    @property
    def name(self) -> str:
        """Return how receipts call it, as ``visits@2``."""
        return f"{self.data_set}@{self.version}"

    def file_of(self, kind: Kind) -> str:
        """Return the name of its records' or its quarantine's file."""
        return self.file if kind == "records" else self.quarantine

    def row(self) -> tuple[str | int, ...]:
        """Return it in the order of the table's columns."""
        contract = json.dumps(self.contract.document())  # not canonical: that would sort the columns
        head = (self.data_set, self.version, contract, self.loaded_at, self.source_sha256, self.optouts_version)
        return (*head, self.file, self.quarantine, self.linkage)

    def facts(self) -> dict[str, JSON]:
        """Return what the log tells of it: no count of rows, since a leaf may be shown outside the node."""
        facts: dict[str, JSON] = {"data_set": self.data_set, "version": self.version, "contract": self.contract.hash}
        facts |= {"source": self.source_sha256, "optouts": self.optouts_version}
        return {**facts, "linkage": self.linkage} if self.linkage else facts


def version_of(row: Row) -> DataVersion:
    """Return the version that a row of the table holds."""
    return DataVersion(**{**dict(row), "contract": contract_of(json.loads(row["contract"]))})


def check_history(events: Iterable[Document], versions: Iterable[DataVersion], optouts: Document | None) -> None:
    """Hold the loads, the opt-out list in use and what took a file's place against the log; else ``store-tampered``."""
    loads: dict[tuple[str, int], JSON] = {}
    files: dict[tuple[str, int, str], str] = {}
    newest: Document | None = None
    for leaf in events:
        facts = leaf["facts"]
        if leaf["event"] == DATA_LOADED:
            loads[facts["data_set"], facts["version"]] = facts
        elif leaf["event"] == OPTOUTS_LOADED:
            newest = facts
        elif leaf["event"] in CHANGES:
            for change in facts["files"]:
                if "optouts" in change:
                    newest = {"version": change["optouts"], "as_of": change["as_of"]}
                elif "file" in change:
                    files[change["data_set"], change["version"], change["kind"]] = change["file"]
                elif "data_set" in change:
                    loads.pop((change["data_set"], change["version"]), None)
                elif change["kind"] == "optouts":
                    newest = None
    here = {(v.data_set, v.version): v for v in versions}
    if {key: version.facts() for key, version in here.items()} != loads:
        raise Tampered("store-tampered", "the loads")
    if any(here[d, v].file_of(_kind(kind)) != name for (d, v, kind), name in files.items() if (d, v) in here):
        raise Tampered("store-tampered", "a file that another took the place of is back")
    if newest != optouts:
        raise Tampered("store-tampered", "the opt-out list")


def _kind(text: str) -> Kind:
    return "records" if text == "records" else "quarantine"


__all__ = [
    "CHANGES",
    "COLUMN_OF",
    "DATA_ERASED",
    "DATA_LOADED",
    "OPTOUTS_LOADED",
    "PERSON_ERASED",
    "PSEUDONYMS_ROTATED",
    "REWRITTEN",
    "SCHEMA",
    "DataVersion",
    "Kind",
    "check_history",
    "version_of",
]
