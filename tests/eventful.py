"""A node with people and their events, and a study of features that two of its people approved."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.ingest.load import ingest
from node.people import open_key
from privacy.contract_file import contract_of
from privacy.programme import programme
from privacy.study import from_document
from tests.approved import FINDER, PASSPHRASE, Approved, a_node, document
from tests.featured import EVENTS_CONTRACT, PEOPLE_CONTRACT
from tests.nodes import NOW, nhs_numbers

INDEX = datetime.date(2026, 4, 1)
EVENT_DAY = datetime.date(2026, 3, 1)
DISTINCT = [
    {"name": f"codes_{i}", "kind": "distinct", "data_set": "events", "column": "code", "from_day": -365 - i,
     "at_most": 10} for i in range(10)
]  # fmt: skip
VARIABLES = [{"name": "over_sixty", "column": "codes_0", "transform": "at-least", "low": 0, "high": 10, "threshold": 3}]


def eventful(tmp_path: Path, codes: Mapping[int, Sequence[str]], *, people: int = 150) -> Approved:
    """Return a node whose ``people`` have one event of each of their ``codes``, and an approved study of them."""
    hub = Ed25519PrivateKey.generate()
    node = a_node(tmp_path, hub, people=people)
    numbers = nhs_numbers(people)
    persons = ["nhs_number,birth", *(f"{number},1950-01-01" for number in numbers)]
    events = ["nhs_number,line_of,date,code,value"]
    events += [f"{numbers[i]},{n},{EVENT_DAY},{code}," for i, of in codes.items() for n, code in enumerate(of)]
    data = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    for contract, lines in ((PEOPLE_CONTRACT, persons), (EVENTS_CONTRACT, events)):
        extract = tmp_path / "rows.csv"
        extract.write_text("\n".join(lines))
        ingest(contract=contract_of(contract), location=extract, optouts=node.store.optouts(), **data)
    others = ("1" * 40, "2" * 40, "3" * 40)
    said = {"data_set": "persons", "index_date": INDEX.isoformat(), "features": DISTINCT, "variables": VARIABLES}
    study = from_document(document(node, others, **said))
    node.governance.receive(study.document(), now=NOW)
    for person in ("ada", "ben"):
        key = open_key(tmp_path / "keys" / f"{person}.key", PASSPHRASE, home=node.home)
        node.governance.approve(study.hash, person=person, key=key, now=NOW)
    return Approved(node, hub, study, programme(study, FINDER), others)
