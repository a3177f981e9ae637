"""The loop that serves: offers in, notices out through the door, and no failure stops the rest."""

import datetime
import threading

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.standing import Statement
from node.federation.hub import News
from node.governance import LARGEST_STUDY
from node.ingest.load import ingest
from node.people import open_key
from node.service import Service
from privacy.audit import Checkpoint
from privacy.contract_file import read_contract
from privacy.errors import HedgerowError, Refusal, Unreachable
from privacy.release import Notice, decode
from privacy.signing import PublicKey
from privacy.study import from_document
from privacy.witnessing import is_word, read_word
from tests.approved import PASSPHRASE, a_node, document
from tests.nodes import CONTRACT, NOW

OTHERS = ("1" * 40, "2" * 40)


class Hub:
    """A coordinator's API that offers what the test says, and may be away."""

    def __init__(self):
        self.offered, self.models, self.withdrawn, self.sent, self.away = [], [], [], [], False

    def news(self):
        self._answer()
        return News(tuple(self.offered), models=tuple(self.models), withdrawn=tuple(self.withdrawn))

    def send_notice(self, content):
        self._answer()
        self.sent.append(content)

    def _answer(self):
        if self.away:
            raise Unreachable("coordinator-unreachable")


class Desk:
    def __init__(self, tmp_path):
        self.now = NOW
        self.coordinator = Ed25519PrivateKey.generate()
        self.node = a_node(tmp_path, self.coordinator)
        self.node.__dict__.update(now=lambda: self.now, hub=Hub())
        self.hub = self.node.hub
        self.keys = {
            n: open_key(tmp_path / "keys" / f"{n}.key", PASSPHRASE, home=self.node.home) for n in ("ada", "ben")
        }
        self.service = Service(self.node, threading.Event())

    def offer(self, **changes):
        study = from_document(document(self.node, OTHERS, **changes))
        self.hub.offered.append({"hash": study.hash, "document": study.document()})
        return study.hash

    def notices(self):
        about_studies = [content for content in self.hub.sent if not is_word(content)]
        sent = [decode(content, PublicKey.of(self.node.key)) for content in about_studies]
        assert all(isinstance(notice, Notice) for notice in sent)
        assert len({len(content) for content in about_studies}) <= 1
        return sent

    def state(self, study):
        record = self.node.governance.register.get(study)
        return record and record.state


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_offers_are_received_and_decisions_are_told_once(desk):
    good, bad = desk.offer(), desk.offer(name="bad", purpose="marketing")
    desk.service.tick()
    assert (desk.state(good), desk.state(bad)) == ("awaiting-first-approval", "refused")
    for person, key in desk.keys.items():
        desk.node.governance.approve(good, person=person, key=key, now=NOW)
    desk.service.tick()
    desk.service.tick()
    told = [(n.kind, n.study, n.code) for n in desk.notices()]
    assert told == [("refused", bad, "purpose-not-allowed"), ("approved", good, "")]


def test_one_bad_offer_does_not_stop_the_others(desk):
    desk.hub.offered.append({"hash": "sha256:0", "document": {"name": 7}})
    desk.hub.offered.append({"hash": "sha256:" + "0" * 64, "document": document(desk.node, OTHERS, name="swapped")})
    good = desk.offer()
    with structlog.testing.capture_logs() as logs:
        desk.service.tick()
    assert desk.state(good) == "awaiting-first-approval"
    assert {"study-malformed", "study-changed"} <= {line.get("is_now") for line in logs}
    assert len(desk.node.governance.register.all()) == 1


