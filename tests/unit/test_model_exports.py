"""What is made of a model computes what the model computes, says what is known and what is not, and never changes."""

import dataclasses
import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from models.card import GROUPS, Subject, card
from models.onnx_export import as_onnx
from models.pages import Section, Table, as_html, as_markdown
from models.plain_export import as_json
from models.risk import log_odds, probability
from models.standing import Statement
from models.variables import Table as Rows
from models.variables import batch
from privacy.computation import Result
from privacy.contract_file import contract_of
from privacy.errors import Invalid
from tests.builders import NOW
from tests.finished import FEATURES, VARIABLES, WEIGHTS, finished

VERSION = "sha256:" + "5" * 64


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def rows():
    """Random rows, some beyond the bounds, some on them, some missing, some infinite; two periods a person."""
    rng = np.random.default_rng(5)
    n = 4000
    columns = {"age": rng.uniform(-50, 150, n), "visits": rng.uniform(-5, 40, n), "admissions": np.zeros(n)}
    for name, special in (("age", [0, 18, 90, 100, np.inf, -np.inf]), ("visits", [0, 1, 5, 9, 30, np.nan])):
        columns[name][rng.random(n) < 0.15] = np.nan
        columns[name][: len(special) * 2 : 2] = special
    return Rows(np.repeat(np.arange(n // 2), 2), np.tile([1, 2], n // 2), columns)


def expected(model, rows):
    variables = [model.study.variable(name) for name in FEATURES]
    return probability(log_odds(batch(rows, variables), FEATURES, model.results["risk"].arrays))


def raw(rows):
    """Return the columns as somebody outside has them: this period's, and next period's beside it."""
    now, later = slice(0, None, 2), slice(1, None, 2)
    columns = rows.columns
    return {"age": columns["age"][now], "visits": columns["visits"][now], "visits+1": columns["visits"][later]}


def test_the_json_says_all_that_it_takes_to_apply_the_model_by_hand(model, rows):
    told = json.loads(as_json(model, VERSION))
    values = raw(rows)
    change = {
        "unit": lambda x, t: (x - t["low"]) / (t["high"] - t["low"]),
        "square": lambda x, t: ((x - t["low"]) / (t["high"] - t["low"])) ** 2,
        "log": lambda x, t: math.log(1 + x - t["low"]) / math.log(1 + t["high"] - t["low"]),
        "at-least": lambda x, t: 1.0 if x >= t["threshold"] else 0.0,
    }
    for row, risk in enumerate(expected(model, rows)[:500]):
        total = told["intercept"]
        for term in told["terms"]:
            x = values[term["input"]][row]
            x = min(max(term["if_missing"] if math.isnan(x) else x, term["low"]), term["high"])
            total += term["weight"] * change[term["transform"]](x, term)
        assert math.isclose(1 / (1 + math.exp(-total)), risk, rel_tol=1e-12)


def test_the_json_is_the_same_bytes_for_the_same_model_and_its_numbers_are_exact(model):
    content = as_json(model, VERSION)
    assert content == as_json(model, VERSION)
    told = json.loads(content)
    assert (told["schema"], told["model"]["version"]) == ({"name": "hedgerow-risk-model", "number": 1}, VERSION)
    assert [t["weight"] for t in told["terms"]] + [told["intercept"]] == WEIGHTS.tolist()
    assert told["arrays"]["risk/weights"]["values"] == WEIGHTS.tolist()
    assert "log odds" in told["arrays"]["evaluation/edges"]["meaning"]
    assert told["inputs"] == ["age", "visits", "visits+1"]
    assert set(told["formula"]) >= {t["transform"] for t in told["terms"]}


def test_the_onnx_graph_computes_what_scoring_computes(model, rows):
    import onnxruntime

    session = onnxruntime.InferenceSession(as_onnx(model, VERSION), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["age", "visits", "visits+1"]
    (found,) = session.run(["probability"], raw(rows))
    wanted = expected(model, rows)
    assert np.isfinite(wanted).all()
    assert len(set(np.round(wanted, 6))) > 500
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=0)
    assert session.get_modelmeta().custom_metadata_map["model"] == VERSION


def test_the_onnx_oracle_sees_a_changed_weight(model, rows, tmp_path):
    import onnxruntime

    facts = model.results["risk"].facts
    other = Result("linear-risk", {"weights": np.add(WEIGHTS, [0, 0, 1e-9, 0, 0, 0])}, facts)
    content = as_onnx(dataclasses.replace(model, results={**model.results, "risk": other}), VERSION)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, raw(rows))
    assert not np.allclose(found, expected(model, rows), rtol=1e-12, atol=0)


def test_a_column_may_be_called_like_the_output(tmp_path):
    from tests.finished import study

    variables = [{**v, "column": "probability" if v["column"] == "age" else v["column"]} for v in VARIABLES]
    content = as_onnx(finished(tmp_path, made_by=study(variables=variables)), VERSION)
    import onnx

    graph = onnx.load_from_string(content).graph
    assert (next(i.name for i in graph.input), graph.output[0].name) == ("probability", ":probability")


def test_the_onnx_bytes_are_the_same_in_another_process(model):
    content = as_onnx(model, VERSION)
    assert content == as_onnx(model, VERSION)
    program = "import sys; sys.modules['onnx'] = None; import models.onnx_export, models.plain_export, models.card"
    subprocess.run([sys.executable, "-c", program], check=True)  # and onnx is needed only by who exports


@pytest.mark.parametrize("export", [as_json, as_onnx])
@pytest.mark.parametrize(
    "results",
    [
        {"table": Result("table", {"counts": np.zeros(3)}, {})},
        {"risk": Result("linear-risk", {"weights": np.zeros(2)}, {"features": FEATURES, "outcome": "admitted"})},
        {"risk": Result("linear-risk", {"weights": WEIGHTS * np.nan}, {"features": FEATURES, "outcome": "admitted"})},
        {"risk": Result("linear-risk", {"weights": WEIGHTS}, {"features": FEATURES})},
    ],
)
def test_only_a_risk_model_is_exported(model, export, results):
    with pytest.raises(Invalid, match="model-kind-absent"):
        export(dataclasses.replace(model, results=results), VERSION)


HEADINGS = [
    "Specification",
    "Intended Use",
    "Data",
    "Methodology and Training",
    "Evaluation and Performance",
    "Ethical Considerations",
    "Caveats",
]


def said(standing, reason=""):
    return Statement(standing, VERSION, "sha256:" + "a" * 64, reason, "", NOW)


def test_a_card_says_what_is_known_and_what_nobody_measured(model):
    title, sections = card(Subject(model, VERSION, "ab" * 20, said("published", "Adults only.")))
    text = as_markdown(title, sections)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    study = model.study
    for told in (
        study.question,
        study.decision,
        study.intended_use,
        study.legal_basis,
        "Adults only.",
        VERSION,
        study.hash,
    ):
        assert told in text
    for told in ("0.71 ± 0.01", "0.98", "too few to say", "DCB0129", "DCB0160", "not a medical device", "visits@1"):
        assert told in text
    for group in GROUPS:
        assert f"| {group} | not measured | not measured | not measured |" in text
    assert "* calibration slope and intercept" in text
    (line,) = [line for line in text.splitlines() if "anybody, the coordinator too" in line]  # nothing is masked
    promised, *spent = map(float, line.split("|")[2:6])
    assert 0 < spent[0] <= promised
    assert spent == sorted(spent)
    assert text == as_markdown(*card(Subject(model, VERSION, "ab" * 20, said("published", "Adults only."))))


def test_a_card_without_an_evaluation_says_so(model):
    bare = dataclasses.replace(model, results={"risk": model.results["risk"]})
    text = as_markdown(*card(Subject(bare, VERSION, "ab" * 20)))
    assert "Discrimination and calibration: not measured." in text
    assert "made, not published" in text
    unsaid = dataclasses.replace(model, results={"evaluation": Result("evaluation", {}, {"auc": None})})
    assert "| AUC | not measured |" in as_markdown(*card(Subject(unsaid, VERSION, "ab" * 20)))


def test_a_withdrawn_models_card_begins_with_that(model):
    about = Subject(model, VERSION, "ab" * 20, said("published"), said("withdrawn", "A wrong column."))
    text = as_markdown(*card(about))
    assert text.index("WITHDRAWN") < text.index(VERSION)
    assert "A wrong column." in text


def test_a_card_takes_the_contracts_facts(model):
    columns = {"number": {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"}}
    head = {"name": "visits", "version": 4, "title": "Visits to a clinic", "owner": "A trust", "legal_basis": "none"}
    head |= {"source": "Clinic system", "table": "person", "key": ["number"]}
    contract = contract_of({"contract": head, "columns": columns})
    text = as_markdown(*card(Subject(model, VERSION, "ab" * 20, contract=contract)))
    assert "contract version 4" in text
    assert "Clinic system" in text


def test_a_page_holds_no_script_and_fetches_nothing(model):
    page = as_html(*card(Subject(model, VERSION, "ab" * 20)))
    assert "<script" not in page
    assert not re.search(r"https?:|//|src=|href=|@import|url\(", page)
    assert "default-src 'none'" in page
    assert [h for h in HEADINGS if f"<h2>{h}</h2>" not in page] == []


def test_no_text_becomes_markup():
    text = "<script>a|b</script> *c* [d](e) `f`"
    sections = [Section(text, (text, Table((text,), ((text,),))))]
    page = as_html(text, sections)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 7
    told = as_markdown(text, sections)
    assert "<script" not in told.replace("\\<", "")
    assert "\\|" in told
    assert "\\*c\\*" in told
