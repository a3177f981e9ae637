"""A result leaves as files whose figures agree, that load nothing from anywhere, and whose bands are the noise's."""

import csv
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.command.findings import Form, write_export
from coordinator.exports import FORMAT, Table, csv_of, export_of, json_of, tables_of
from coordinator.reports import result_of
from coordinator.result_page import result_page
from models.computations.evaluation import KIND
from models.curves import auc_chance_sd, calibration, roc
from models.verification import verify_file
from models.version import ModelVersion
from privacy.auc import discrimination
from privacy.computation import Result
from privacy.errors import Invalid, Unreachable
from privacy.release import SignedReceipt
from privacy.signing import PublicKey
from tests.builders import FINDER, NOW, a_place, books, random_table, small_study
from tests.rehearsal import rehearse

KEY = Ed25519PrivateKey.generate()

WITHOUT, HAVING = np.array([400.0, 300, 200, 100]), np.array([20.0, 40, 60, 80])
EDGES = np.linspace(-4, 0, 5)


def evaluated(without=WITHOUT, having=HAVING, sd=3.0):
    people = without + having
    observed = [h / n if n > 2 * np.sqrt(2) * sd else None for h, n in zip(having, people, strict=True)]
    facts = {"noise_sd": sd, "observed": observed, **discrimination(without, having, sd)}
    return Result(KIND, {"without": without, "having": having, "edges": EDGES}, facts)


def test_the_curve_goes_from_nobody_to_everybody_and_its_area_is_the_auc():
    result = evaluated()
    points = roc(result)
    assert [(p.false_positive, p.true_positive) for p in (points[0], points[-1])] == [(0, 0), (1, 1)]
    assert [(p.false_positive_sd, p.true_positive_sd) for p in (points[0], points[-1])] == [(0, 0), (0, 0)]
    assert (points[1].false_positive, points[1].true_positive) == (0.1, 0.4)
    area = np.trapezoid([p.true_positive for p in points], [p.false_positive for p in points])
    assert area == pytest.approx(result.facts["auc"])
    assert roc(evaluated(having=-HAVING)) == ()


def test_the_bands_are_what_noise_does():
    rng, sd, draws = np.random.default_rng(7), 3.0, 4_000
    noisy = [evaluated(WITHOUT + rng.normal(0, sd, 4), HAVING + rng.normal(0, sd, 4), sd) for _ in range(draws)]
    curves = np.array([[(p.false_positive, p.true_positive) for p in roc(each)] for each in noisy])
    for told, seen in zip(roc(evaluated()), curves.std(axis=0), strict=True):
        assert (told.false_positive_sd, told.true_positive_sd) == pytest.approx(tuple(seen), rel=0.08, abs=1e-12)
    rates = np.array([[b.observed for b in calibration(each)] for each in noisy])
    for told, seen in zip(calibration(evaluated()), rates.std(axis=0), strict=True):
        assert told.noise_sd == pytest.approx(seen, rel=0.08)


def test_chance_is_that_of_a_rank_sum_where_the_model_knows_nothing():
    flat = evaluated(np.full(4, 25.0), np.full(4, 25.0))
    assert auc_chance_sd(flat) == pytest.approx(np.sqrt((2 * 100 + 1) / (12 * 100**2)))
    assert auc_chance_sd(evaluated(having=np.zeros(4))) is None


def test_a_bin_that_noise_drowns_says_nothing():
    drowned = calibration(evaluated(np.array([400.0, 1, 0, -3]), np.array([10.0, 1, 0, 2]), sd=3.0))
    assert [b.observed is None for b in drowned] == [False, True, True, True]
    assert drowned[3].people == -1
    with pytest.raises(Invalid, match="model-kind-absent"):
        roc(Result("linear-risk", {}, {}))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    study, kept = small_study(title="Who <b>will</b> & won't?"), books(tmp_path_factory.mktemp("books"))
    charge = kept.ledger.charge(study.hash, a_place(), "request", at=NOW)
    receipt = kept.ledger.settle(charge, np.zeros(3, np.uint64), data=("visits@1",), optouts="l").receipt
    sites = [{part: random_table(400, seed=s + i) for i, part in enumerate(("training", "held-back"))} for s in (1, 9)]
    signed = (SignedReceipt(receipt, "a signature"),)
    return ModelVersion(study, rehearse(study, FINDER, sites), signed, {receipt.node: "its key"}, NOW)


