"""Contracts of fitted tables: read back from their text, named like no real one, keyed by what tells rows apart."""

import tomllib
from dataclasses import replace

from privacy.contract_file import as_toml, contract_of, read_contract
from synthetic.contracts.canonical import contracts
from synthetic.fitted.contracting import contracts_of
from synthetic.fitted.drawing import Drawn, Sequenced
from synthetic.fitted.values import field_of
from tests.unit.test_drawing import STUDY, contract

FIELDS = tuple(field_of(v, contract().column(v.column)) for v in STUDY.variables)
EVENTS = replace(contract(), table="event", key=("nhs_number", "score"), columns=tuple(
    replace(c, may_be_missing=False) if c.name == "score" else c for c in contract().columns
))  # fmt: skip


def of(agreed, sequenced=None):
    fields = FIELDS if sequenced is None else (*FIELDS, None)
    return contracts_of(Drawn(None, fields, agreed.checks, agreed.name, 10, 1, sequenced), agreed, STUDY)


def test_a_contract_s_text_reads_back_as_the_same_contract(tmp_path):
    listed = [replace(c, code_list="", code_list_sha256="") for c in contracts()["people"].columns]
    for agreed in (contract(), EVENTS, replace(contracts()["people"], columns=tuple(listed))):
        (tmp_path / "contract.toml").write_text(as_toml(agreed))
        assert read_contract(tmp_path / "contract.toml") == agreed
        assert contract_of(tomllib.loads(as_toml(agreed))).hash == agreed.hash


def test_one_row_a_person_keeps_columns_and_checks_and_lets_no_bad_row_through():
    (made,) = of(contract()).values()
    assert made.name == "synthetic-visits"
    assert (made.key, made.table, made.bad_rows_at_most) == (("nhs_number",), "person", 0.0)
    assert {c.name for c in made.checks} == {"leaves-after", "gone", "still-here"}
    assert made.stored == contract().stored
    assert STUDY.hash in made.legal_basis
    assert contract().owner not in as_toml(made)


def test_rows_of_a_person_are_told_apart_by_their_period_where_it_rises_and_else_by_their_order():
    sequenced = Sequenced(rows=5, bands=(1, 2, 4), own=(2,))
    people, rows = of(replace(EVENTS, period="score"), sequenced).values()
    assert (people.name, rows.name) == ("synthetic-visits-people", "synthetic-visits")
    assert (people.table, people.key, [c.name for c in people.stored]) == ("person", ("nhs_number",), ["state"])
    assert (rows.table, rows.key, rows.period) == ("event", ("nhs_number", "row"), None)
    assert rows.bounds("row") == (1, 4)
    _, rising = of(replace(EVENTS, period="score"), replace(sequenced, sequence=3, rises="score")).values()
    assert (rising.key, rising.period) == (("nhs_number", "score"), "score")
