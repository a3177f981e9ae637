"""Contracts of people and of their events, as plain data: what studies of features read in tests."""

HEAD = {"version": 1, "title": "T", "owner": "O", "legal_basis": "L", "source": "S", "purpose": "P", "recipient": "R"}
PERSON = {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"}
DAY = {"kind": "quasi-identifier", "type": "date", "low": "1900-01-01", "high": "2040-01-01", "may_be_missing": True}
PEOPLE_CONTRACT = {
    "contract": {"name": "persons", "table": "person", "key": ["nhs_number"], **HEAD},
    "columns": {"nhs_number": PERSON, "birth": {**DAY, "role": "birth", "treatment": "month"}},
}
EVENTS_CONTRACT = {
    "contract": {"name": "events", "table": "event", "key": ["nhs_number", "line_of"], **HEAD},
    "columns": {
        "nhs_number": PERSON,
        "line_of": {"kind": "measure", "type": "integer", "low": 0, "high": 100_000},
        "date": {**DAY, "role": "date"},
        "code": {"kind": "sensitive", "type": "text", "may_be_missing": True},
        "value": {"kind": "measure", "type": "number", "low": 0, "high": 500, "may_be_missing": True},
    },
}
