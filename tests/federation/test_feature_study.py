"""A risk model learned from features: three nodes, a study approved at each, trained, evaluated, pulled and scored."""

import csv
import json

import numpy as np

from deploy.demo.in_process import local_federation
from models.card import Subject, card
from models.pages import as_markdown
from models.plain_export import as_json
from node.optouts import current_optouts
from node.scoring import compare, score
from privacy.contract_file import contract_of
from tests.asked import finished_study, load_rows
from tests.featured import EVENTS_CONTRACT, PEOPLE_CONTRACT
from tests.nodes import nhs_numbers

SITES = ("north", "south", "west")
PEOPLE = 300  # at each site
FALLERS = 3  # every third person fell before the index date, and they alone fall after it
STUDY = {
    "name": "falls", "title": "Falls", "question": "Who will fall?", "decision": "Whom to visit.",
    "intended_use": "Tests", "purpose": "research", "legal_basis": "Tests", "asked_by": "Tests",
    "data_set": "persons", "index_date": "2025-04-01",
    "features": [
        {"name": "age", "kind": "age", "column": "birth"},
        {"name": "fell", "kind": "any", "data_set": "events", "where": [{"column": "code", "codes": ["W01"]}]},
        {"name": "will_fall", "kind": "any", "data_set": "events", "from_day": 0, "to_day": 365,
         "where": [{"column": "code", "codes": ["W01"]}]},
    ],
    "variables": [
        {"name": "age", "column": "age", "low": 0, "high": 120},
        {"name": "fell", "column": "fell", "low": 0, "high": 1},
        {"name": "will_fall", "column": "will_fall", "low": 0, "high": 1},
    ],
    "steps": [
        {"name": "risk", "use": "linear-risk", "people": "training",
         "parameters": {"features": ["age", "fell"], "outcome": "will_fall", "base_rate": 0.3}},
        {"name": "evaluation", "use": "evaluation", "of": "risk", "people": "held-back"},
    ],
    "privacy": {"epsilon": 3.0, "quorum": 3},
}  # fmt: skip


def load(node, number, tmp_path):
    """Load people of this site, their events, and the list of those who did not opt out."""
    numbers, file = nhs_numbers(PEOPLE, first=PEOPLE * 2 * number), tmp_path / "rows.csv"
    people, events = ["nhs_number,birth"], ["nhs_number,line_of,date,code,value"]
    for i, person in enumerate(numbers):
        people.append(f"{person},{1930 + i % 60}-01-01")
        code = "W01" if i % FALLERS == 0 else "X"
        events += [f"{person},0,2024-06-01,{code},", f"{person},1,2025-06-01,{code},"]
    load_rows(node, numbers, [(contract_of(PEOPLE_CONTRACT), people), (contract_of(EVENTS_CONTRACT), events)], file)


def test_a_model_of_features_is_learned_evaluated_and_scores_people(tmp_path):
    with local_federation(tmp_path, SITES, floors={"reply_slot_seconds": 1e-3}) as federation:
        for number, node in enumerate(federation.nodes.values()):
            load(node, number, tmp_path)
        study = finished_study(federation, STUDY)
        federation.say("published", study)
        model = federation.pull("north", study)
        node = federation.nodes["north"]
        optouts = current_optouts(node.store, now=node.now(), at_most_days=node.policy.optouts_at_most_days)
        scored = score(model, node.store, optouts, tmp_path / "scores.csv")
        report = compare(model, node.store, optouts, tmp_path / "report.json")
    with (tmp_path / "scores.csv").open() as file:
        risks = np.array([float(row["risk"]) for row in csv.DictReader(file)])
    assert scored == len(risks) == PEOPLE
    assert (np.diff(risks) <= 0).all()
    assert report.auc_shared is not None
    assert report.auc_shared > 0.8  # who fell falls again, for certain; what is missing to 1 is noise
    told = as_markdown(*card(Subject(model, "sha256:" + "ab" * 32, "ab" * 20)))
    assert "fell | 1 if there is any event of events with code one of W01 up to 2025-03-31" in told
    exported = json.loads(as_json(model, "sha256:" + "ab" * 32))
    assert [each["name"] for each in exported["features"]["features"]] == ["age", "fell", "will_fall"]