def test_a_coordinator_cannot_fill_the_disk_with_studies_or_the_log_with_lines(desk, monkeypatch):
    monkeypatch.setattr("node.register.MOST_A_DAY", 3)
    first = [desk.offer(name=f"first-{i}") for i in range(3)]
    desk.service.tick()
    assert [desk.state(study) for study in first] == ["awaiting-first-approval"] * 3  # the control
    desk.hub.offered += [{"hash": f"sha256:{i:064x}", "document": {"name": i}} for i in range(50)]
    later = [desk.offer(name=f"later-{i}") for i in range(20)]
    large = desk.offer(
        name="large", steps=[{**document(desk.node, OTHERS)["steps"][0], "parameters": {"x": "y" * LARGEST_STUDY}}]
    )
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            desk.hub.offered.append({"hash": "sha256:\ud800", "document": {}})
            desk.service.tick()
    assert not any(desk.state(study) for study in (*later, large))
    ignored = [line["is_now"] for line in logs if str(line.get("of")).startswith("offer ")]
    assert sorted(ignored) == ["UnicodeEncodeError", "news-too-much", "study-malformed"]
    for person, key in desk.keys.items():
        desk.node.governance.approve(first[0], person=person, key=key, now=NOW)  # what is here goes on
    desk.now = NOW + datetime.timedelta(days=1, seconds=1)
    desk.service.tick()
    assert sum(bool(desk.state(study)) for study in later) == 3  # and so does the rest, a day later
    assert not desk.state(large)


def test_a_withdrawal_reaches_the_node_and_a_forged_one_is_only_said(desk):
    version = "sha256:" + "1" * 64
    said = Statement("withdrawn", version, "sha256:" + "2" * 64, "a wrong column", "", NOW.isoformat())
    desk.hub.models = [said.signed(Ed25519PrivateKey.generate()).document()]
    with structlog.testing.capture_logs() as logs:
        desk.service.tick()
        desk.service.tick()
    assert [(line["of"], line["is_now"]) for line in logs if line.get("of") == "models"] == [
        ("models", "signature-wrong")
    ]
    desk.node.shelf.check(version)
    desk.hub.models.append(said.signed(desk.coordinator).document())
    desk.service.tick()
    with pytest.raises(HedgerowError, match="model-withdrawn"):
        desk.node.shelf.check(version)
    desk.hub.away = True
    desk.service.tick()
    with pytest.raises(HedgerowError, match="model-withdrawn"):
        desk.node.shelf.check(version)
    desk.node.verify()


def test_a_coordinator_that_is_away_is_said_once_and_nothing_is_lost(desk):
    study = desk.offer(purpose="marketing")
    desk.service.tick()
    desk.hub.sent.clear()
    with desk.node.database.transaction() as connection:
        connection.execute("UPDATE study SET told = ''")
    desk.hub.away = True
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            desk.service.tick()
    assert [(line["of"], line["is_now"]) for line in logs] == [
        ("news", "coordinator-unreachable"),
        ("notices", "coordinator-unreachable"),
    ]
    desk.hub.away = False
    desk.service.tick()
    assert [n.study for n in desk.notices()] == [study]


def test_what_fails_without_a_code_is_logged_by_its_kind_only(desk):
    def news():
        raise ValueError("9990000018")

    desk.hub.news = news
    with structlog.testing.capture_logs() as logs:
        desk.service.tick()
    assert "ValueError" in str(logs)
    assert "999" not in str(logs)


def test_the_log_is_signed_now_and_then_and_the_coordinator_keeps_the_signature(desk):
    for minutes in (0, 1, 61):
        desk.now = NOW + datetime.timedelta(minutes=minutes)
        desk.service.tick()
    checkpoints = [read_word(content, PublicKey.of(desk.node.key)) for content in desk.hub.sent]
    assert [notice.kind for notice in checkpoints] == ["checkpoint", "checkpoint"]
    newest = desk.node.audit.verify()
    assert isinstance(newest, Checkpoint)
    assert (checkpoints[-1].size, checkpoints[-1].root) == (newest.size, newest.root)


def test_an_ended_study_is_closed(desk):
    study = desk.offer()
    desk.service.tick()
    desk.now = NOW + datetime.timedelta(days=40)
    desk.service.tick()
    assert desk.state(study) == "expired"


def test_a_clock_that_ran_ahead_closes_no_study_while_the_coordinator_does_not_admit_us(desk):
    study = desk.offer()
    desk.service.tick()
    desk.now = NOW + datetime.timedelta(days=400)
    news = desk.hub.news

    def refused():
        raise Refusal("token-refused")  # as a coordinator does whose clock is more than 90 seconds from ours

    desk.hub.news = refused
    desk.service.tick()
    assert desk.state(study) == "awaiting-first-approval"
    desk.hub.news = news  # the control: admitted, so it is really so late
    desk.service.tick()
    assert desk.state(study) == "expired"


