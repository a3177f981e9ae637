"""The shapes of sources: for each contract that ships, which events come in it and what its columns hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synthetic.sandbox.extract import Extract

Column = Callable[[Extract], pa.Array]


@dataclass(frozen=True)
class Shape:
    """One source: the contract that it is filled in from, the name of its data set, the streams of events in it.

    ``columns`` are those that it has, each made from an extract; ``record`` is the column of the record's own number;
    ``ends`` the days on which something began and ended. ``local`` are columns whose codes are not all of the system
    that the contract names. ``id`` is the column of its own number for a person, where it has no NHS numbers.
    ``traced`` says that its NHS numbers are right, as practices' are.
    """

    contract: str
    data_set: str
    columns: Mapping[str, Column]
    streams: tuple[str, ...] = ()
    record: str = ""
    ends: tuple[str, str] | None = None
    local: tuple[str, ...] = ()
    id: str = ""
    traced: bool = False

    @property
    def names(self) -> Mapping[str, Column]:
        """Return the columns of its list of people, one row each, by which they are linked; none without an ``id``."""
        return {self.id: self.columns[self.id], **_NAMED} if self.id else {}

    @property
    def checks(self) -> tuple[str, ...]:
        """Return what its contract should check beyond single cells, each as TOML."""
        if self.ends is None:
            return ()
        began, ended = self.ends
        lines = ('name = "ends-after-it-begins"', f'column = "{ended}"', 'relation = "at-least"', f'other = "{began}"')
        return ("\n".join(["[[checks]]", *lines]),)


def _of(name: str) -> Column:
    """Return what the registers say of the person of each row."""
    return lambda rows: rows.of_person(name)


def _by(name: str, texts: Mapping[str, str]) -> Column:
    """Return a text for each code or method, empty where none is given."""
    return lambda rows: rows.translated(name, texts)


def _first_day(rows: Extract) -> pa.Array:
    return rows.days("day")


def _last_day(rows: Extract) -> pa.Array:
    return rows.days("until")


def _code(rows: Extract) -> pa.Array:
    return rows.code


def _undotted(rows: Extract) -> pa.Array:
    return pc.replace_substring(rows.code, ".", "")


def _cost(rows: Extract) -> pa.Array:
    return rows.number("cost")


def _organisation(rows: Extract) -> pa.Array:
    return rows.organisation


def _record(rows: Extract) -> pa.Array:
    return rows.record


def _age(rows: Extract) -> pa.Array:
    born = rows.of_person("birth").cast(pa.int32()).to_numpy()
    return pa.array(((rows.array("day") - born) / 365.25).astype(np.int32))


def _nights(rows: Extract) -> pa.Array:
    return pa.array(rows.array("until") - rows.array("day"))


def _either(truth: Callable[[Extract], np.ndarray[tuple[int], np.dtype[np.bool_]]], yes: str, no: str) -> Column:
    return lambda rows: pc.if_else(pa.array(truth(rows)), yes, no)


def _weekly(rows: Extract) -> pa.Array:
    weeks = np.maximum(1, (rows.array("until") - rows.array("day")) / 7)
    return pa.array(np.round(rows.floats("cost") / weeks, 2), from_pandas=True)


def _open_end(rows: Extract) -> pa.Array:
    return pc.if_else(pa.array(rows.array("until") > rows.array("day")), rows.days("until"), None)


_WHO: Mapping[str, Column] = {
    "nhs_number": _of("number"),
    "birth_date": _of("birth"),
    "sex": _of("sex"),
    "ethnicity": _of("ethnicity"),
    "lsoa": _of("lsoa"),
    "imd_decile": _of("decile"),
    "practice": _of("practice"),
}
_NAMED: Mapping[str, Column] = {
    "given_name": _of("given"),
    "surname": _of("surname"),
    "date_of_birth": _of("birth-written"),
    "address": _of("address"),
    "postcode": _of("postcode"),
}
_ATTENDED = {"attended": "5", "did-not-attend": "3", "contact": "5"}
# NHS Data Dictionary, ACTIVITY TREATMENT FUNCTION CODE; general internal medicine where a code says no specialty
_SPECIALTIES = {
    "first-appointment": "300", "follow-up-appointment": "300", "oncology": "800", "diabetes": "307",
    "rheumatology": "410", "eye": "130", "cardiology": "320", "renal": "361", "paediatrics": "420",
}  # fmt: skip

GP_PEOPLE = Shape("gp-person", "gp-people", {**_WHO, "postcode": _of("postcode"), "died_on": _of("died")}, traced=True)
GP_EVENTS = Shape(
    "gp-events", "gp-events",
    {
        "nhs_number": _of("number"), "record_id": _record, "date": _first_day,
        "source": lambda rows: rows.stream("source"), "setting": lambda rows: rows.stream("setting"),
        "system": lambda rows: rows.system, "code": _code, "value": lambda rows: rows.number("value"),
        "unit": lambda rows: rows.unit, "organisation": _organisation, "cost": _cost,
    },
    ("gp", "medicine"), "record_id", local=("system", "code"), traced=True,
)  # fmt: skip
HES_APC = Shape(
    "hes-apc", "admitted-care",
    {
        **_WHO, "epikey": _record, "lopatid": _of("hospital-number"), "startage": _age, "admidate": _first_day,
        "epistart": _first_day, "epiend": _last_day, "disdate": _last_day,
        "admimeth": _by("method", {"emergency": "21", "elective": "11"}),
        "dismeth": _either(Extract.died_there, "4", "1"), "disdest": _either(Extract.died_there, "79", "19"),
        "classpat": _either(lambda rows: rows.is_method("elective") & rows.is_one_day(), "2", "1"),
        "bed_days": _nights, "procode": _organisation, "cost": _cost, "diag_01": _undotted,
    },
    ("apc",), "epikey", ("epistart", "epiend"),
)  # fmt: skip
HES_OP = Shape(
    "hes-op", "outpatients",
    {
        **_WHO, "attendkey": _record, "lopatid": _of("hospital-number"), "apptdate": _first_day,
        "attended": _by("method", _ATTENDED), "tretspef": _by("code", _SPECIALTIES),
        "procode": _organisation, "cost": _cost,
    },
    ("op",), "attendkey",
)  # fmt: skip
ECDS = Shape(
    "ecds", "emergency-care",
    {
        **_WHO, "attendance_id": _record, "local_patient_id": _of("hospital-number"), "arrival_date": _first_day,
        "departure_date": _last_day, "chief_complaint": _code, "organisation": _organisation, "cost": _cost,
    },
    ("ecds",), "attendance_id", ("arrival_date", "departure_date"), local=("chief_complaint",),
)  # fmt: skip
MENTAL_HEALTH = Shape(
    "mental-health", "mental-health",
    {
        **_WHO, "contact_id": _record, "local_patient_id": _of("hospital-number"), "contact_date": _first_day,
        "team_type": _code, "attended": _by("method", _ATTENDED), "organisation": _organisation, "cost": _cost,
    },
    ("mental-health",), "contact_id",
)  # fmt: skip
COMMUNITY = Shape(
    "community", "community",
    {
        **_WHO, "contact_id": _record, "local_patient_id": _of("hospital-number"), "contact_date": _first_day,
        "team_type": _code, "attended": _by("method", _ATTENDED), "organisation": _organisation, "cost": _cost,
    },
    ("community",), "contact_id",
)  # fmt: skip
SOCIAL_CARE = Shape(
    "social-care", "social-care",
    {
        "nhs_number": _of("number"), "la_person_id": _of("council-number"), "first_name": _of("given"),
        "last_name": _of("surname"), "address": _of("address"), "event_id": _record, "birth_date": _of("birth"),
        "gender": _of("gender"), "ethnicity": _of("ethnicity"), "lsoa": _of("lsoa"), "event_start": _first_day,
        "event_end": _open_end, "event_type": _code, "authority": _of("authority"), "weekly_cost": _weekly,
    },
    ("social-care",), "event_id", ("event_start", "event_end"),
)  # fmt: skip
HOUSING = Shape(
    "housing", "housing",
    {
        "tenant_id": _of("tenant-number"), "event_id": _record, "event_date": _first_day,
        "event_type": _code, "lsoa": _of("lsoa"), "household_size": _of("household-size"), "landlord": _of("authority"),
    },
    ("housing",), "event_id", id="tenant_id",
)  # fmt: skip
POLICE = Shape(
    "police", "police",
    {
        "person_id": _of("police-number"), "contact_id": _record, "contact_date": _first_day,
        "contact_type": _code, "lsoa": _of("lsoa"), "force": _organisation,
    },
    ("police",), "contact_id", id="person_id",
)  # fmt: skip
FIRE = Shape(
    "fire", "fire",
    {
        "occupier_id": _of("occupier-number"), "event_id": _record, "event_date": _first_day,
        "event_type": _code, "lives_alone": _of("alone"), "lsoa": _of("lsoa"), "service": _organisation,
    },
    ("fire",), "event_id", id="occupier_id",
)  # fmt: skip
SHAPES = (
    GP_PEOPLE, GP_EVENTS, HES_APC, HES_OP, ECDS, MENTAL_HEALTH, COMMUNITY, SOCIAL_CARE, HOUSING, POLICE, FIRE,
)  # fmt: skip
# The patient index that housing, police and fire are linked to: as a spine would give it, one row a person
INDEX: Mapping[str, Column] = {
    "NHS_NUMBER": _of("number"), "FORENAME": _of("given"), "SURNAME": _of("surname"), "DATE_OF_BIRTH": _of("birth"),
    "SEX": _of("sex"), "POSTCODE": _of("postcode"), "ADDRESS_LINE_1": _of("address"),
}  # fmt: skip


__all__ = [
    "COMMUNITY",
    "ECDS",
    "FIRE",
    "GP_EVENTS",
    "GP_PEOPLE",
    "HES_APC",
    "HES_OP",
    "HOUSING",
    "INDEX",
    "MENTAL_HEALTH",
    "POLICE",
    "SHAPES",
    "SOCIAL_CARE",
    "Column",
    "Shape",
]
