"""Made-up people of three real nodes under masks: margins released, a model fitted, people and their rows drawn."""

import copy
import json
import shutil
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from coordinator.command.findings import Form, write_export
from coordinator.exports import export_of, json_of
from coordinator.home import KEYS
from coordinator.identity.keys import KeyFiles, load_identity
from deploy.demo.in_process import PASSPHRASE, LocalFederation, local_federation
from models.version import ModelVersion
from node.assemble import COMPUTATIONS
from node.founding import KEY_SUFFIX
from node.ingest.load import ingest
from node.optouts import load_optouts
from node.people import open_key
from node.synthetic_report import report
from privacy.canonical import legible, sha256
from privacy.contract_file import as_toml, contract_of, read_contract
from privacy.envelope import Envelope
from privacy.errors import HedgerowError, Invalid
from privacy.explain import explain
from privacy.programme import programme
from privacy.release import RELEASE, Receipt, SignedReceipt
from privacy.sidecar import write_signed
from privacy.signing import PublicKey
from privacy.study import from_document
from synthetic.command.program import app
from synthetic.fitted.fitting import read_released
from synthetic.judged.attacks import ATTACKS
from synthetic.judged.scoring import auc
from synthetic.manifest import read_manifest
from synthetic.provenance import Fitted
from synthetic.report.making import make_report
from tests.asked import finished_study, load_rows
from tests.nodes import CONTRACT as VISITS
from tests.nodes import HEADER, NOW, NodeData, nhs_numbers

CONTRACT = VISITS.replace(
    '[columns.ward]\nkind = "sensitive"\ntype = "text"',
    '[columns.area]\nkind = "sensitive"\ntype = "code"\ncodes = ["N", "S"]',
)
SITES = ("north", "south", "west")
INVITED = [{"name": name, "fingerprint": f"{i:040x}"} for i, name in enumerate(SITES)]
PEOPLE = 1300
STUDY = {
    "name": "made-up", "title": "Who might be here?", "question": "Who?", "decision": "None",
    "intended_use": "Tests", "purpose": "research", "legal_basis": "Tests", "asked_by": "Tests", "data_set": "visits",
    "variables": [
        {"name": "sex", "column": "sex", "transform": "code", "codes": ["0", "1"]},
        {"name": "area", "column": "area", "transform": "code", "codes": ["N", "S"]},
        {"name": "age", "column": "age", "transform": "band", "low": 0, "high": 120, "edges": [40, 60]},
        {"name": "year", "column": "year", "transform": "band", "low": 1, "high": 5, "edges": [1.5, 2.5, 3.5, 4.5]},
        {"name": "when", "column": "year", "low": 1, "high": 5},
    ],
    "steps": [
        {"name": "margins", "use": "marginals", "people": "training",
         "parameters": {"by": ["sex", "area", "age", "year"], "own": ["sex", "area"], "rows": [1, 2, 3, 5],
                        "sequence": "year", "order": "when"}},
        {"name": "fidelity", "use": "marginals", "people": "held-back",
         "parameters": {"by": ["sex", "area", "age", "year"]}},
    ],
    "privacy": {"epsilon": 3.0, "quorum": 3, "masking": "secure-aggregation"},
}  # fmt: skip


def load(node, number, path):
    """Load people: of sex 1 come twice, of sex 0 once or, in area S, every year; nobody misses a year between."""
    numbers = nhs_numbers(PEOPLE, first=PEOPLE * 2 * number)
    lines = [HEADER.replace("ward", "area")]
    for i, person in enumerate(numbers):
        sex, area = i % 2, "NS"[i % 3 == 0]
        years = (2, 3) if sex else range(1, 6) if area == "S" else (1 + i % 5,)
        lines += [f"{person},L{i},{year},{30 + i % 50},{sex},{area}" for year in years]
    load_rows(node, numbers, [(contract_of(tomllib.loads(CONTRACT)), lines)], path)