@pytest.fixture(scope="module")
def exported(model):
    sealed = model.seal(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    return export_of(result_of(sealed, model, None), sealed, model, coordinator=PublicKey.of(KEY))


def read_csv(table):
    return list(csv.reader(io.StringIO(csv_of(table).decode(), newline="")))


def test_the_document_holds_everything_and_its_figures_are_those_of_the_tables(exported, model):
    told = json.loads(json_of(exported))
    assert told["format"] == FORMAT
    assert told["asked"] == json.loads(json.dumps(model.study.document()))
    assert told["provenance"]["study"] == model.study.hash
    assert told["receipts"][0] == {**model.receipts[0].document(), "signature": "a signature"}
    tables = {t.name: read_csv(t) for t in tables_of(exported, model)}
    weights = {name: float(value) for name, value in tables["risk-weights"][1:]}
    assert weights == told["results"]["risk"]["facts"]["weights"]
    head, *points = tables["evaluation-roc"]
    assert [dict(zip(head, map(float, p), strict=True)) for p in points] == told["results"]["evaluation"]["roc"]
    assert len(tables["nodes"]) == 4
    assert set(tables) >= {"summary", "evaluation-figures", "evaluation-calibration", "receipts"}


def test_the_page_stands_alone_and_is_the_same_every_time(exported, model):
    page = result_page(exported, model).decode()
    assert page == result_page(exported, model).decode()
    assert "default-src 'none'" in page
    for outside in ("<script", "http:", "https:", "url(", "@import", "src=", "href=", "javascript", "<img", "onload"):
        assert outside not in page
    assert "Who &lt;b&gt;will&lt;/b&gt; &amp; won&#x27;t?" in page
    assert page.count("<h1>") == 1
    assert 'lang="en-GB"' in page


def test_every_chart_has_words_for_it_and_a_table_beside_it(exported, model):
    page = result_page(exported, model).decode()
    charts = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    assert len(charts) == 2
    for chart in charts:
        title, desc, *_ = chart
        assert chart.get("aria-labelledby").split() == [title.get("id"), desc.get("id")]
        assert chart.get("role") == "img"
        assert len(desc.text) > 20
    auc = exported["results"]["evaluation"]["facts"]["auc"]
    assert charts[0][1].text.startswith(f"AUC {auc:.3f}, give or take")
    for twin in ("evaluation: ROC curve", "evaluation: calibration"):
        assert f"<caption>{twin}</caption>" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_study_of_another_kind_still_makes_a_page(model, exported):
    other = Result("age-bands", {"people": np.zeros(3)}, {"noise_sd": 1.0, "bands": {"young": 3.0}})
    changed = replace(model, results={**model.results, "evaluation": other})
    page = result_page(exported, changed).decode()
    assert "<caption>evaluation: bands</caption>" in page
    assert "<svg" not in page


def test_a_cell_is_never_a_formula():
    table = Table("t", "T", ("a", "b"), (("=1+1", -0.5), ("@x", None), ("plain", 2)))
    assert read_csv(table) == [["a", "b"], ["'=1+1", "-0.5"], ["'@x", ""], ["plain", "2"]]


def test_files_are_whole_and_nothing_is_replaced(exported, model, tmp_path):
    files = write_export(exported, model, Form.csv, tmp_path / "tables", key=KEY)
    assert files == sorted(files, key=files.index)
    assert {p.name for p in (tmp_path / "tables").iterdir()} == {p.name for p in files}
    assert (tmp_path / "tables").stat().st_mode & 0o777 == 0o755
    for form, name in ((Form.json, "r.json"), (Form.html, "r.html")):
        assert write_export(exported, model, form, tmp_path / name, key=KEY) == [tmp_path / name]
        with pytest.raises(Unreachable, match="file-unwritable"):
            write_export(exported, model, form, tmp_path / name, key=KEY)
    for taken in ("tables", "nowhere/tables"):
        with pytest.raises(Unreachable, match="file-unwritable"):
            write_export(exported, model, Form.csv, tmp_path / taken, key=KEY)
    assert {p.name for p in tmp_path.iterdir()} == {"tables", "r.json", "r.json.sig", "r.html", "r.html.sig"}
    for path in (*files[::2], tmp_path / "r.json", tmp_path / "r.html"):
        assert verify_file(path, PublicKey.of(KEY), FINDER).kind == "result"
