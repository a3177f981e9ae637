"""Tables through three real nodes under masks: codes in sealed files, two approvals, and what people are shown."""

import tomllib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.exports import csv_of, export_of, tables_of
from coordinator.result_page import result_page
from deploy.demo.in_process import local_federation
from models.version import ModelVersion
from privacy.contract_file import contract_of
from privacy.explain import explain
from privacy.figures import figures_of
from privacy.programme import programme
from privacy.signing import PublicKey
from tests.asked import finished_study, load_rows
from tests.builders import FINDER
from tests.nodes import CONTRACT, HEADER, nhs_numbers

SITES = ("north", "south", "west")
PEOPLE = 400
STUDY = {
    "name": "who-is-here", "title": "Who is here?", "question": "Who is here?", "decision": "None",
    "intended_use": "Tests", "purpose": "research", "legal_basis": "Tests", "asked_by": "Tests", "data_set": "visits",
    "variables": [
        {"name": "sex", "column": "sex", "transform": "code", "codes": ["1"]},
        {"name": "age_band", "column": "age", "transform": "band", "low": 0, "high": 120, "edges": [40, 60]},
        {"name": "age", "column": "age", "low": 0, "high": 120},
    ],
    "steps": [
        {"name": "groups", "use": "tables", "people": "everyone",
         "parameters": {"by": ["sex", "age_band"], "means": ["age"]}},
        {"name": "ages", "use": "distributions", "people": "everyone", "parameters": {"by": ["age_band"]}},
    ],
    "privacy": {"epsilon": 3.0, "quorum": 3, "masking": "secure-aggregation"},
}  # fmt: skip


def load(node, number, path):
    """Load people: two of five are of sex 1; ages 30 to 79 in turn, missing for each tenth."""
    numbers = nhs_numbers(PEOPLE, first=PEOPLE * 2 * number)
    lines = [HEADER]
    for i, person in enumerate(numbers):
        age = "" if i % 10 == 9 else 30 + i % 50
        lines += [f"{person},L{i},{year},{age},{int(i % 5 < 2)},W" for year in (1, 2)]
    load_rows(node, numbers, [(contract_of(tomllib.loads(CONTRACT)), lines)], path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    home = tmp_path_factory.mktemp("federation")
    with local_federation(home, SITES, floors={"reply_slot_seconds": 1e-3}) as federation:
        for number, node in enumerate(federation.nodes.values()):
            load(node, number, home / "rows.csv")
        study = finished_study(federation, STUDY)
        hub = federation.hub
        sealed = hub.registry.read(hub.studies.with_hash(study))
        yield hub.result(study), sealed, ModelVersion.open(sealed, hub.public_key)


def test_the_counts_are_those_of_the_records_within_the_noise(finished):
    """Five standard deviations for each of some twenty figures: a false alarm in 10^5."""
    _, _, model = finished
    found = {figures.by: figures for figures in figures_of(model.results["groups"])}
    everyone = len(SITES) * PEOPLE
    ages = [None if i % 10 == 9 else 30 + i % 50 for i in range(PEOPLE)]
    bands = [3 if a is None else int(a >= 40) + int(a >= 60) for a in ages]
    exact = {
        (): everyone,
        ("sex",): [everyone * 2 / 5, everyone * 3 / 5],
        ("age_band",): [len(SITES) * bands.count(i) for i in range(4)],
    }
    for by, counts in exact.items():
        assert found[by].people.value.tolist() == pytest.approx(counts, abs=5 * found[by].sd)
        assert found[by].sd < 30
    known = [a for a in ages if a is not None]
    mean = (sum(known) + (PEOPLE - len(known)) * 0) / PEOPLE  # what is missing counts as if_missing, here 0
    around = found[()].means["age"]
    assert float(around.value) == pytest.approx(mean, abs=(float(around.high) - float(around.low)) * 1.3)


def test_an_approver_reads_the_keys_and_what_each_person_adds(finished):
    _, _, model = finished
    told = explain(programme(model.study, FINDER), FINDER, contract_of(tomllib.loads(CONTRACT)))
    assert "which of the listed codes it is: 1; other or missing" in told
    assert "under 40; 40 to under 60; 60 or over; missing" in told
    assert "each person adds 1, shared out over their rows, times 0.5742, in the cell" in told


def test_what_the_hub_tells_is_rounded_and_has_no_raw_figure(finished):
    found, sealed, model = finished
    document = export_of(found, sealed, model, coordinator=PublicKey.of(Ed25519PrivateKey.generate()))
    counts = [r["people"]["value"] for step in found["steps"] for t in step["tables"] for r in t["rows"]]
    assert all(count is None or count % 5 == 0 for count in counts)
    assert any(count for count in counts)
    assert b"Who is here?" in result_page(document, model)
    names = {table.name for table in tables_of(document, model)}
    assert names >= {
        "groups-all",
        "groups-by-sex",
        "groups-by-sex.age_band",
        "ages-by-age_band",
        "ages-quantiles-age_band",
    }
    assert all(csv_of(table) for table in tables_of(document, model))