@dataclass(frozen=True)
class Place:
    """A federation whose study has run: its directory, with the contract and the exported result."""

    home: Path
    federation: LocalFederation
    coordinator: str

    @property
    def key(self):
        return load_identity(KeyFiles(self.home / "hub" / KEYS))

    def export(self, study, name):
        """Write a study's result as the command does."""
        hub = self.federation.hub
        sealed = hub.registry.read(hub.studies.with_hash(study))
        model = ModelVersion.open(sealed, hub.public_key)
        document = export_of(hub.result(study), sealed, model, coordinator=hub.public_key)
        write_export(document, model, Form.json, self.home / name, key=self.key)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    home = tmp_path_factory.mktemp("federation")
    with local_federation(home, SITES, floors={"reply_slot_seconds": 1e-3}) as federation:
        for number, node in enumerate(federation.nodes.values()):
            load(node, number, home / "rows.csv")
        place = Place(home, federation, federation.hub.public_key.fingerprint)
        place.export(finished_study(federation, STUDY), "result.json")
        (home / "contract.toml").write_text(CONTRACT)
        yield place


def fit(place, out, *more, result="result.json", coordinator=None):
    words = ["fit", str(place.home / result), "--contract", str(place.home / "contract.toml"), "--out", str(out)]
    words += ["--coordinator", coordinator or place.coordinator, *more]
    return CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.fixture(scope="module")
