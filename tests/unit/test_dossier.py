"""The dossier says what the study says, what its plan costs and what holds it, in a page that stands alone."""

import ast
import json
import re
from pathlib import Path

import pytest

from coordinator.pricing import price_of
from privacy import accountant
from privacy.canonical import canonical
from privacy.contract_file import contract_of
from privacy.dossier import FORMAT, alternatives, dossier, risks
from privacy.dossier_page import SIGNATORIES, dossier_page
from privacy.study import Software, from_document
from tests.builders import FINDER, RISK, demo_study, document, plan_of, small_study

TREE = Path(__file__).resolve().parents[2]
CONTRACT = contract_of(
    {
        "contract": {
            "name": "visits",
            "version": 2,
            "title": "Visits",
            "owner": "A trust",
            "legal_basis": "None needed",
            "source": "made up",
            "table": "event",
            "key": ["nhs_number", "year"],
            "period": "year",
        },
        "columns": {
            "nhs_number": {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"},
            "year": {"kind": "quasi-identifier", "type": "integer", "low": 2000, "high": 2100},
            "age": {"kind": "quasi-identifier", "type": "number", "low": 0, "high": 120, "description": "age"},
            "visits": {"kind": "sensitive", "type": "integer", "low": 0, "high": 30, "description": "clinic <visits>"},
            "admissions": {"kind": "measure", "type": "integer", "low": 0, "high": 10},
        },
    }
)


@pytest.fixture(scope="module")
def told():
    return dossier(plan_of(small_study()), FINDER, CONTRACT)


def test_it_says_what_the_study_says(told):
    study = small_study()
    assert told["format"] == FORMAT
    assert told["asked"]["question"] == study.question
    assert told["asked"]["legal_basis"] == study.legal_basis
    assert [v["name"] for v in told["variables"]] == [v.name for v in study.variables]
    assert {v["name"]: v["sensitive"] for v in told["variables"]} == {"age": False, "visits": True, "admitted": False}
    assert {v["name"]: v["used_by"] for v in told["variables"]}["age"] == ["risk", "evaluation"]
    assert told["data"]["contract"]["owner"] == "A trust"
    assert json.loads(canonical(told)) == json.loads(json.dumps(told))


def test_its_figures_are_those_of_the_price(told):
    price = price_of(small_study(), FINDER)
    (known,) = told["privacy"]["known_to"]  # without masks one line says it for all who look
    for against in price.epsilon_against.values():
        assert known["epsilon"] == {str(m): epsilon for m, epsilon in against.items()}
    sums = [(s["sum"], s["noise_sd"]) for step in told["leaves"] for s in step["sums"] for _ in range(s["at_most"])]
    assert [sd for _, sd in sums] == [line.noise_sd for line in price.lines[1:]]
    assert sum(s["at_most"] for step in told["leaves"] for s in step["sums"]) == len(price.lines) - 1


def test_alternatives_are_computed_from_the_same_study():
    plan = plan_of(small_study(privacy__epsilon=2.0))
    found = {a["what"]: a for a in alternatives(plan, FINDER)}
    assert list(found) == [
        "as asked", "half the epsilon", "double the epsilon", "half the variables", "no spare places",
        "only the first step, risk",
    ]  # fmt: skip
    asked, half, double = (found[name] for name in ("as asked", "half the epsilon", "double the epsilon"))
    assert (asked["noise_in_a_number"], asked["noise_in_all"]) == (1, 1)
    assert half["epsilon"] <= 1 < asked["epsilon"] <= 2 < double["epsilon"] <= 4
    assert half["noise_in_a_number"] > 1 > double["noise_in_a_number"]
    assert found["half the variables"]["numbers"] < asked["numbers"]
    assert found["no spare places"]["noise_in_a_number"] < 1
    assert half["noise_in_a_number"] == pytest.approx(
        plan_of(small_study(privacy__epsilon=1.0)).places[1].mechanism.noise_sd / plan.places[1].mechanism.noise_sd,
        rel=0.01,
    )


def test_alternatives_that_cannot_be_are_left_out_or_say_so():
    most = {a["what"] for a in alternatives(plan_of(small_study(privacy__epsilon=accountant.LARGEST_EPSILON)), FINDER)}
    assert "double the epsilon" not in most
    one = from_document(document(steps=[{"name": "r", "use": "linear-risk", "people": "training",
                                         "parameters": {**RISK, "features": ["age"]}}], privacy__spares=0))  # fmt: skip
    assert {a["what"] for a in alternatives(plan_of(one), FINDER)} == {
        "as asked",
        "half the epsilon",
        "double the epsilon",
    }


def test_every_control_names_modules_and_tests_that_are_there():
    lacking = []
    for risk in risks():
        assert set(risk) == {"risk", "control", "modules", "tests", "remains"}
        assert risk["modules"]
        assert risk["tests"]
        lacking += [module for module in risk["modules"] if not (TREE / module).is_file()]
        for test in risk["tests"]:
            path, _, name = test.partition("::")
            there = {
                node.name for node in ast.parse((TREE / path).read_text()).body if isinstance(node, ast.FunctionDef)
            }
            lacking += [test] if name not in there else []
    assert lacking == []


def test_the_page_stands_alone_prints_and_escapes(told):
    forged = {**told, "asked": {**told["asked"], "question": "<script>alert(1)</script>"}}
    page = dossier_page(forged, here=["At this node: <b>"]).decode()
    for outside in ("<script", "http:", "https:", "url(", "@import", "src=", "href=", "<img", "<b>"):
        assert outside not in page
    assert "&lt;script&gt;" in page
    assert "clinic &lt;visits&gt;" in page
    assert "SENSITIVE" in page
    assert "@media print" in page
    assert all(role in page for role in SIGNATORIES)
    assert re.findall(r"<h1>(.*?)</h1>", page) == ["A small study"]
    assert dossier_page(told) == dossier_page(told)


def test_a_draft_has_no_hash_and_a_submitted_study_has():
    draft = dossier_page(dossier(plan_of(small_study()), FINDER)).decode()
    assert "it has no hash yet" in draft
    assert "No data contract was given" in draft
    study = from_document({**demo_study().document(), "software": Software("sha256:0", {"evaluation": 1}).__dict__})
    page = dossier_page(dossier(plan_of(study), FINDER)).decode()
    assert study.hash in page
    assert "evaluation version 1" in page
