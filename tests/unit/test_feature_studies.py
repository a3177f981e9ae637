"""A study of features at a real node: checked, explained, worked out once, and gone with the person who is erased."""

import datetime
import types
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.checking import check_study
from coordinator.comparing import compare
from node.cohort import cohorts, together
from node.erasure import erase_person
from node.features import Features
from node.ingest.load import ingest
from node.optouts import load_optouts
from node.people import open_key
from privacy.code_lists import read_code_list
from privacy.contract_file import contract_of
from privacy.dossier import dossier
from privacy.errors import Invalid, Refusal
from privacy.explain import explain
from privacy.feature_fit import data_sets
from privacy.frailty import CODED_DEFICITS
from privacy.programme import programme
from privacy.release import Release
from privacy.study import from_document, read_study
from tests.approved import FINDER, PASSPHRASE, Approved, a_node, document
from tests.featured import EVENTS_CONTRACT, PEOPLE_CONTRACT
from tests.nodes import NOW, nhs_numbers

PEOPLE = 150
INDEX = datetime.date(2026, 4, 1)
FEATURES = [
    {"name": "age", "kind": "age", "column": "birth"},
    {"name": "falls", "kind": "count", "data_set": "events", "from_day": -365, "at_most": 10,
     "where": [{"column": "code", "codes": ["W0", "W1"], "prefix": True}]},
    {"name": "weight", "kind": "latest", "data_set": "events", "column": "value", "low": 30, "high": 200},
    {"name": "fell", "kind": "band", "of": ["falls"], "edges": [1]},
]  # fmt: skip
VARIABLES = [
    {"name": "over_sixty", "column": "age", "transform": "at-least", "low": 0, "high": 120, "threshold": 65},
    {"name": "fell", "column": "fell", "low": 0, "high": 1},
    {"name": "weight", "column": "weight", "low": 30, "high": 200, "if_missing": 75},
]


def born(i):
    return datetime.date(1930 + i % 60, 1 + i % 12, 1)


def events_of(i):
    """Return some events: every third person fell a month ago, every second was weighed twice."""
    found = [("2026-03-01", "W010", "")] if i % 3 == 0 else []
    found += [("2024-03-01", "W010", "")]  # before the window
    return found + ([("2025-01-01", "X", "99"), ("2026-01-01", "X", f"{60 + i % 50}")] if i % 2 == 0 else [])


def load(node, contract, lines, tmp_path):
    extract = tmp_path / "rows.csv"
    extract.write_text("\n".join(lines))
    data = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    optouts = node.store.optouts()
    return ingest(contract=contract_of(contract), location=extract, optouts=optouts, **data).version


def load_events(node, tmp_path, leave_out=()):
    lines, numbers = ["nhs_number,line_of,date,code,value"], nhs_numbers(PEOPLE)
    for i in [i for i in range(PEOPLE) if i not in leave_out]:
        lines += [f"{numbers[i]},{n},{','.join(event)}" for n, event in enumerate(events_of(i))]
    return load(node, EVENTS_CONTRACT, lines, tmp_path)


@pytest.fixture
def site(tmp_path):
    hub = Ed25519PrivateKey.generate()
    node = a_node(tmp_path, hub)
    lines = ["nhs_number,birth", *(f"{number},{born(i)}" for i, number in enumerate(nhs_numbers(PEOPLE)))]
    load(node, PEOPLE_CONTRACT, lines, tmp_path)
    load_events(node, tmp_path)
    others = ("1" * 40, "2" * 40, "3" * 40)
    study = from_document(document(node, others, **asked()))
    return Approved(node, hub, study, programme(study, FINDER), others)


def asked(**changes):
    said = {"data_set": "persons", "index_date": INDEX.isoformat(), "features": FEATURES, "variables": VARIABLES}
    return said | changes


def approve(site, tmp_path):
    site.node.governance.receive(site.study.document(), now=NOW)
    for person in ("ada", "ben"):
        key = open_key(tmp_path / "keys" / f"{person}.key", PASSPHRASE, home=site.node.home)
        site.node.governance.approve(site.study.hash, person=person, key=key, now=NOW)


