"""FHIR R4 as NDJSON: patients, encounters, conditions, observations and medication requests, one resource a line.

Each resource is marked as test data (HL7 ActReason HTEST). Costs have no place in these resources and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.code_systems import CODE_SYSTEMS
from synthetic.formats.format import Format, Sink, check_whole
from synthetic.formats.parquet_format import FORMAT as PARQUET
from synthetic.tables import TRUTH

LINE = pa.schema([("resource", pa.string())])
KINDS = ("Patient", "Encounter", "Condition", "Observation", "MedicationRequest")
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
ETHNIC = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
ETHNIC_CODES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland"
LOCAL = "urn:hedgerow:synthetic:codes"
TEST = '"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]}'
CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CLASSES = {"inpatient": "IMP", "emergency": "EMER", "community": "HH", "housing": "FLD", "police": "FLD", "fire": "FLD"}
VISIT = "AMB"  # any other setting
MISSED = "did-not-attend"
Columns = Mapping[str, pa.Array]


class _Lines:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Write each text as a line, at once: texts of Arrow lie end to end."""
        lines = pc.binary_join_element_wise(batch.column(0), "\n", "")
        offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
        if len(lines):
            self._file.write(memoryview(lines.buffers()[2])[offsets[0] : offsets[-1]])


class Fhir(Format):
    """Files of resources side by side in one folder; the truth apart, as Parquet."""

    name = "fhir"
    suffix = ".ndjson"

    def schemas(self, given: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """Return a table of lines for each kind of resource."""
        check_whole(given)
        return dict.fromkeys(KINDS, LINE) | {name: each for name, each in given.items() if name.startswith(TRUTH)}

    def path(self, table: str, number: int) -> str:
        """Return where a part of a kind lies."""
        return (
            PARQUET.path(table, number) if table.startswith(TRUTH) else f"synthetic-{table}-{number:03d}{self.suffix}"
        )

    def opened(self, file: BinaryIO, schema: pa.Schema) -> AbstractContextManager[Sink]:
        """Begin a file of lines, or of the truth."""
        return _lines(file) if schema == LINE else PARQUET.opened(file, schema)

    def converted(self, part: Iterator[tuple[str, pa.RecordBatch]]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give resources for people and events."""
        for table, batch in part:
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            if table == "people":
                yield "Patient", _batch(_patients(columns))
            elif table == "events":
                kinds = _kinds(columns)
                for place, (kind, made) in enumerate(MADE.items()):
                    which = pa.array(kinds == place)
                    yield kind, _batch(made({name: column.filter(which) for name, column in columns.items()}))
            else:
                yield table, batch


@contextmanager
def _lines(file: BinaryIO) -> Iterator[_Lines]:
    yield _Lines(file)


def _batch(lines: pa.Array) -> pa.RecordBatch:
    return pa.record_batch([lines], schema=LINE)


def _kinds(c: Columns) -> NDArray[np.int8]:
    """Return which of ``MADE`` each event is."""
    judged = (pc.equal(c["method"], "diagnosis"), pc.is_valid(c["value"]), pc.equal(c["setting"], "prescription"))
    return np.select([each.to_numpy(zero_copy_only=False) for each in judged], (1, 2, 3), 0).astype(np.int8)


def _patients(c: Columns) -> pa.Array:
    number, died = _text(c["nhs_number"]), _text(c["died_on"])
    return _joined(
        '{"resourceType":"Patient","id":"synthetic-',
        number,
        f'",{TEST},"extension":[{{"url":"{ETHNIC}","valueCodeableConcept":{{"coding":[{{"system":"{ETHNIC_CODES}","code":"',
        _text(c["ethnicity"]),
        f'"}}]}}}}],"identifier":[{{"system":"{NHS_NUMBER}","value":"',
        number,
        '"}],"gender":"',
        _text(c["sex"]),
        '","birthDate":"',
        _text(c["birth_date"]),
        pc.if_else(pc.is_valid(died), _joined('","deceasedDateTime":"', pc.fill_null(died, "")), pa.scalar("")),
        f'","generalPractitioner":[{{"identifier":{{"system":"{ODS}","value":"',
        _text(c["practice"]),
        '"}}]}',
    )


def _encounters(c: Columns) -> pa.Array:
    classes = pa.array([CLASSES.get(text, VISIT) for text in c["setting"].dictionary.to_pylist()], pa.string())
    status = pc.if_else(pc.equal(c["method"], MISSED), pa.scalar("cancelled"), pa.scalar("finished"))
    return _joined(
        _head("Encounter", c),
        ',"status":"',
        status,
        f'","class":{{"system":"{CLASS}","code":"',
        classes.take(c["setting"].indices),
        '"},"type":[{"coding":[',
        _coding(c),
        ']}],"period":{"start":"',
        _text(c["date"]),
        '","end":"',
        _text(pc.coalesce(c["until"], c["date"])),
        '"},"serviceProvider":',
        _organisation(c),
        "}",
    )


def _conditions(c: Columns) -> pa.Array:
    return _joined(
        _head("Condition", c), ',"code":{"coding":[', _coding(c), ']},"onsetDateTime":"', _text(c["date"]), '"}'
    )


def _observations(c: Columns) -> pa.Array:
    return _joined(
        _head("Observation", c),
        ',"status":"final","code":{"coding":[',
        _coding(c),
        ']},"effectiveDateTime":"',
        _text(c["date"]),
        '","valueQuantity":{"value":',
        _text(c["value"]),
        ',"unit":"',
        pc.fill_null(_text(c["unit"]), "1"),
        '"},"performer":[',
        _organisation(c),
        "]}",
    )


def _medication_requests(c: Columns) -> pa.Array:
    return _joined(
        _head("MedicationRequest", c),
        ',"status":"completed","intent":"order","medicationCodeableConcept":{"coding":[',
        _coding(c),
        ']},"authoredOn":"',
        _text(c["date"]),
        '","requester":',
        _organisation(c),
        "}",
    )


MADE = {
    "Encounter": _encounters,
    "Condition": _conditions,
    "Observation": _observations,
    "MedicationRequest": _medication_requests,
}


def _head(kind: str, c: Columns) -> pa.Array:
    record, number = _text(c["record_id"]), _text(c["nhs_number"])
    subject = f'",{TEST},"subject":{{"reference":"Patient/synthetic-'
    return _joined(f'{{"resourceType":"{kind}","id":"synthetic-', record, subject, number, '"}')


def _coding(c: Columns) -> pa.Array:
    systems = [CODE_SYSTEMS[name].uri or LOCAL for name in c["system"].dictionary.to_pylist()]
    system = pa.array(systems, pa.string()).take(c["system"].indices)
    return _joined('{"system":"', system, '","code":"', _text(c["code"]), '"}')


def _organisation(c: Columns) -> pa.Array:
    return _joined(f'{{"identifier":{{"system":"{ODS}","value":"', _text(c["organisation"]), '"}}')


def _joined(*texts: str | pa.Array) -> pa.Array:
    """Return texts put together row by row; none of ours holds a quote or a backslash (a test looks)."""
    return pc.binary_join_element_wise(*texts, "")


def _text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return column.dictionary.take(column.indices)
    return pc.cast(column, pa.string())


FORMAT = Fhir()

__all__ = [
    "CLASS",
    "CLASSES",
    "ETHNIC",
    "ETHNIC_CODES",
    "FORMAT",
    "KINDS",
    "LINE",
    "LOCAL",
    "MADE",
    "MISSED",
    "NHS_NUMBER",
    "ODS",
    "TEST",
    "VISIT",
    "Columns",
    "Fhir",
]
