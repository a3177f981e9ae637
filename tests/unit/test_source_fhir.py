"""FHIR's resources become people and events under canonical names; what is malformed is told by its line alone."""

import gzip
import json

import pytest

from node.sources import fhir, open_source
from node.sources.canonical import EVENT, PERSON
from node.sources.resources import ETHNIC_CATEGORY, NHS_NUMBER, ODS
from tests.sources import KEY, PLANTED, code_of, contract_with, rows_of

A, B = "9990000018", "9990000026"
EVENTS_CONTRACT, PEOPLE_CONTRACT = contract_with(*EVENT), contract_with(*PERSON, table="person")
SNOMED, ICD_10 = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10"


def patient(name, number, **more):
    identifiers = [{"system": "https://local", "value": "x"}, {"system": NHS_NUMBER, "value": number}]
    return {"resourceType": "Patient", "id": name, "identifier": identifiers, **more}


def code(*codings):
    return {"coding": [{"system": system, "code": text} for system, text in codings], "text": PLANTED}


def of(name):
    return {"subject": {"reference": f"Patient/{name}"}}


PATIENTS = [
    patient(
        "a",
        A,
        gender="male",
        birthDate="1950-03-02",
        address=[{"use": "old", "postalCode": "XX1 1XX"}, {"use": "home", "postalCode": "LS1 4AP"}],
        extension=[{"url": ETHNIC_CATEGORY, "valueCodeableConcept": code(("x", "A"))}],
        generalPractitioner=[{"identifier": {"system": ODS, "value": "B86001"}}],
    ),
    patient("b", B, gender="female", birthDate="1960"),
]
RESOURCES = [
    {
        "resourceType": "Condition",
        "id": "1",
        **of("a"),
        "code": code(("http://elsewhere", "z"), (ICD_10, "I21.9")),
        "onsetDateTime": "2026",
        "recordedDate": "2026-01-01T10:00:00+00:00",
    },
    {
        "resourceType": "Encounter",
        "id": "2",
        "subject": {"reference": "https://server/fhir/Patient/b/_history/3"},
        "class": {"code": "IMP"},
        "period": {"start": "2026-01-02T23:30:00Z"},
        "serviceProvider": {"reference": "Organization/RR8"},
    },
    {
        "resourceType": "Observation",
        "id": "3",
        **of("a"),
        "code": code((SNOMED, "75367002")),
        "effectiveDateTime": "2026-01-03",
        "component": [
            {"code": code((SNOMED, "271649006")), "valueQuantity": {"value": 120, "code": "mm[Hg]"}},
            {"code": code((SNOMED, "271650006")), "valueQuantity": {"value": 80.50, "unit": "mmHg"}},
        ],
    },
    {
        "resourceType": "MedicationRequest",
        "id": "4",
        "subject": {"identifier": {"system": NHS_NUMBER, "value": B}},
        "authoredOn": "2026-01-04",
        "medicationCodeableConcept": code(("https://dmd.nhs.uk", "39113611000001102")),
        "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}},
        "requester": {"identifier": {"system": ODS, "value": "B86001"}},
    },
    {"resourceType": "Condition", "id": "5", **of("a"), "verificationStatus": code(("x", "entered-in-error"))},
    {"resourceType": "Observation", "id": "6", **of("a"), "status": "cancelled"},
    {"resourceType": "Condition", "id": "7", **of("nobody"), "code": code((SNOMED, "1")), "recordedDate": "2026-01-05"},
    {"resourceType": "Practitioner", "id": "8", "name": PLANTED},
]
MEDICINE = "MedicationRequest"
EVENTS = [
    (A, "Condition/1", "2026-01-01", "Condition", None, "icd-10", "I21.9", None, None, None, None),
    (B, "Encounter/2", "2026-01-02", "Encounter", "inpatient", "local", "IMP", None, None, "RR8", None),
    (A, "Observation/3", "2026-01-03", "Observation", None, "snomed-ct", "75367002", None, None, None, None),
    (A, "Observation/3#1", "2026-01-03", "Observation", None, "snomed-ct", "271649006", "120", "mm[Hg]", None, None),
    (A, "Observation/3#2", "2026-01-03", "Observation", None, "snomed-ct", "271650006", "80.5", "mmHg", None, None),
    (
        B,
        "MedicationRequest/4",
        "2026-01-04",
        MEDICINE,
        None,
        "dm+d",
        "39113611000001102",
        "28",
        "tablet",
        "B86001",
        None,
    ),
    (None, "Condition/7", "2026-01-05", "Condition", None, "snomed-ct", "1", None, None, None, None),
]
PEOPLE = [
    (A, "1950-03-02", "male", "A", "LS1 4AP", None, None, None, "B86001"),
    (B, "1960-07-01", "female", None, None, None, None, None, None),
]


def lines(resources):
    return "".join(json.dumps(resource) + "\n" for resource in resources).encode()


def read(location, contract):
    with open_source(str(location), contract=contract, key=KEY) as source:
        return rows_of(source)


@pytest.mark.parametrize("packed", [False, True])
def test_a_directory_of_files_becomes_people_and_events(tmp_path, packed):
    for name, found in (("Patient", PATIENTS), ("Everything", RESOURCES)):
        content = gzip.compress(lines(found)) if packed else lines(found)
        (tmp_path / f"{name}.ndjson{'.gz' if packed else ''}").write_bytes(content)
    assert read(tmp_path, EVENTS_CONTRACT) == (EVENTS, [1, 2, 3, 3, 3, 4, 7])
    assert read(tmp_path, PEOPLE_CONTRACT) == (PEOPLE, [9, 10])


