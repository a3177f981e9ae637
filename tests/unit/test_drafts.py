"""A draft is a whole study but for what it names; it passes the check once these fields are filled in."""

import datetime
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.assemble import COMPUTATIONS
from coordinator.checking import check_study
from coordinator.drafts import DEFAULT_TEMPLATE, draft, name_for, templates
from coordinator.pricing import price_of
from privacy.columns import Column
from privacy.contract_file import contract_of, read_contract
from privacy.errors import HedgerowError
from privacy.study import Invited, from_document, read_study
from privacy.unfinished import unfinished

CONTRACT = read_contract(Path(__file__).resolve().parents[2] / "deploy/demo/contract.toml")
TODAY = datetime.date(2027, 3, 1)
NODES = [Invited(name, f"{i}" * 40) for i, name in enumerate(["hull", "leeds", "selby", "york"])]
ANSWERS = {
    "name": "frailty",
    "purpose": "population-health-management",
    "data_set": CONTRACT.name,
    "base_rate": 0.1,
    "low": 0,
    "high": 30,
    "column": "totadm",
}


def drafted(template=DEFAULT_TEMPLATE, **given):
    return draft(template, **{"name": "frailty", "today": TODAY, "contract": CONTRACT, "invited": NODES, **given})


def filled(made):
    """Return the draft's document with an answer in every place that it names, as a person would give it."""
    table = tomllib.loads(made.text)
    document = {**table.pop("study"), **table}
    for number, place in enumerate(made.unfinished):
        *way, last = re.findall(r"[a-z_]+|\d+", place)
        inside = document
        for step in way:
            inside = inside[int(step) - 1 if step.isdigit() else step]
        if last.isdigit():  # a feature, while there was no contract: the one variable
            inside[int(last) - 1] = "a-variable"
        elif last == "name":
            inside[last] = "a-variable" if way[0] == "variables" else f"node-{number}"
        else:
            inside[last] = ANSWERS.get(last, f"Answer {number}")
    return document


@pytest.mark.parametrize("template", templates())
@pytest.mark.parametrize(
    "given", [{}, {"outcome": "totadm"}, {"contract": None}, {"invited": []}, {"contract": None, "invited": []}]
)
def test_a_draft_passes_the_check_once_its_fields_are_filled_in(template, given):
    made = drafted(template, **given)
    study = from_document(filled(made))
    check_study(study, finder=COMPUTATIONS, today=TODAY, contract=CONTRACT)
    assert price_of(study, COMPUTATIONS).epsilon <= study.privacy.epsilon
    assert "ends" not in made.unfinished


@pytest.mark.parametrize("template", templates())
def test_a_draft_is_refused_by_the_names_of_what_is_left(template, tmp_path):
    made = drafted(template, contract=None, invited=[])
    (tmp_path / "s.toml").write_text(made.text)
    with pytest.raises(HedgerowError) as error:
        read_study(tmp_path / "s.toml")
    assert error.value.faults == tuple(f"{place}: is still to be filled in" for place in made.unfinished)
    assert {"question", "legal_basis", "invited[2].fingerprint", "variables[1].low"} <= set(made.unfinished)


def test_with_a_contract_and_nodes_only_what_people_decide_is_left():
    made = drafted(outcome="totadm")
    assert made.unfinished == (
        "title",
        "question",
        "decision",
        "intended_use",
        "purpose",
        "legal_basis",
        "asked_by",
        "steps[1].parameters.base_rate",
    )
    study = from_document(filled(made))
    assert (study.invited, study.privacy.quorum, study.data_set) == (tuple(NODES), 3, CONTRACT.name)
    assert study.ends == "2028-02-29"
    variable = {v.name: v for v in study.variables}
    assert variable["outcome"].periods_ahead == 1
    assert (variable["mdvis"].transform, variable["xage"].transform) == ("log", "unit")
    for v in study.variables:
        assert (v.low, v.high) == CONTRACT.column(v.column).public_bounds


def test_what_is_sensitive_or_unused_is_only_a_comment():
    for template in templates():
        study = from_document(filled(drafted(template, outcome="totadm")))
        read = {v.column for v in study.variables}
        assert read.isdisjoint(c.name for c in CONTRACT.columns if c.kind in ("sensitive", "direct-identifier"))
        used = {n for s in study.steps if s.use == "linear-risk" for n in [*s.parameters["features"], "outcome"]}
        used |= {name for step in study.steps for name in step.parameters.get("by", ())}
        assert {v.name for v in study.variables} == used
    assert '# name = "income"' in drafted().text


def test_without_periods_the_outcome_does_not_predict_itself():
    document = CONTRACT.document()
    del document["contract"]["period"]
    still = contract_of(document)
    study = from_document(filled(drafted(contract=still, outcome="totadm")))
    assert "totadm" not in study.steps[0].parameters["features"]
    assert all(v.periods_ahead == 0 for v in study.variables)
    check_study(study, finder=COMPUTATIONS, today=TODAY, contract=still)


def test_a_description_cannot_end_its_comment():
    forged = 'visits\n[privacy]\nepsilon = 20.0 # "'  # which reading a contract refuses; here is a second line
    columns = tuple(replace(c, description=forged, unit=forged) for c in CONTRACT.columns)
    study = from_document(filled(drafted(contract=replace(CONTRACT, columns=columns), outcome="totadm")))
    assert study.privacy.epsilon == 3.0


def test_what_cannot_be_drafted_has_a_code():
    for code, given in (
        ("template-unknown", {"template": "oracle"}),
        ("template-unknown", {"template": "../drafts"}),
        ("variable-unknown", {"outcome": "weight"}),
        ("variable-unknown", {"outcome": "year"}),
    ):
        with pytest.raises(HedgerowError) as error:
            drafted(**given)
        assert error.value.code == code


def test_every_template_says_what_it_is_for():
    assert set(templates()) == {"compare-models", "made-up-people", "risk-model", "small-budget", "tables"}
    assert all(title and not title.startswith("#") for title in templates().values())
    assert not draft("risk-model", name="frailty", today=TODAY).text.startswith("#:")
    assert [name_for(stem) for stem in ("frailty", "Frailty 2")] == ["frailty", ""]


def test_todo_is_found_however_deep_and_only_at_the_beginning():
    deep: dict = {"a": "TODO"}
    for _ in range(5_000):
        deep = {"x": deep}
    assert len(list(unfinished(deep))) == 1
    assert list(unfinished({"a": "see TODO", "b": ["x", "TODO: y"], "c": [{"d": "TODO"}]})) == ["b[2]", "c[1].d"]


def test_a_day_is_no_variable_and_its_comment_says_what_makes_a_number_of_it():
    birth = Column("born", "quasi-identifier", "date", low=-25567.0, high=24105.0)
    made = drafted(contract=replace(CONTRACT, columns=(*CONTRACT.columns, birth))).text
    assert 'column = "born"' not in made
    assert "(born)" in made
    with pytest.raises(HedgerowError, match="variable-unknown"):
        drafted(contract=replace(CONTRACT, columns=(*CONTRACT.columns, birth)), outcome="born")
