"""A coordinator whose database is gone, its keys kept: enrolled and submitted again, nothing is paid or said twice."""

import datetime
import threading
from types import SimpleNamespace

import pytest

from coordinator.federation import in_process
from coordinator.home import DATABASE, begin_anew, open_home
from deploy.demo.in_process import hub_over, local_federation
from deploy.demo.people import read_public_file, write_sites
from deploy.demo.study_file import CONTRACT, study_document
from node.ingest.load import ingest
from node.optouts import load_optouts
from node.service import Service
from privacy.canonical import canonical
from privacy.contract_file import read_contract
from privacy.envelope import Envelope
from tests.served import Wire

PLANNED = 7
CUT_AT = 4  # the moments are place 1, with spares 2 and 3; the first gradient is place 4, the second is under way
COHORT = 0


def loaded(home, count):
    sites = write_sites(read_public_file(), home / "sites")[:count]
    return sites, local_federation(home, [site.name for site in sites], floors={"reply_slot_seconds": 0.01})


def load(node, site):
    common = {"store": node.store, "keystore": node.keystore, "now": node.now(), "allow_test_numbers": True}
    today = datetime.datetime.now(datetime.UTC).date()
    optouts = load_optouts(file=site.allowed, as_of=today, **common)
    ingest(contract=read_contract(CONTRACT), location=site.records, optouts=optouts, **common)


@pytest.fixture
def cut(tmp_path, monkeypatch):
    """Four nodes and a study of which the first places are answered when the coordinator's state is lost."""
    sites, opened = loaded(tmp_path, 4)
    terms = study_document()
    document = {**terms, "privacy": {**terms["privacy"], "masking": "none", "quorum": 3, "spares": 2}}
    ask, reached, gate = in_process.InProcessGrid._ask, threading.Event(), threading.Event()

    def stuck(self, node, body):
        if place_in(body) > CUT_AT:
            reached.set()
            gate.wait(30)
        return ask(self, node, body)

    with opened as federation:
        for site in sites:
            load(federation.nodes[site.name], site)
        study = federation.submit(document)
        federation.approve_everywhere(study)
        monkeypatch.setattr(in_process.InProcessGrid, "_ask", stuck)
        federation.hub.run(study)
        assert reached.wait(60)
        federation.hub.cancel(study)
        monkeypatch.setattr(in_process.InProcessGrid, "_ask", lambda *_: pytest.fail("nobody is asked by a dead hub"))
        submitted = canonical({**federation.hub.studies.with_hash(study).document()})
    monkeypatch.setattr(in_process.InProcessGrid, "_ask", ask)
    gate.set()
    for file in (tmp_path / "hub").glob(f"{DATABASE}*"):
        file.unlink()
    begin_anew(open_home(tmp_path / "hub", environ={}))
    return SimpleNamespace(home=tmp_path / "hub", nodes=federation.nodes, study=study, submitted=submitted)


def place_in(body):
    return Envelope.decode(body).header["place"]


def charged(node):
    return {c["place"]: c["request"] for c in node.ledger.charges()}


def spent(node):
    return {(a.part, a.view): a.spent for a in node.ledger.accounts()}


def begun_again(hub, cut, nodes):
    """Submit the same study, and let each node's own loop find out that its decision was forgotten."""
    again = hub.submit(cut.submitted)
    assert again["hash"] == cut.study
    assert again["approved"] == 0
    for node in nodes.values():
        node.__dict__["hub"] = Wire(hub, node)
        service = Service(node, threading.Event())
        service.tick()  # hears that nothing is known of it
        service.tick()
    assert hub.status(cut.study)["approved"] == len(nodes)


def ends(hub, study):
    hub.run(study)
    for _ in range(1200):
        run = hub.status(study)["run"]
        if run["ended_at"]:
            return run
        threading.Event().wait(0.05)
    raise AssertionError("the run did not end")


def test_the_same_nodes_are_asked_the_same_and_pay_once(cut):
    before = {name: (charged(node), spent(node)) for name, node in cut.nodes.items()}
    assert all(set(places) >= {COHORT, 1, CUT_AT} for places, _ in before.values())
    with hub_over(open_home(cut.home, environ={}), cut.nodes) as hub:
        begun_again(hub, cut, cut.nodes)
        run = ends(hub, cut.study)
        assert (run["state"], run["code"]) == ("finished", "")
        result = hub.result(cut.study)
    assert (result["exchanges"], result["receipts"]) == (PLANNED, PLANNED * 4)
    for name, node in cut.nodes.items():
        places, paid = before[name]
        after = charged(node)
        assert {p: after[p] for p in places} == places  # the same requests, so nothing was charged or answered anew
        assert len(after) == 1 + PLANNED
        assert all(spent(node)[key] >= paid[key] for key in paid)
        node.verify()


def test_with_one_node_gone_answered_places_are_refused_and_a_spare_is_used(cut):
    """Answered to four, a place is not answered to three: the difference would be the fourth's sum."""
    there = dict(list(cut.nodes.items())[:3])
    before = {name: charged(node) for name, node in there.items()}
    with hub_over(open_home(cut.home, environ={}), cut.nodes) as hub:
        begun_again(hub, cut, cut.nodes)
    with hub_over(open_home(cut.home, environ={}), there) as hub:
        run = ends(hub, cut.study)
        history = hub.history(cut.study)
    assert (run["state"], run["code"]) == ("finished", "")
    codes = {e["place"]: {n["code"] for n in e["nodes"]} for e in history["exchanges"]}
    assert codes[1] == codes[CUT_AT] == codes[CUT_AT + 1] == {"place-answered"}
    assert codes[2] == codes[CUT_AT + 2] == {""}
    for name, node in there.items():
        assert {p: charged(node)[p] for p in before[name]} == before[name]
        node.verify()
