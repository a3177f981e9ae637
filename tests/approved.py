"""A node with loaded records and a study that two of its people approved, and the coordinator's key to ask it with."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import Node, open_node
from node.founding import FLOORS, Founder, found
from node.ingest.load import ingest
from node.optouts import load_optouts
from node.people import open_key
from privacy.arrays import Arrays
from privacy.computation import PACKAGES, Finder
from privacy.contract_file import read_contract
from privacy.enrolment import JoinKit
from privacy.programme import Programme, programme
from privacy.release import Notice, Release, decode
from privacy.request import Request
from privacy.signing import PublicKey
from privacy.software import package_sha256
from privacy.study import Study, from_document
from tests.nodes import CONTRACT, HEADER, NOW, nhs_numbers

FINDER = Finder(*PACKAGES, "tests.computations")
PASSPHRASE = "three small pears in a bowl"
PEOPLE = 150


@dataclass
class Approved:
    node: Node
    hub: Ed25519PrivateKey
    study: Study
    plan: Programme
    others: tuple[str, ...]

    def ask(self, place: int, state: Arrays, roster: Sequence[str] | None = None) -> Release | Notice:
        return decode(self.raw(self.request(place, state, roster)), PublicKey.of(self.node.key))

    def request(self, place: int, state: Arrays, roster: Sequence[str] | None = None) -> bytes:
        names = (self.node.fingerprint, *self.others) if roster is None else tuple(roster)
        return Request.of(self.study.hash, place, names, state).encode(self.hub)

    def raw(self, content: bytes) -> bytes:
        sent: list[bytes] = []
        self.node.door.answer(content, sent.append)
        assert len(sent) == 1
        return sent[0]


def rows(people: int = PEOPLE) -> str:
    lines = [HEADER]
    for i, number in enumerate(nhs_numbers(people)):
        lines += [f"{number},L{i},{year},{30 + i % 50},{i % 2},W" for year in (1, 2)]
    return "\n".join(lines)


def a_node(
    tmp_path: Path,
    hub: Ed25519PrivateKey,
    *,
    records: str | None = None,
    people: int = PEOPLE,
    more: Sequence[str] = (),
) -> Node:
    """Found a node, with opt-outs as of today and records loaded; no reply slot, so that tests are quick."""
    kit = tmp_path / "join.kit"
    kit.write_bytes(
        JoinKit("hub", "https://127.0.0.1:1", "127.0.0.1:2", "none", PublicKey.of(hub).text, "ab" * 32).encode()
    )
    floors = {**FLOORS, "computations": FINDER.names(), "allow_test_numbers": True, "reply_slot_seconds": 1e-3}
    founders = [Founder("ada", "ig-lead", PASSPHRASE), Founder("ben", "caldicott-guardian", PASSPHRASE)]
    founders += [Founder(name, "ig-lead", PASSPHRASE) for name in more]
    found(
        home=tmp_path / "node",
        name="here",
        join=kit,
        founders=founders,
        keys=tmp_path / "keys",
        wrapping_key_file=None,
        floors=floors,
        finder=FINDER,
        now=lambda: NOW,
    )
    node = open_node(tmp_path / "node", {}, lambda: NOW, finder=FINDER)
    allowed, extract, contract = tmp_path / "allowed.txt", tmp_path / "extract.csv", tmp_path / "contract.toml"
    allowed.write_text("\n".join(nhs_numbers(people)))
    extract.write_text(rows(people) if records is None else records)
    contract.write_text(CONTRACT)
    data = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    optouts = load_optouts(file=allowed, as_of=NOW.date(), **data)
    ingest(contract=read_contract(contract), location=extract, optouts=optouts, **data)
    return node


def document(node: Node, others: Sequence[str], **changes: object) -> dict:
    """Return a study of heads that invites this node and others."""
    use = str(changes.pop("use", "head-count"))
    privacy = {"epsilon": 3.0, "delta": 1e-5, "quorum": 3, "minimum_cohort": 100, **changes.pop("privacy", {})}
    return {
        "name": "heads",
        "title": "Heads",
        "question": "How many?",
        "decision": "None",
        "intended_use": "Tests",
        "purpose": "research",
        "legal_basis": "Tests",
        "asked_by": "Tests",
        "ends": (NOW.date() + datetime.timedelta(days=30)).isoformat(),
        "data_set": "visits",
        "variables": [
            {"name": "over_sixty", "column": "age", "transform": "at-least", "low": 0, "high": 120, "threshold": 60}
        ],
        "steps": [
            {"name": "heads", "use": use, "people": "training", "parameters": changes.pop("parameters", {"times": 3})}
        ],
        "privacy": privacy,
        "invited": [{"name": f, "fingerprint": f} for f in (node.fingerprint, *others)],
        "software": {"package": package_sha256(), "computations": {use: FINDER.find(use).version}},
        **changes,
    }


def approved(tmp_path: Path, *, records: str | None = None, people: int = PEOPLE, **changes: object) -> Approved:
    """Return a node at which ada and ben approved the study."""
    hub = Ed25519PrivateKey.generate()
    node = a_node(tmp_path, hub, records=records, people=people)
    others = ("1" * 40, "2" * 40, "3" * 40)
    study = from_document(document(node, others, **changes))
    node.governance.receive(study.document(), now=NOW)
    for person in ("ada", "ben"):
        key = open_key(tmp_path / "keys" / f"{person}.key", PASSPHRASE, home=node.home)
        node.governance.approve(study.hash, person=person, key=key, now=NOW)
    return Approved(node, hub, study, programme(study, FINDER), others)