def test_one_file_may_hold_everything_in_any_order(tmp_path, monkeypatch):
    monkeypatch.setattr(fhir, "ROWS", 2)
    monkeypatch.setattr(fhir, "BLOCK_BYTES", 1 << 10)
    (tmp_path / "all.ndjson").write_bytes(b"\n" + lines([*RESOURCES, *PATIENTS])[:-1])
    assert read(tmp_path / "all.ndjson", EVENTS_CONTRACT)[0] == EVENTS
    assert read(tmp_path / "all.ndjson", contract_with("nhs_number", "code"))[0][1] == (B, "IMP")


def test_who_has_two_numbers_or_is_two_people_is_nobody(tmp_path):
    two = patient("a", A)
    two["identifier"].append({"system": NHS_NUMBER, "value": B})
    old = patient("b", B)
    old["identifier"].append({"system": NHS_NUMBER, "value": A, "use": "old"})
    (tmp_path / "a.ndjson").write_bytes(lines([two, old, patient("c", A), patient("c", B), *RESOURCES]))
    rows, _ = read(tmp_path, EVENTS_CONTRACT)
    assert [row[0] for row in rows[:2]] == [None, B]
    assert read(tmp_path, PEOPLE_CONTRACT)[0][0][0] is None


MALFORMED = {
    "cut": lines(RESOURCES)[:-9],
    "not JSON": lines(RESOURCES[:1]) + f'{{"resourceType": "Condition", {PLANTED}}}\n'.encode(),
    "no object": lines(RESOURCES[:1]) + f'["{PLANTED}"]\n'.encode(),
    "deep": lines(RESOURCES[:1]) + b'{"resourceType":"Condition","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_line_that_is_no_resource_has_its_code_and_line(tmp_path, name):
    (tmp_path / "Patient.ndjson").write_bytes(lines(PATIENTS))
    (tmp_path / "A.ndjson").write_bytes(MALFORMED[name])
    code, where = code_of(lambda: read(tmp_path, EVENTS_CONTRACT))
    assert (code, where) == ("resource-malformed", f"A.ndjson line {8 if name == 'cut' else 2}")


def test_an_id_of_another_server_is_nobody_here(tmp_path):
    references = [
        "https://one/fhir/Patient/a",
        "Patient/a",
        "https://other/fhir/Patient/a",
        "https://one/fhir/Patient/a",
    ]
    events = [
        {
            "resourceType": "Condition",
            "id": str(place),
            "recordedDate": "2020-01-01",
            "code": code((SNOMED, "1")),
            "subject": {"reference": reference},
        }
        for place, reference in enumerate(references)
    ]
    file = tmp_path / "all.ndjson"
    file.write_bytes(lines([*PATIENTS, *events]))
    assert [row[0] for row in read(file, EVENTS_CONTRACT)[0]] == [A, A, None, A]


def test_a_line_that_never_ends_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(fhir, "BLOCK_BYTES", 1 << 20)
    (tmp_path / "A.ndjson").write_bytes(lines(PATIENTS) + b'{"resourceType":"Condition","a":"' + b"x" * (3 << 20))
    assert code_of(lambda: read(tmp_path, EVENTS_CONTRACT))[0] == "resource-malformed"


def test_fields_of_another_shape_are_missing(tmp_path):
    odd = {
        "resourceType": "Condition",
        "id": 5,
        "code": [1],
        "subject": "a",
        "onsetDateTime": {"a": 1},
        "status": ["x"],
    }
    (tmp_path / "A.ndjson").write_bytes(lines([*PATIENTS, odd, {"resourceType": "Patient", "identifier": [{}, 3]}]))
    assert read(tmp_path, EVENTS_CONTRACT)[0] == [(None, "Condition/5", None, "Condition", *[None] * 7)]
    assert read(tmp_path, PEOPLE_CONTRACT)[0][2] == (None,) * 9


def test_without_patients_or_events_there_is_nothing(tmp_path):
    (tmp_path / "A.ndjson").write_bytes(lines(RESOURCES))
    assert code_of(lambda: read(tmp_path, EVENTS_CONTRACT)) == ("table-absent", "Patient")
    assert code_of(lambda: read(tmp_path, PEOPLE_CONTRACT))[0] == "file-empty"
    (tmp_path / "A.ndjson").write_bytes(lines(PATIENTS))
    assert code_of(lambda: read(tmp_path, EVENTS_CONTRACT))[0] == "file-empty"
    assert code_of(lambda: read(tmp_path / "b.ndjson", EVENTS_CONTRACT))[0] == "file-unreadable"


def test_the_digest_and_a_change_between_the_two_readings(tmp_path):
    file = tmp_path / "A.ndjson"
    file.write_bytes(lines([*PATIENTS, *RESOURCES]))
    with open_source(str(file), contract=EVENTS_CONTRACT, key=KEY) as source:
        list(source.read())
        one = source.digest()
    assert one.startswith("hmac-sha256:")
    with open_source(str(file), contract=EVENTS_CONTRACT, key=KEY) as source:
        file.write_bytes(lines([*PATIENTS, *RESOURCES[1:]]))
        assert code_of(lambda: list(source.read()))[0] == "file-changed"