def test_a_fault_of_the_connection_ends_the_service_and_is_raised(desk, monkeypatch):
    def hold_connection(*_args, **_more):
        raise HedgerowError("root-certificate-unreadable")

    monkeypatch.setattr("node.federation.fleet.hold_connection", hold_connection)
    ready = []
    with pytest.raises(HedgerowError, match="root-certificate-unreadable"):
        desk.service.run(lambda: ready.append(True))
    assert ready == [True]


def decided(desk):
    """Return a study that both approved and the coordinator was told of."""
    study = desk.offer()
    desk.service.tick()
    for person, key in desk.keys.items():
        desk.node.governance.approve(study, person=person, key=key, now=NOW)
    desk.service.tick()
    return study


def says(desk, **more):
    desk.hub.offered[-1].update(more)
    desk.service.tick()


def test_what_the_coordinator_finished_ends_here_and_what_nobody_decided_expires(desk):
    ran = decided(desk)
    says(desk, said="approved", state="finished")
    assert desk.state(ran) == "finished"
    waiting = desk.offer(name="waiting")
    desk.service.tick()
    says(desk, said="offered", state="finished")
    assert desk.state(waiting) == "expired"
    says(desk, state="open")  # a word that would allow something again changes nothing
    assert (desk.state(ran), desk.state(waiting)) == ("finished", "expired")
    desk.node.governance.verify()


def test_what_the_coordinator_took_back_is_withdrawn_with_its_reason_and_not_told_again(desk):
    study = decided(desk)
    told = len(desk.notices())
    for reason in ("The question changed", "Another"):
        desk.hub.withdrawn = [{"hash": study, "at": "", "reason": reason}]
        desk.hub.offered.clear()
        desk.service.tick()
    assert desk.state(study) == "withdrawn"
    (leaf,) = [e for e in desk.node.audit.events() if e["event"] == "study-withdrawn"]
    assert leaf["facts"]["by"] == "coordinator"
    assert leaf["facts"]["reason"] == "The question changed"
    assert len(desk.notices()) == told
    desk.node.governance.verify()


def test_a_reason_that_could_forge_a_line_is_not_kept(desk):
    study = decided(desk)
    desk.hub.withdrawn = [{"hash": study, "reason": "x\nstudy-approved"}]
    desk.service.tick()
    (leaf,) = [e for e in desk.node.audit.events() if e["event"] == "study-withdrawn"]
    assert leaf["facts"]["reason"] == ""


def test_a_coordinator_that_forgot_a_decision_is_told_it_again(desk):
    study = decided(desk)
    assert [n.kind for n in desk.notices()] == ["approved"]
    says(desk, said="approved", state="open")
    assert [n.kind for n in desk.notices()] == ["approved"]  # it knows
    says(desk, said="offered", state="open")  # its state was lost
    assert [(n.kind, n.study) for n in desk.notices()] == [("approved", study)] * 2


def test_records_that_their_contract_no_longer_keeps_go_while_the_coordinator_answers(desk, tmp_path):
    (tmp_path / "contract.toml").write_text(CONTRACT.replace("version = 1\n", "version = 2\nkeep_days = 30\n", 1))
    ingest(
        contract=read_contract(tmp_path / "contract.toml"),
        location=tmp_path / "extract.csv",
        store=desk.node.store,
        keystore=desk.node.keystore,
        optouts=desk.node.store.optouts(),
        now=NOW,
        allow_test_numbers=True,
    )
    desk.service.tick()
    assert len(desk.node.store.all()) == 2
    desk.now += datetime.timedelta(days=31)
    desk.hub.away = True
    desk.service.tick()
    assert len(desk.node.store.all()) == 2  # nobody says that this clock is right
    desk.hub.away = False
    desk.service.tick()
    assert desk.node.store.all() == []
    desk.node.verify()
