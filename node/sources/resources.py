"""What is taken from one FHIR R4 resource: whose it is, and its events under canonical names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from node.sources.canonical import SEX
from privacy.code_systems import CODE_SYSTEMS

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
ETHNIC_CATEGORY = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
LOCAL = "local"
# How servers write the systems that contracts name; a code of any other is the source's own.
SYSTEMS = {
    **{system.uri: name for name, system in CODE_SYSTEMS.items()},
    "http://hl7.org/fhir/sid/icd-10-uk": "icd-10",
}
# HL7 v3 ActCode: what kind of place an encounter is at
SETTINGS = {
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "SS": "inpatient",
    "EMER": "emergency",
    "AMB": "outpatient",
    "HH": "home",
    "FLD": "home",
    "VR": "virtual",
}
NEVER_WAS = frozenset({"entered-in-error", "cancelled", "refuted", "draft", "planned", "not-done"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PATIENT = re.compile(r"(?:^|/)Patient/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]+)?$")

Resource = Mapping[str, Any]
Row = dict[str, str | None]


def patient(resource: Resource) -> tuple[str | None, Row]:
    """Return a patient's id, and who they are; somebody with two NHS numbers in use has none."""
    numbers = {
        _text(identifier, "value")
        for identifier in _list(resource, "identifier")
        if _text(identifier, "system") == NHS_NUMBER and _text(identifier, "use") != "old"
    }
    address = next((a for a in _list(resource, "address") if _text(a, "use") in (None, "home")), None)
    ethnicity = next((e for e in _list(resource, "extension") if _text(e, "url") == ETHNIC_CATEGORY), None)
    practices = (_organisation(p) for p in _list(resource, "generalPractitioner"))
    who: Row = {
        "nhs_number": numbers.pop() if len(numbers) == 1 else None,
        "birth_date": _middle_of(_text(resource, "birthDate")),
        "sex": SEX.get((_text(resource, "gender") or "").lower()),
        "ethnicity": _text(ethnicity, "valueCodeableConcept", "coding", 0, "code"),
        "postcode": _text(address, "postalCode"),
        "practice": next(filter(None, practices), None),
    }
    return _text(resource, "id"), who


def events(resource: Resource) -> Iterator[Row]:
    """Give the events of a condition, encounter, observation or medication request, none of what never was."""
    kind = _text(resource, "resourceType") or ""
    verified = _text(resource, "verificationStatus", "coding", 0, "code")
    if kind not in _EVENTS or {verified, _text(resource, "status")} & NEVER_WAS:
        return
    dates, concept = _EVENTS[kind]
    days = [day for path in dates if (day := _text(resource, *path))]
    record = f"{kind}/{_text(resource, 'id')}" if _text(resource, "id") else None
    shared: Row = {
        "date": next((day[:10] for day in days if _DAY.match(day)), days[0] if days else None),
        "source": kind,
        "record_id": record,
        "organisation": _of_whom(resource),
    }
    if kind == "Encounter":
        place = _text(resource, "class", "code")
        shared["setting"] = SETTINGS.get(place or "")
        code = _coded(_get(resource, "type", 0)) if _get(resource, "type") else (LOCAL if place else None, place)
    else:
        code = next((c for c in (_coded(_get(resource, path)) for path in concept) if c[1]), (None, None))
    parts = _list(resource, "component")
    if code[1] or not parts:
        yield shared | _valued(resource) | {"system": code[0], "code": code[1]}
    for place_in, part in enumerate(parts, start=1):  # such as the two pressures of one measurement
        system, text = _coded(_get(part, "code"))
        yield shared | _valued(part) | {"system": system, "code": text, "record_id": record and f"{record}#{place_in}"}


def whose(resource: Resource) -> tuple[str | None, str | None, str]:
    """Return the patient's id that an event points to, the NHS number if it says that itself, and the id's server.

    A relative reference names no server: it is of the same one as the event.
    """
    subject, number = _get(resource, "subject"), None
    if _text(subject, "identifier", "system") == NHS_NUMBER:
        number = _text(subject, "identifier", "value")
    reference = _text(subject, "reference") or ""
    found = _PATIENT.search(reference)
    if found is None:
        return reference.removeprefix("urn:uuid:") or None, number, ""
    return found[1], number, reference[: found.start()].rstrip("/")


_EVENTS: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "Condition": ((("onsetDateTime",), ("onsetPeriod", "start"), ("recordedDate",)), ("code",)),
    "Encounter": ((("period", "start"),), ()),
    "MedicationRequest": ((("authoredOn",),), ("medicationCodeableConcept",)),
    "Observation": ((("effectiveDateTime",), ("effectivePeriod", "start"), ("issued",)), ("code",)),
}
KINDS = frozenset(_EVENTS)


def _valued(resource: Resource) -> Row:
    quantity = _get(resource, "valueQuantity") or _get(resource, "dispenseRequest", "quantity")
    number = _text(quantity, "value") or _text(resource, "valueInteger")
    return {"value": number, "unit": _text(quantity, "code") or _text(quantity, "unit")}


def _coded(concept: object) -> tuple[str | None, str | None]:
    """Return the first coding of a known system, else the first of any; words that are no code are left out."""
    codings = [c for c in _list(concept, "coding") if _text(c, "code")]
    for coding in codings:
        if system := SYSTEMS.get(_text(coding, "system") or ""):
            return system, _text(coding, "code")
    return (LOCAL, _text(codings[0], "code")) if codings else (None, None)


def _of_whom(resource: Resource) -> str | None:
    named = [_get(resource, "serviceProvider"), *_list(resource, "performer"), _get(resource, "requester")]
    return next(filter(None, map(_organisation, named)), None)


def _organisation(reference: object) -> str | None:
    if _text(reference, "identifier", "system") == ODS:
        return _text(reference, "identifier", "value")
    _, organisation, name = (_text(reference, "reference") or "").rpartition("Organization/")
    return name if organisation else None


def _middle_of(date: str | None) -> str | None:
    """Return a whole date; the middle of the year or of the month stands for what is not known."""
    return date if date is None else date + {4: "-07-01", 7: "-15"}.get(len(date), "")


def _get(found: object, *path: str | int) -> Any:  # noqa: ANN401 - JSON
    for step in path:
        if type(found) is dict:  # as json makes them, and asked some twenty times a resource
            found = found.get(step)
        elif type(found) is list and isinstance(step, int) and len(found) > step:
            found = found[step]
        else:
            return None
    return found


def _text(found: object, *path: str | int) -> str | None:
    value = _get(found, *path)
    return value.strip() or None if isinstance(value, str) else None


def _list(found: object, name: str) -> list[Any]:
    value = _get(found, name)
    return value if isinstance(value, list) else []


__all__ = [
    "ETHNIC_CATEGORY",
    "KINDS",
    "LOCAL",
    "NEVER_WAS",
    "NHS_NUMBER",
    "ODS",
    "SETTINGS",
    "SYSTEMS",
    "Resource",
    "Row",
    "events",
    "patient",
    "whose",
]