def drawn(exported):
    done = fit(exported, exported.home / "drawn", "--people", "6000", "--json", "--processes", "1")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["provenance"] == "fitted"
    assert found["rows"]["people"] == 6000
    manifest = read_manifest(exported.home / "drawn")
    return {
        table: pd.concat([pd.read_parquet(exported.home / "drawn" / path) for path in manifest.of_table(table)])
        for table in ("people", "visits")
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--format", "fhir"], "data-set-format-unfit"),
        (["--format", "omop"], "data-set-format-unfit"),
        (["--people", "100000000000"], "recipe-malformed"),
        (["--step", "nosuch"], "fit-step"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(exported, tmp_path, words, code):
    with pytest.raises(Invalid, match=code):
        fit(exported, tmp_path / "out", *words)
    assert not list(tmp_path.iterdir())


def test_a_description_says_what_the_data_cost_and_whose_word_they_are(exported, drawn):
    told = CliRunner().invoke(app, ["describe", str(exported.home / "drawn")]).output
    assert "Paid for: epsilon 3 at delta 1e-05 by a person-record, 3 at most; " in told
    assert exported.coordinator in told


def test_rows_belong_to_people_and_each_person_s_years_rise(drawn):
    people, visits = drawn["people"], drawn["visits"]
    assert set(visits.nhs_number) == set(people.nhs_number)
    assert people.nhs_number.is_unique
    assert people.nhs_number.str.startswith("999").all()
    for _, rows in visits.groupby("nhs_number", sort=False).head(5).groupby("nhs_number"):
        assert rows.year.is_monotonic_increasing
        assert rows.row.tolist() == list(range(1, len(rows) + 1))
    assert not visits.duplicated(["nhs_number", "year"]).any()
    own = visits.merge(people, on="nhs_number", suffixes=("", "_own"))
    for name in ("sex", "area"):
        assert (own[name].astype(object).fillna("") == own[f"{name}_own"].astype(object).fillna("")).all()


def test_every_value_is_one_that_the_contract_has(drawn):
    visits = drawn["visits"]
    assert visits.year.between(1, 5).all()
    assert visits.age.dropna().between(0, 120).all()
    assert set(visits.sex) <= {"0", "1"}
    assert visits.sex.notna().all()  # the contract says that it is never missing


def test_how_many_rows_people_have_and_which_follows_which_are_kept(drawn):
    """Three times 1,000 people at epsilon 3: shares within 0.08 of what was loaded."""
    people, visits = drawn["people"], drawn["visits"]
    count = visits.groupby("nhs_number", sort=False).size().reindex(people.nhs_number).to_numpy()
    women = people.sex.to_numpy() == "1"
    assert np.mean(count[women] == 2) > 0.85
    south = (people.area.to_numpy() == "S") & ~women
    assert count[south].mean() > count[~south & ~women].mean() + 1.5
    ordered = visits.sort_values(["nhs_number", "row"])
    step = ordered.groupby("nhs_number").year.diff().dropna()
    assert np.mean(step == 1) > 0.85
    first = ordered[ordered.nhs_number.isin(people.nhs_number[women]) & (ordered.row == 1)]
    assert np.mean(first.year == 2) > 0.8


def test_the_data_set_says_which_study_paid_and_what_by_what_nodes_signed(exported, drawn):
    provenance = read_manifest(exported.home / "drawn").plan.provenance
    assert isinstance(provenance, Fitted)
    assert len(provenance.receipts) == 2 * len(SITES)  # how many there are, and the margins
    told = json.loads((exported.home / "result.json").read_text())
    assert provenance.epsilon == pytest.approx(told["epsilon_spent"])
    assert 2.9 < provenance.epsilon <= provenance.epsilon_at_most == 3
    assert provenance.coordinator == exported.coordinator
    readme = (exported.home / "drawn" / "README.txt").read_text()
    assert "paid for in privacy budgets" in readme
    assert "costs epsilon 3 at delta 1e-05, by what its node signed, and at most 3." in readme


def test_the_same_command_gives_the_same_bytes_whatever_the_processes(exported, tmp_path):
    files = []
    for name, processes in (("one", "1"), ("two", "2")):
        assert fit(exported, tmp_path / name, "--people", "300", "--processes", processes).exit_code == 0
        files.append({f.path: f.sha256 for f in read_manifest(tmp_path / name).files})
    assert files[0] == files[1]


def read(place, home, *, coordinator=None):
    return read_released(home / "result.json", coordinator=coordinator or place.coordinator)


def places(value, path=()):
    """Yield where each value of a document is that is no list or table; of long lists the first and the last."""
    if isinstance(value, dict | list):
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        for key, each in items if isinstance(value, dict) else {0: items[0], -1: items[-1]}.values() if items else ():
            yield from places(each, (*path, key))
    else:
        yield path


def altered(document, path):
    """Return a document with one value that is another."""
    changed = copy.deepcopy(document)
    at = changed
    for key in path[:-1]:
        at = at[key]
    value = at[path[-1]]
    at[path[-1]] = value + "x" if isinstance(value, str) else 1 if value is None else value + 1
    return changed


def code_of(work):
    with pytest.raises(HedgerowError) as refused:
        work()
    return refused.value.code


def test_no_field_of_a_result_can_be_altered(exported, tmp_path):
    document = json.loads((exported.home / "result.json").read_text())
    shutil.copy(exported.home / "result.json.sig", tmp_path / "result.json.sig")
    found = list(places(document))
    assert {path[0] for path in found} >= {"epsilon_spent", "receipts", "results", "asked", "keys", "steps"}
    codes = {"export-changed", "result-malformed", "model-coordinator-other", "signature-wrong"}
    for path in found:
        (tmp_path / "result.json").write_bytes(json_of(altered(document, path)))
        assert code_of(lambda: read(exported, tmp_path)) in codes, path
    (tmp_path / "result.json").write_bytes(json_of(document))  # the control: the same document, written down again
    assert read(exported, tmp_path).study.name == "made-up"


def test_a_result_is_the_pinned_coordinators_or_nothing(exported, tmp_path):
    document, stranger = json.loads((exported.home / "result.json").read_text()), Ed25519PrivateKey.generate()
    theirs = PublicKey.of(stranger)
    document["provenance"] |= {"key": theirs.text, "signed_by": theirs.fingerprint}
    document["results"]["margins"]["arrays"]["counts"][0] += 500
    write_signed(tmp_path / "result.json", json_of(document), kind="result", model="m", key=stranger)
    assert code_of(lambda: read(exported, tmp_path)) == "model-coordinator-other"
    read(exported, tmp_path, coordinator=theirs.fingerprint)  # nothing else is wrong with it: the pin is what finds it
    (tmp_path / "result.json.sig").unlink()
    assert code_of(lambda: read(exported, tmp_path, coordinator=theirs.fingerprint)) == "sidecar-absent"
    write_signed(tmp_path / "card", json_of(document), kind="card", model="m", key=stranger)
    (tmp_path / "card.sig").rename(tmp_path / "result.json.sig")
    assert code_of(lambda: read(exported, tmp_path, coordinator=theirs.fingerprint)) == "sidecar-other"


def test_the_coordinator_itself_cannot_say_another_epsilon_than_nodes_signed(exported, tmp_path):
    """It signs each of these with its own key: what nodes signed still holds, or the result is refused."""
    true = json.loads((exported.home / "result.json").read_text())

    def of(name, change):
        document = copy.deepcopy(true)
        change(document)
        (tmp_path / name).mkdir()
        write_signed(tmp_path / name / "result.json", json_of(document), kind="result", model="m", key=exported.key)
        return lambda: read(exported, tmp_path / name)

    spent = of("spent", lambda d: d.update(epsilon_spent=0.01, epsilon=0.01, delta=1e-9))().provenance
    assert spent == read(exported, exported.home).provenance
    cheaper = of("cheaper", lambda d: d["receipts"][0].update(cost_outside=1))
    study = of("study", lambda d: d["asked"]["privacy"].update(epsilon=0.01))
    fewer = of("fewer", lambda d: d["receipts"].pop())
    first = true["receipts"][0]["place"]
    without = [each for each in true["receipts"] if each["place"] != first]
    one_sum_less = of("less", lambda d: d.update(receipts=without))
    assert code_of(cheaper) == "receipt-unsigned"
    assert code_of(study) == "message-malformed"
    assert code_of(fewer) == "message-malformed"
    assert code_of(one_sum_less) == "receipt-unplanned"


def test_a_receipt_of_a_node_that_nobody_invited_is_found(exported, tmp_path):
    document, stranger = json.loads((exported.home / "result.json").read_text()), Ed25519PrivateKey.generate()
    key = PublicKey.of(stranger)
    receipt = {**document["receipts"][0], "node": key.fingerprint, "released": sha256(b"a sum")}
    del receipt["signature"]
    signed = {**receipt, "signature": Envelope.seal(stranger, RELEASE, receipt, b"a sum").signature}
    SignedReceipt(Receipt.from_document(receipt), signed["signature"]).verify(key)  # nothing else is wrong with it
    document["receipts"].append(signed)
    document["keys"][key.fingerprint] = key.text
    write_signed(tmp_path / "result.json", json_of(document), kind="result", model="m", key=exported.key)
    assert code_of(lambda: read(exported, tmp_path)) == "message-malformed"


@pytest.mark.parametrize(
    ("array", "figure"), [("counts", np.nan), ("counts", np.inf), ("sd", 0.0), ("interaction_sd", -1.0)]
)
def test_margins_that_are_no_numbers_are_no_result_whoever_signed_them(exported, tmp_path, array, figure):
    document = json.loads((exported.home / "result.json").read_text())
    margins = document["results"][read(exported, exported.home).step]
    margins["arrays"][array][0] = figure
    write_signed(tmp_path / "result.json", json.dumps(document).encode(), kind="result", model="m", key=exported.key)
    assert code_of(lambda: read(exported, tmp_path)) == "result-malformed"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "hedgerow-result/1"}', "\xff", "[" * 100_000])
def test_what_is_no_result_is_said_to_be_none(content, tmp_path):
    (tmp_path / "result.json").write_text(content, encoding="latin-1")
    with pytest.raises(Invalid, match="result-malformed"):
        read_released(tmp_path / "result.json", coordinator="c" * 40)


def test_a_contract_of_something_else_is_refused(exported, tmp_path):
    (tmp_path / "contract.toml").write_text(CONTRACT.replace('name = "visits"', 'name = "stays"'))
    for name in ("result.json", "result.json.sig"):
        shutil.copy(exported.home / name, tmp_path / name)
    with pytest.raises(Invalid, match="fit-variable"):
        fit(replace(exported, home=tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_report_sets_them_beside_the_margins_of_people_held_back(exported, drawn):
    words = ["report", str(exported.home / "drawn"), "--result", str(exported.home / "result.json"), "--json"]
    told = CliRunner().invoke(app, words, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    report = json.loads((exported.home / "drawn" / "report.json").read_text())
    assert (report["step"], report["people"]) == ("fidelity", "held-back")
    single, pairs = report["means"]
    assert single["data"] < 0.06  # what cannot be is noise in the margins, and never drawn
    assert pairs["data"] < pairs["independent"]
    assert "These people were held back" in (exported.home / "drawn" / "report.html").read_text()


def test_a_manifest_that_says_a_smaller_epsilon_is_found_before_there_is_a_report(exported, drawn, tmp_path):
    result = [exported.home / "result.json"]
    epsilon = read_manifest(exported.home / "drawn").plan.provenance.epsilon
    for name, said in (("less", 0.1), ("same", epsilon)):
        data = shutil.copytree(exported.home / "drawn", tmp_path / name)
        document = json.loads((data / "manifest.json").read_text())
        document["provenance"]["epsilon"] = said
        (data / "manifest.json").write_bytes(legible(document))
        (data / "report.json").unlink(missing_ok=True)
        if said < epsilon:
            assert code_of(lambda data=data: make_report(data, result)) == "data-set-tampered"
            assert not (data / "report.json").exists()
        else:
            make_report(data, result)  # the control: the same manifest, written down again


def spent(federation):
    """Return what people have spent against who sees totals, by node and part."""
    return {
        (name, account.part): account.spent
        for name, node in federation.nodes.items()
        for account in node.ledger.accounts()
        if account.view == "outside"
    }


def told_by(*words):
    done = CliRunner().invoke(app, [*map(str, words), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_what_the_data_teach_is_tried_on_people_held_back_who_pay_for_it(exported, drawn):
    data, own = exported.home / "drawn", ("--result", exported.home / "result.json")
    told_by("report", data, *own, "--outcome", "sex", "--event", "1")
    on_data = json.loads((data / "report.json").read_text())["trained"]["auc_on_data"]
    asked = tomllib.loads((data / "discrimination.toml").read_text())
    explained = programme(from_document(STUDY | asked | {"ends": "2030-01-01", "invited": INVITED}), COMPUTATIONS)
    assert "whether its sex is 1" in explain(explained, COMPUTATIONS)

    before = spent(exported.federation)
    study = finished_study(exported.federation, STUDY | asked | {"name": "tried"})
    after = spent(exported.federation)
    paid = {part for (_, part), units in after.items() if units > 1.5 * before["north", part]}
    assert paid == {"held-back"}  # the others paid for their node's look at how many there are
    exported.export(study, "tried.json")

    told_by("report", data, *own, "--result", exported.home / "tried.json")
    report = json.loads((data / "report.json").read_text())
    (tried,) = report["tried"]
    assert tried["auc_on_data"] == on_data
    exact = auc_of_people(exported.federation, tomllib.loads((data / "discrimination.toml").read_text()))
    assert tried["auc_on_people"] > 0.7
    assert abs(tried["auc_on_people"] - exact) < 5 * tried["noise_sd"] + 0.01
    assert not tried["off"]
    assert "Trained on the data, tested on people" in (data / "report.html").read_text()
    other = fit(exported, exported.home / "other", "--people", "50", "--seed", "9")  # other people taught nothing here
    assert other.exit_code == 0
    both = [exported.home / "result.json", exported.home / "tried.json"]
    assert code_of(lambda: make_report(exported.home / "other", both)) == "report-result-other"
    assert code_of(lambda: make_report(data, both[1:])) == "report-result-absent"
    assert code_of(lambda: make_report(data, both, event=["1"])) == "report-outcome"


def auc_of_people(federation, asked):
    """Return a scorecard's AUC on all people held back, from their records, with each row weighing its share."""
    points, rows = asked["steps"][0]["parameters"]["points"], []
    for node in federation.nodes.values():
        table = node.store.read(node.store.latest("visits"), ["sex", "area", "age", "year"]).to_pandas()
        rows.append(table[table.held_back])
    people = pd.concat(rows)
    score = np.array(points["area"])[[["N", "S"].index(a) for a in people.area]]
    score = score + np.array(points["age"])[np.searchsorted([40, 60], people.age.astype(float), side="right")]
    score = score + np.array(points["year"])[people.year.astype(int) - 1]
    band = np.searchsorted(asked["steps"][0]["parameters"]["cuts"], score, side="right")
    weights = 1 / people.groupby("person").person.transform("size").to_numpy()
    return auc(band.astype(float), people.sex.to_numpy() == "1", weights)


def test_a_node_judges_the_same_data_by_its_own_people(exported, drawn):
    node, out = exported.federation.nodes["north"], exported.home / "inside.html"
    key = open_key(exported.home / "keys" / "north" / f"ada{KEY_SUFFIX}", PASSPHRASE, home=node.home)
    found, _ = report(node, exported.home / "drawn", person="ada", key=key, purpose="a test", out=out)
    assert found["study"] == read_manifest(exported.home / "drawn").plan.provenance.study
    assert found["people"]["used"] + found["people"]["held_back"] == PEOPLE
    assert [each["attack"] for each in found["attacks"]] == list(ATTACKS)
    assert found["verdict"] != "fails"  # but with so few keys it may show nothing


@pytest.fixture(scope="module")
def finished(exported):
    """The same people as a node takes them, with their report."""
    out = exported.home / "finished"
    assert fit(exported, out, "--people", "900", "--format", "contract", "--processes", "1").exit_code == 0
    make_report(out, [exported.home / "result.json"])
    return out


def test_a_node_takes_fitted_people_and_their_rows_as_they_are(finished, tmp_path):
    node = NodeData(tmp_path / "node")
    held = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    optouts = load_optouts(file=finished / "allowed.csv", as_of=NOW.date(), **held)
    rows = read_manifest(finished).rows
    for table, name in (("people", "synthetic-visits-people"), ("visits", "synthetic-visits")):
        contract = read_contract(finished / f"synthetic-{table}.toml")
        assert contract.name == name
        taken = ingest(contract=contract, location=finished / table, optouts=optouts, **held)
        assert (taken.rows_kept, taken.rows_quarantined) == (rows[table], 0)
    assert contract.key == ("nhs_number", "year")  # which rises from row to row, so it tells rows apart
    assert contract.period == "year"


def test_fitted_data_are_validated_and_packed_by_the_contracts_that_lie_in_them(finished, tmp_path):
    rows = read_manifest(finished).rows
    assert told_by("validate", finished)["rows"] == rows
    told_by("pack", finished, "--out", tmp_path / "pack")
    assert told_by("validate", tmp_path / "pack")["rows"] == rows
    assert {path.name for path in (tmp_path / "pack" / "TEAMS" / "data").iterdir()} == {
        "synthetic-people.csv", "synthetic-visits.csv"
    }  # fmt: skip
    readme = (tmp_path / "pack" / "TEAMS" / "README.md").read_text()
    assert "publish a finding that was not confirmed on the real records" in readme
    assert "No open licence" in readme
    assert "epsilon 3 at delta 1e-05, by what its node signed, and at most 3" in readme
    assert "2000-01-01" not in readme + (tmp_path / "pack" / "TEAMS" / "starter.ipynb").read_text()
    words = ["pack", str(finished), "--out", str(tmp_path / "held"), "--use-case", "falls"]
    assert code_of(lambda: CliRunner().invoke(app, words, catch_exceptions=False)) == "truth-absent"
    assert not (tmp_path / "held").exists()


def test_control_a_cell_that_the_contract_does_not_allow_is_found(finished, tmp_path):
    contract = read_contract(finished / "synthetic-visits.toml")
    narrow = tuple(replace(c, high=2.0) if c.name == "year" else c for c in contract.columns)
    (tmp_path / "narrow.toml").write_text(as_toml(replace(contract, name="visits", columns=narrow)))
    words = ["validate", str(finished), "--contract", str(tmp_path / "narrow.toml")]
    assert code_of(lambda: CliRunner().invoke(app, words, catch_exceptions=False)) == "data-set-faulty"
