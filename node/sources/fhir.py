"""FHIR R4 resources, one a line, as people and events under canonical names; no text of a resource is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from node.sources.canonical import canonical_names
from node.sources.characters import Characters
from node.sources.held import Held, digest_of
from node.sources.resources import KINDS, Resource, Row, events, patient, whose
from node.sources.source import Rows, Source
from privacy.contract import Contract
from privacy.errors import Invalid

BLOCK_BYTES = 1 << 24  # of text at a time; no resource is longer
ROWS = 1 << 16
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # a number is the text that it was written as
_PATIENT = re.compile(rb'"resourceType"\s*:\s*"Patient"')
_EVENT = re.compile(rb'"resourceType"\s*:\s*"(?:' + "|".join(sorted(KINDS)).encode() + rb')"')


class Fhir(Source):
    """People of ``Patient`` for a person table; events of four kinds of resources for an event table.

    Lines are counted through all files; other resources are passed over, as is what was entered in error. A line that
    is no resource is ``resource-malformed`` with its file and line. Ids are of one server: a reference that names
    another than the first one named leads to nobody. In memory are the patients' numbers by their ids: events only
    stream by, and files are read twice for them.
    """

    unit = "line"

    def __init__(self, files: Sequence[Path], *, contract: Contract | None, key: bytes) -> None:
        self.names = canonical_names(contract)
        self._of_people = contract is not None and contract.table == "person"
        self._files, self._key = list(files), key
        self._held: list[Held] = []
        self._open_all()

    def read(self) -> Iterator[Rows]:
        """Give the rows once, in the order of the lines."""
        if self._of_people:
            found = self._batches((line, patient(resource)[1]) for line, resource in self._resources(_PATIENT))
        else:
            numbers = self._numbers()
            seen = self.digest()
            self._open_all()
            found = self._unchanged(seen, self._batches(self._events(numbers)))
        first = next(found, None)
        if first is None:
            raise Invalid("file-empty")
        yield first
        yield from found

    def digest(self) -> str:
        """Return the keyed hash of the files."""
        return digest_of(self._held, self._key)

    def close(self) -> None:
        """Let go of the files."""
        for held in self._held:
            held.close()

    def _open_all(self) -> None:
        self.close()
        self._held = []
        try:
            for file in self._files:
                self._held.append(Held(file, self._key))
        except BaseException:
            self.close()
            raise

    def _unchanged(self, seen: str, batches: Iterator[Rows]) -> Iterator[Rows]:
        yield from batches
        if self.digest() != seen:  # between the first time and the second
            raise Invalid("file-changed")

    def _numbers(self) -> dict[str, str | None]:
        """Return each patient's NHS number; who is there twice with different numbers has none."""
        numbers: dict[str, str | None] = {}
        for _, resource in self._resources(_PATIENT):
            name, who = patient(resource)
            if name is not None:
                number = who["nhs_number"]
                numbers[name] = number if numbers.get(name, number) == number else None
        if not numbers:
            raise Invalid("table-absent", "Patient")
        return numbers

    def _events(self, numbers: dict[str, str | None]) -> Iterator[tuple[int, Row]]:
        first = ""  # of the servers that references name; an id of another one is somebody else's
        for line, resource in self._resources(_EVENT):
            name, said, server = whose(resource)
            first = first or server
            number = said or (numbers.get(name or "") if server in ("", first) else None)
            for row in events(resource):
                yield line, row | {"nhs_number": number}

    def _batches(self, made: Iterator[tuple[int, Row]]) -> Iterator[Rows]:
        waiting: list[tuple[int, Row]] = []
        for line_and_row in made:
            waiting.append(line_and_row)
            if len(waiting) == ROWS:
                yield self._rows(waiting)
                waiting = []
        if waiting:
            yield self._rows(waiting)

    def _rows(self, waiting: list[tuple[int, Row]]) -> Rows:
        columns = [pa.array([row.get(name) for _, row in waiting], pa.string()) for name in self.names]
        numbers = np.array([line for line, _ in waiting], dtype=np.int64)
        return Rows(pa.record_batch(columns, names=list(self.names)), numbers)

    def _resources(self, wanted: re.Pattern[bytes]) -> Iterator[tuple[int, Resource]]:
        before = 0
        for held in self._held:
            text = Characters(held, None)
            count = 0
            for count, line in enumerate(_lines(text, held.path.name), start=1):
                if wanted.search(line):
                    resource = _resource(line, f"{held.path.name} line {count}")
                    if wanted.search(f'"resourceType":"{resource.get("resourceType")}"'.encode()):
                        yield before + count, resource
                elif line.strip() and not (line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}")):
                    raise Invalid("resource-malformed", f"{held.path.name} line {count}")
            before += count
            text.rest()


def _lines(text: Characters, name: str) -> Iterator[bytes]:
    left, count = b"", 0
    while block := text.read(BLOCK_BYTES):
        *lines, left = (left + block).split(b"\n")
        count += len(lines)
        yield from lines
        if len(left) > BLOCK_BYTES:
            raise Invalid("resource-malformed", f"{name} line {count + 1} is longer than {BLOCK_BYTES >> 20} MiB")
    if left:
        yield left


def _resource(line: bytes, where: str) -> Resource:
    """Return a line's resource."""
    try:
        resource = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        raise Invalid("resource-malformed", where) from None  # json's message would show the line
    if not isinstance(resource, dict):
        raise Invalid("resource-malformed", where)
    return resource


__all__ = ["BLOCK_BYTES", "ROWS", "Fhir"]
