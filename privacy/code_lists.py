"""Code lists: small files, each with a name, a version, a title, a source and a licence, that contracts refer to."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from privacy.canonical import Document, hash_of
from privacy.code_systems import CODE_SYSTEMS
from privacy.errors import HedgerowError, Invalid, Unreachable

SHIPPED = Path(__file__).parent / "code_lists"
REFERENCE = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)@([0-9a-z]+(?:[.-][0-9a-z]+)*)")
HEAD = ("title", "system", "source", "licence")
COLUMNS = ["code", "label"]
LARGEST_FILE = 64 << 20  # bytes; the largest lists that we know of are a few megabytes


@dataclass(frozen=True)
class CodeList:
    """A list of codes and what each means; making one that does not hold is ``code-list-malformed``.

    ``system`` is one of ``CODE_SYSTEMS``; a list of an institution's own codes says ``local``.
    """

    name: str
    version: str
    title: str
    system: str
    source: str
    licence: str
    codes: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Refuse what does not hold together."""
        if faults := list(_faults(self)):
            raise Invalid("code-list-malformed", self.reference, faults=faults)

    @property
    def reference(self) -> str:
        """Return how contracts and features call it: ``NAME@VERSION``."""
        return f"{self.name}@{self.version}"

    @cached_property
    def sha256(self) -> str:
        """Return the hash of all it says, labels and source too; whatever uses the list hashes this with it."""
        return hash_of(self.document())

    @property
    def only_codes(self) -> tuple[str, ...]:
        """Return the codes without their labels, in the file's order."""
        return tuple(code for code, _ in self.codes)

    def document(self) -> Document:
        """Return the list as plain data."""
        head: Document = {name: getattr(self, name) for name in ("name", "version", *HEAD)}
        return {**head, "codes": [list(pair) for pair in self.codes]}


def read_code_list(reference: str, directories: Sequence[Path] = ()) -> CodeList:
    """Return a list by ``NAME@VERSION``: one that ships with Hedgerow, or ``NAME@VERSION.csv`` in a directory given.

    ``code-list-unknown`` when there is none; ``code-list-malformed`` with every fault and its line, also when two
    places hold different lists under the same name and version: a name must mean one thing.
    """
    if not REFERENCE.fullmatch(reference):
        raise Invalid("code-list-unknown", f"{reference[:100]!r} is not of the form NAME@VERSION")
    files = [folder / f"{reference}.csv" for folder in (SHIPPED, *directories)]
    found = [_read(file) for file in files if file.is_file()]
    if not found:
        raise Invalid("code-list-unknown", reference)
    if len({each.sha256 for each in found}) > 1:
        raise Invalid("code-list-malformed", reference, faults=["another list has this name and version: raise yours"])
    return found[0]


def code_lists(directories: Sequence[Path] = ()) -> list[CodeList]:
    """Return every list that ships or lies in a directory given, by name and version."""
    files = (file for folder in (SHIPPED, *directories) for file in folder.glob("*@*.csv"))
    names = sorted({file.stem for file in files})
    return [read_code_list(name, directories) for name in names]


def with_code_lists(document: Mapping[str, Any], directories: Sequence[Path], faults: list[str]) -> Document:
    """Return a contract's document with the codes of each column's ``code_list`` written out, and the list's hash.

    So a contract that was loaded means the same for good, whatever becomes of the file. Lists that cannot be had are
    added to ``faults``.
    """
    columns = document.get("columns")
    if not isinstance(columns, Mapping):
        return dict(document)
    return {**document, "columns": {name: _with_codes(name, t, directories, faults) for name, t in columns.items()}}


def _with_codes(name: str, table: object, directories: Sequence[Path], faults: list[str]) -> object:
    if not isinstance(table, Mapping) or not isinstance(table.get("code_list"), str):
        return table
    if written := sorted({"codes", "code_list_sha256"} & set(table)):
        faults += [f"columns.{name}.{field}: comes from the code list" for field in written]
        return table
    try:
        listed = read_code_list(table["code_list"], directories)
    except HedgerowError as error:
        faults.append(f"columns.{name}.code_list: {error.code}, {'; '.join(error.faults) or error.detail}")
        return {**table, "codes": ["none"]}  # one fault is enough
    return {**table, "codes": list(listed.only_codes), "code_list_sha256": listed.sha256}


def _read(file: Path) -> CodeList:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("code-list-malformed", file.name, faults=["line 1: is not UTF-8 text"]) from None
    if len(content) > LARGEST_FILE:
        raise Invalid("code-list-malformed", file.name, faults=[f"is larger than {LARGEST_FILE >> 20} MiB"])
    faults: list[str] = []
    lines = text.splitlines()
    head = _head(lines, faults)
    codes = _codes(lines, len(head), faults)
    if faults:
        raise Invalid("code-list-malformed", file.name, faults=faults)
    name, _, version = file.stem.partition("@")
    fields = {field: head[field] for field in HEAD}
    return CodeList(name=name, version=version, codes=tuple(codes), **fields)


def _head(lines: Sequence[str], faults: list[str]) -> dict[str, str]:
    """Read the lines ``# field: text`` at the top."""
    head: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.startswith("#"):
            break
        field, colon, text = line.removeprefix("#").partition(":")
        if not colon or field.strip() not in HEAD or field.strip() in head or not text.strip():
            faults.append(f"line {number}: is one of # {', # '.join(f'{name}: …' for name in HEAD)}, each once")
        head[field.strip()] = text.strip()
    faults += [f"line 1: # {name}: is missing" for name in HEAD if name not in head]
    return head


def _codes(lines: Sequence[str], skip: int, faults: list[str]) -> list[tuple[str, str]]:
    try:
        rows = [(number, row) for number, row in enumerate(csv.reader(lines[skip:]), start=skip + 1) if row]
    except csv.Error:
        faults.append(
            f"line {skip + 1}: is no CSV from here on, or a cell has more than {csv.field_size_limit()} letters"
        )
        return []
    if not rows or [cell.strip() for cell in rows[0][1]] != COLUMNS:
        faults.append(f"line {skip + 1}: is the header {','.join(COLUMNS)}")
        return []
    faults += [f"line {number}: has {len(row)} cells, not 2" for number, row in rows[1:] if len(row) != len(COLUMNS)]
    return [(row[0].strip(), row[1].strip()) for _, row in rows[1:] if len(row) == len(COLUMNS)]


def _faults(codes: CodeList) -> Iterator[str]:
    if not REFERENCE.fullmatch(codes.reference):
        yield "its file is called NAME@VERSION.csv, of small letters, digits and hyphens"
    only = codes.only_codes
    if not only:
        yield "it has no codes"
    if len(set(only)) < len(only):
        twice = sorted({code for code in only if only.count(code) > 1}) if len(only) < 10_000 else ["a code"]
        yield f"{', '.join(twice[:20])}: is there twice"
    if codes.system not in CODE_SYSTEMS:
        yield f"system: is one of {', '.join(sorted(CODE_SYSTEMS))}"
        return
    system = CODE_SYSTEMS[codes.system]
    strange = [code for code, fits in zip(only, system.well_formed(only), strict=True) if not fits]
    if strange:
        yield f"{', '.join(map(repr, strange[:20]))}: no code of {codes.system}, which is {system.shape}"


__all__ = [
    "COLUMNS",
    "HEAD",
    "LARGEST_FILE",
    "REFERENCE",
    "SHIPPED",
    "CodeList",
    "code_lists",
    "read_code_list",
    "with_code_lists",
]
