"""The manifest of a data set: where it comes from, how to make it again, and every file with its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from privacy.canonical import legible, sha256
from privacy.errors import Invalid, Tampered, Unreachable
from privacy.software import installed_version, package_sha256
from synthetic.provenance import Provenance, from_document, to_document

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True, order=True)
class Written:
    """One file: its path inside the data set, the table it is a part of ("" for none), its rows, bytes and SHA-256."""

    path: str
    table: str
    rows: int
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        """Refuse, with ValueError, what names no file inside a data set: whoever opens one reads each file it names."""
        texts, numbers = (self.path, self.table, self.sha256), (self.rows, self.bytes)
        if not all(type(each) is str and each.isprintable() for each in texts):
            raise ValueError("a path, a table and a hash are texts")
        if not all(type(each) is int and each >= 0 for each in numbers):
            raise ValueError("rows and bytes are whole numbers")
        if not all(part.strip(".") for part in self.path.split("/")):
            raise ValueError("a path is inside the data set")

    @classmethod
    def of(cls, home: Path, path: str, table: str = "", rows: int = 0) -> Written:
        """Return the entry of a file as it lies on the disk."""
        with (home / path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(path, table, rows, file.tell(), digest)

    def holds(self, home: Path) -> bool:
        """Say whether the file is still what was written; a link out of the data set, or a device, is not."""
        try:
            real = (home / self.path).resolve()
            inside = real.is_relative_to(home.resolve()) and real.is_file()  # others may have no end
            same = inside and real.stat().st_size == self.bytes
            return same and Written.of(home, self.path).sha256 == self.sha256
        except OSError:
            return False


@dataclass(frozen=True)
class Plan:
    """What is to be made: enough to make it again, byte for byte.

    ``recipe`` is what the tables are made from, as plain data; ``tables`` gives each one's columns with their types;
    ``software`` names versions of this package and of the libraries whose bytes they are; ``notes`` are sentences on
    what is not as whoever uses the records would expect.
    """

    provenance: Provenance
    command: str
    seed: int
    recipe: Mapping[str, Any]
    format: str
    tables: Mapping[str, Mapping[str, str]]
    software: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        provenance = to_document(self.provenance)
        fields = {name: getattr(self, name) for name in ("command", "seed", "recipe", "format", "tables", "software")}
        return {"synthetic": True, "manifest": VERSION, "provenance": provenance, **fields, "notes": list(self.notes)}


@dataclass(frozen=True)
class Manifest:
    """A finished data set: its plan, the rows of each table, and its files by path."""

    plan: Plan
    rows: Mapping[str, int]
    files: tuple[Written, ...]

    @classmethod
    def of(cls, plan: Plan, parts: Iterable[Written], files: Iterable[Written]) -> Manifest:
        """Return the manifest of what ``parts`` of tables became: often the same files, and others."""
        rows = dict.fromkeys(plan.tables, 0)
        for part in parts:
            if part.table:
                rows[part.table] = rows.get(part.table, 0) + part.rows
        return cls(plan, rows, tuple(sorted(files)))

    def of_table(self, table: str) -> tuple[str, ...]:
        """Return the paths of a table's parts, in order; ``table-unknown`` lists the tables there are."""
        if table not in self.plan.tables:
            raise Invalid("table-unknown", table[:100], faults=self.plan.tables)
        return tuple(file.path for file in self.files if file.table == table)

    @property
    def sha256(self) -> str:
        """Return the hash of ``manifest.json``: it names the data set, and by its files' hashes all that is in it."""
        return sha256(self.encode())

    def encode(self) -> bytes:
        """Return the bytes of ``manifest.json``; equal manifests give equal bytes."""
        document = {**self.plan.document(), "rows": self.rows, "files": [asdict(file) for file in self.files]}
        return legible(document)


def read_manifest(data_set: Path) -> Manifest:
    """Return the manifest of a data set; ``manifest-absent`` where there is none, ``manifest-malformed`` by place."""
    try:
        content = (data_set / NAME).read_bytes()
    except OSError as error:
        raise Unreachable("manifest-absent", str(data_set)) from error
    try:
        read = json.loads(content)
        fields = {name: read[name] for name in ("command", "seed", "recipe", "format", "tables", "software")}
        plan = Plan(provenance=from_document(read["provenance"]), **fields, notes=tuple(read["notes"]))
        manifest = Manifest(plan, read["rows"], tuple(Written(**file) for file in read["files"]))
        if not _sound(manifest) or manifest.encode() != content:
            raise Invalid("manifest-malformed", str(data_set / NAME))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid("manifest-malformed", str(data_set / NAME)) from error
    return manifest


def _sound(manifest: Manifest) -> bool:
    """Say whether every field is of its type: whoever reads a manifest relies on it."""
    plan = manifest.plan
    texts = [plan.command, plan.format, *plan.notes, *plan.software, *plan.software.values(), *plan.tables]
    texts += [text for table in plan.tables.values() for text in (*table, *table.values())]
    numbers = [plan.seed, *manifest.rows.values()]
    return (
        all(type(each) is str and each.isprintable() for each in texts)
        and all(type(each) is int and each >= 0 for each in numbers)
        and isinstance(plan.recipe, dict)
        and set(plan.tables) <= set(manifest.rows)
        and "hedgerow" in plan.software
    )


def check_files(data_set: Path, files: Iterable[Written]) -> None:
    """Refuse a data set of which a file is gone or is not what was written: ``data-set-tampered`` names each."""
    if changed := [file.path for file in files if not file.holds(data_set)]:
        raise Tampered("data-set-tampered", str(data_set), faults=changed)


def software() -> dict[str, str]:
    """Return the versions of whatever the bytes of a data set come from."""
    libraries = {name: metadata.version(name) for name in ("numpy", "pyarrow")}
    return {"hedgerow": installed_version(), "package": package_sha256(), **libraries}


__all__ = ["NAME", "VERSION", "Manifest", "Plan", "Written", "check_files", "read_manifest", "software"]