def rows_of(site, people="everyone"):
    """Return the cohort's columns by person."""
    store = site.node.store
    version = store.latest("persons")
    found = Features().of(site.study, store, version)
    made = together(cohorts(store, version, store.optouts(), site.study.variables, people, features=found.table))
    return {p: {n: c[i] for n, c in made.table.columns.items()} for i, p in enumerate(made.pseudonyms)}


def test_an_approved_study_is_answered_and_its_receipt_names_all_its_data(site, tmp_path):
    approve(site, tmp_path)
    release = site.ask(1, {"round": np.zeros(1)})
    assert isinstance(release, Release)
    assert release.receipt.data == ("persons@1", "events@1")
    load_events(site.node, tmp_path)
    assert site.ask(2, {"round": np.ones(1)}).receipt.data == ("persons@1", "events@2")


def test_the_cohort_has_each_persons_features(site):
    found = list(rows_of(site).values())
    assert len(found) == PEOPLE
    months = [(INDEX.year - born(i).year) * 12 + INDEX.month - born(i).month for i in range(PEOPLE)]
    expected = [(m // 12, float(i % 3 == 0), 60 + i % 50 if i % 2 == 0 else np.nan) for i, m in enumerate(months)]
    got = [tuple(float(row[name]) for name in ("age", "fell", "weight")) for row in found]
    assert sorted(map(repr, got)) == sorted(repr((float(a), f, float(w))) for a, f, w in expected)


def test_whoever_opts_out_is_gone_and_changes_nobody_elses_row(site, tmp_path):
    before = rows_of(site)
    allowed = tmp_path / "fewer.txt"
    allowed.write_text("\n".join(nhs_numbers(PEOPLE)[1:]))
    data = {"store": site.node.store, "keystore": site.node.keystore, "now": NOW, "allow_test_numbers": True}
    load_optouts(file=allowed, as_of=NOW.date(), **data)
    after = rows_of(site)
    assert len(after) == PEOPLE - 1
    assert all(np.array_equal(list(row.values()), list(before[p].values()), equal_nan=True) for p, row in after.items())


def test_whoever_is_erased_is_in_no_features_that_were_kept(site, tmp_path):
    store, kept = site.node.store, Features()
    before = kept.of(site.study, store, store.latest("persons")).table
    keys = {p: open_key(tmp_path / "keys" / f"{p}.key", PASSPHRASE, home=site.node.home) for p in ("ada", "ben")}
    erase_person(site.node, numbers=nhs_numbers(PEOPLE)[:1], keys=keys, reason="article 17")
    after = kept.of(site.study, store, store.latest("persons")).table
    (gone,) = set(before["person"].to_pylist()) - set(after["person"].to_pylist())
    assert after.to_pylist() == [row for row in before.to_pylist() if row["person"] != gone]


def test_features_are_worked_out_once_and_anew_when_a_file_has_another_in_its_place(site, tmp_path):
    store, kept = site.node.store, Features()
    first = kept.of(site.study, store, store.latest("persons"))
    assert kept.of(site.study, store, store.latest("persons")) is first
    later = from_document(site.study.document() | {"index_date": "2026-03-31"})
    assert kept.of(later, store, store.latest("persons")) is not first
    load_events(site.node, tmp_path, leave_out=range(0, PEOPLE, 3))
    again = kept.of(site.study, store, store.latest("persons"))
    assert sum(first.table["fell"].to_pylist()) == PEOPLE / 3
    assert sum(again.table["fell"].to_pylist()) == 0
    assert Features().of(replace(site.study, features=None), store, store.latest("persons")) is None


def test_a_pause_ends_the_work_between_two_shards(site):
    def paused():
        raise Refusal("node-paused")

    with pytest.raises(Refusal):
        Features().of(site.study, site.node.store, site.node.store.latest("persons"), paused)


def test_a_study_waits_until_its_events_are_loaded(site):
    later = [FEATURES[0], {**FEATURES[1], "data_set": "later-events"}, *FEATURES[2:]]
    study = from_document(site.study.document() | {"name": "later", "features": later})
    assert data_sets(study) == ("persons", "later-events", "events")
    record = site.node.governance.receive(study.document(), now=NOW)
    assert (record.state, record.code) == ("received", "data-set-unknown")


@pytest.mark.parametrize(
    ("features", "code"),
    [
        ([{**FEATURES[0], "name": "birth"}], "feature-unfit"),
        ([{**FEATURES[0], "column": "sex"}], "feature-unfit"),
        ([{"name": "f", "kind": "any", "data_set": "visits"}], "feature-unfit"),
        ([{"name": "f", "kind": "any", "data_set": "events", "where": [{"column": "value", "codes": ["1"]}]}],
         "feature-unfit"),
        ([{"name": "f", "kind": "sum", "data_set": "events", "column": "code", "low": 0, "high": 1}], "feature-unfit"),
        ([{"name": "f", "kind": "count", "data_set": "events", "at_most": 10}], "variable-bounds"),
    ],
)  # fmt: skip
def test_the_node_refuses_features_that_do_not_fit(site, features, code):
    high = 11 if code == "variable-bounds" else 1
    variables = [{"name": "v", "column": features[0]["name"], "low": 0, "high": high}]
    study = from_document(site.study.document() | {"features": features, "variables": variables})
    record = site.node.governance.receive(study.document(), now=NOW)
    assert (record.state, record.code) == ("refused", code)


def test_controllers_of_linked_events_must_approve_as_those_of_linked_people_do(site, monkeypatch):
    class Agreements:
        def in_force(self, name, now):
            return self

        def people_of(self, data_set):
            return ("cy",) if data_set == "events" else ("dee",)

    monkeypatch.setattr(type(site.node), "agreements", Agreements())
    assert site.node._controllers(site.study) == ()
    linked = {"events"}
    contract = type(site.node)._contract
    monkeypatch.setattr(
        type(site.node),
        "_contract",
        lambda node, name: types.SimpleNamespace(linkage="a" if name in linked else "", name=contract(node, name).name),
    )
    assert site.node._controllers(site.study) == ("cy",)
    linked.add("persons")
    assert site.node._controllers(site.study) == ("dee", "cy")


def test_the_hash_covers_the_features_and_a_study_without_any_keeps_its_hash(site):
    assert from_document(site.study.document()) == site.study
    hashes = {site.study.hash}
    for change in ({"index_date": "2026-04-02"}, {"features": [{**FEATURES[0], "at_most": 90}, *FEATURES[1:]]}):
        hashes.add(from_document(site.study.document() | change).hash)
    assert len(hashes) == 3
    assert "features" not in replace(site.study, features=None).document()


def test_people_read_the_features_in_words(site):
    said = explain(site.plan, FINDER)
    assert "feature fell, kept within 0 to 1" in said
    assert (
        "falls: how many events of events with code beginning with one of W0, W1 from 2025-04-01 to 2026-03-31" in said
    )
    assert "age: age in completed years at 2026-04-01" in said
    contracts = [contract_of(PEOPLE_CONTRACT), contract_of(EVENTS_CONTRACT)]
    assert "  - falls: SENSITIVE (code): how many events" in explain(site.plan, FINDER, *contracts)
    assert "  - weight: the latest value" in explain(site.plan, FINDER, *contracts)
    document_ = dossier(site.plan, FINDER)
    assert any(line.startswith("weight: the latest value") for line in document_["features"])
    other = from_document(site.study.document() | {"index_date": "2026-03-31"})
    assert [d.what for d in compare(site.study, other, FINDER).differences] == ["index date"]
    fewer = from_document(
        site.study.document() | {"features": [FEATURES[0], {**FEATURES[1], "at_most": 5}, *FEATURES[2:]]}
    )
    assert [d.what for d in compare(site.study, fewer, FINDER).differences] == ["of the features: falls"]


def test_the_analyst_is_told_before_anybody_is_asked(site):
    contract = contract_of(PEOPLE_CONTRACT)
    check_study(site.study, finder=FINDER, today=NOW.date(), contract=contract)
    wide = [{**VARIABLES[1], "high": 2}]
    with pytest.raises(Invalid) as caught:
        check_study(from_document(site.study.document() | {"variables": wide}), finder=FINDER, today=NOW.date())
    assert caught.value.code == "variable-bounds"
    unfit = from_document(site.study.document() | {"features": [{**FEATURES[0], "column": "nothing"}, *FEATURES[1:]]})
    with pytest.raises(Invalid) as caught:
        check_study(unfit, finder=FINDER, today=NOW.date(), contract=contract)
    assert caught.value.code == "feature-unfit"


def test_no_code_can_be_taken_for_several_or_for_the_window_that_follows(site):
    forged = "W0 up to 2020-01-01, kept within 0 to 1, W1"
    where = [{"column": "code", "codes": [forged, 'a"b', "W2"]}]
    features = [FEATURES[0], {**FEATURES[1], "where": where}, *FEATURES[2:]]
    study = from_document(site.study.document() | {"features": features})
    said = explain(programme(study, FINDER), FINDER)
    assert f'with code one of "{forged}", "a\\"b", W2 from 2025-04-01' in said


def test_a_list_that_bears_the_name_of_one_that_ships_is_that_one(site):
    """People read the name: one code more under it would pass them by."""
    shipped = read_code_list("ethnic-category@2001")
    listed = [{"column": "code", "code_list": shipped.reference}]
    features = [FEATURES[0], {**FEATURES[1], "where": listed}, *FEATURES[2:]]
    base = site.study.document() | {"features": features}
    more = replace(shipped, codes=(*shipped.codes, ("Q", "made up")))
    governance = site.node.governance
    record = governance.receive(from_document(base | {"code_lists": [more.document()]}).document(), now=NOW)
    assert (record.state, record.code) == ("refused", "feature-unfit")
    same = from_document(base | {"code_lists": [shipped.document()], "name": "same"})  # a control
    assert governance.receive(same.document(), now=NOW).state == "awaiting-first-approval"


STUDY_FILE = """
[study]
name = "falls"
title = "T"
question = "Q"
decision = "D"
intended_use = "U"
purpose = "research"
legal_basis = "L"
asked_by = "A"
ends = 2027-12-31
data_set = "persons"
index_date = 2026-04-01

[[features]]
name = "fell"
kind = "any"
data_set = "events"
where = [{ column = "code", code_list = "falls@1" }]

[[variables]]
name = "fell"
column = "fell"
low = 0
high = 1

[[steps]]
name = "heads"
use = "head-count"
people = "training"

[privacy]
epsilon = 1.0
quorum = 1

[[invited]]
name = "here"
fingerprint = "1111111111111111111111111111111111111111"
"""


def test_a_study_file_carries_the_codes_of_the_lists_beside_it(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY_FILE)
    with pytest.raises(Invalid) as caught:
        read_study(tmp_path / "study.toml")
    assert caught.value.code == "code-list-unknown"
    (tmp_path / "code-lists").mkdir()
    head = "# title: Falls\n# system: icd-10\n# source: made up for tests\n# licence: none\n"
    file = tmp_path / "code-lists" / "falls@1.csv"
    file.write_text(f"{head}code,label\nW01,Fall on the same level\n")
    study = read_study(tmp_path / "study.toml")
    assert study.features.code_lists[0].only_codes == ("W01",)
    assert from_document(study.document()).hash == study.hash
    file.write_text(f"{head}code,label\nW01,Fall on the same level\nW05,Fall from a wheelchair\n")
    assert read_study(tmp_path / "study.toml").hash != study.hash


def test_three_lines_of_a_study_file_are_the_frailty_index(tmp_path):
    (tmp_path / "code-lists").mkdir()
    for name in [*CODED_DEFICITS, "medicines"]:
        head = f"# title: For tests: {name}\n# system: local\n# source: made up\n# licence: none\n"
        (tmp_path / "code-lists" / f"efi-{name}@local.csv").write_text(f"{head}code,label\nmade-up-{name},\n")
    file = tmp_path / "study.toml"
    index = '[frailty_index]\ndiagnoses = "events"\nmedicines = "events"\n'
    file.write_text(STUDY_FILE.replace('code_list = "falls@1"', 'codes = ["W01"]') + index)
    study = read_study(file)
    assert [f.name for f in study.features.features][-4:] == ["efi_deficits", "efi", "efi_band", "fell"]
    assert len(study.features.features) == 41
    assert len(study.features.code_lists) == 36
    assert from_document(study.document()).hash == study.hash
    file.write_text(STUDY_FILE + '[frailty_index]\ndiagnoses = "events"\nmedicine = "events"\n')
    with pytest.raises(Invalid) as caught:
        read_study(file)
    assert caught.value.faults == ("frailty_index.medicines: is missing", "frailty_index.medicine: is not known")
