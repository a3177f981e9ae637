"""The coordinator signs a log only as far as it continues what it signed before, and shows each log to others."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.checkpoints import MOST_ASKED, SCHEMA, WITNESSES, Checkpoints
from node.witnessing import SCHEMA as WITNESSED
from node.witnessing import Witnessed
from privacy.durable import Database
from privacy.envelope import Envelope
from privacy.errors import HedgerowError
from privacy.signing import PublicKey
from privacy.witnessing import Said, cosign, read_word, seal
from tests.builders import NOW as AT
from tests.coordinators import NOW
from tests.logbook import Logbook

HUB = Ed25519PrivateKey.generate()


class Hub:
    """The coordinator's side of logs, with nodes whose words it takes as the API does."""

    def __init__(self, path, *logs):
        self.checkpoints = Checkpoints(Database(path, SCHEMA), HUB)
        self.logs = {log.name: log for log in logs}

    def told(self, log, old=0, **said):
        content = log.checkpoint(old, **said)
        self.checkpoints.keep(read_word(content, log.public), content, at=NOW)
        return content

    def news(self, log):
        return self.checkpoints.news(log.name, self.logs, lambda name: self.logs[name].public)

    def ask(self, log, witness, nonce):
        self.checkpoints.ask(read_word(log.asked(witness.name, nonce), log.public))


class Other:
    """Another node, that looks at the logs it is shown and signs what it finds."""

    def __init__(self, path, log):
        self.log = log
        self.witnessed = Witnessed(Database(path, WITNESSED), node=log.name)

    def looks(self, hub):
        words, ignored = self.witnessed.look(hub.news(self.log)["logs"], at=AT)
        for word, seen in words:
            said = Said(self.log.public, seal(word, self.log.key, seen))
            hub.checkpoints.note(said, hub.logs[word.log].public)
        return words, ignored


def code_of(work, *arguments, **more):
    with pytest.raises(HedgerowError) as caught:
        work(*arguments, **more)
    return caught.value.code


@pytest.fixture
def leeds():
    return Logbook().grow(7)


@pytest.fixture
def hub(tmp_path, leeds):
    return Hub(tmp_path / "hub.db", leeds)


def signed_of(hub, log):
    return {said.key.fingerprint: said.word(log.public).size for said in hub.checkpoints.cosigned(log.name)}


def test_what_continues_is_co_signed_and_the_newest_given_back_as_it_was_signed(hub, leeds):
    hub.told(leeds)
    leeds.grow(2)
    newest = hub.told(leeds, old=7)
    assert base64.b64decode(hub.news(leeds)["checkpoint"]) == hub.checkpoints.newest(leeds.name) == newest
    assert signed_of(hub, leeds) == {PublicKey.of(HUB).fingerprint: 9}
    assert hub.checkpoints.newest("ab" * 20) is None


def test_a_node_cannot_show_two_histories_and_both_are_kept(hub, leeds):
    hub.told(leeds)
    other = leeds.forked(6).grow(1, "another")
    assert code_of(hub.told, other) == "audit-tampered"  # as long, another root
    assert code_of(hub.told, other.grow(3), old=7) == "audit-tampered"  # longer, and does not continue
    assert code_of(hub.told, leeds.forked(5)) == "audit-tampered"  # shorter: what came after is to be forgotten
    evidence = [read_word(content, leeds.public) for content in hub.checkpoints.forked(leeds.name)]
    assert [(word.size, word.root) for word in evidence] == [
        (5, leeds.root(5)), (7, other.root(7)), (10, other.root())
    ]  # fmt: skip
    assert signed_of(hub, leeds) == {PublicKey.of(HUB).fingerprint: 7}


def test_a_checkpoint_is_proven_from_the_newest_and_from_nothing_else(hub, leeds):
    hub.told(leeds)
    leeds.grow(5)
    assert code_of(hub.told, leeds) == "proof-wanted"
    assert code_of(hub.told, leeds, old=4) == "proof-wanted"
    assert code_of(hub.told, leeds, old=7, size=2**63) == "message-malformed"
    hub.told(leeds, old=7)
    hub.told(leeds, old=7)  # again: nothing new


def test_the_next_in_the_ring_sign_each_log(tmp_path):
    logs = sorted((Logbook().grow(3 + i) for i in range(4)), key=lambda log: log.name)
    hub = Hub(tmp_path / "hub.db", *logs)
    others = [Other(tmp_path / f"{i}.db", log) for i, log in enumerate(logs)]
    for log in logs:
        hub.told(log)
    assert all(not other.looks(hub)[1] for other in others)
    after = [{logs[(i + k) % 4].name for k in range(1, WITNESSES + 1)} for i in range(4)]
    for log, witnesses in zip(logs, after, strict=True):
        assert signed_of(hub, log) == dict.fromkeys([*witnesses, PublicKey.of(HUB).fingerprint], len(log.leaves))
    assert all(other.looks(hub) == ([], []) for other in others)  # nothing new to sign


def test_each_witness_is_given_a_proof_from_where_it_stands(tmp_path):
    leeds, york, hull = (Logbook().grow(4) for _ in range(3))
    hub = Hub(tmp_path / "hub.db", leeds, york, hull)
    prompt, late = Other(tmp_path / "york.db", york), Other(tmp_path / "hull.db", hull)
    hub.told(leeds)
    assert prompt.looks(hub)[0]
    hub.told(leeds.grow(3), old=4)
    assert prompt.looks(hub)[0]
    assert late.looks(hub) == ([], [])  # it saw none yet, and is proven from none yet
    hub.told(leeds.grow(3), old=7)
    assert hub.news(leeds)["prove_from"] == [0]
    hub.told(leeds, old=0)
    assert hub.news(leeds)["prove_from"] == []
    assert late.looks(hub)[0]
    assert prompt.looks(hub)[0]
    assert set(signed_of(hub, leeds).values()) == {10}


def test_a_coordinator_that_lost_its_state_hears_from_a_witness_how_far_the_log_was(tmp_path):
    leeds, york = Logbook().grow(9), Logbook()
    hub, other = Hub(tmp_path / "hub.db", leeds, york), Other(tmp_path / "york.db", york)
    hub.told(leeds)
    other.looks(hub)
    anew = Hub(tmp_path / "anew.db", leeds, york)
    back = leeds.forked(5)
    anew.told(back)  # the node was put back too, and the coordinator cannot tell
    assert [(word.size, word.root) for word, _ in other.looks(anew)[0]] == [(9, leeds.root())]
    assert signed_of(anew, leeds)[york.name] == 9  # which the node is told: it signed that itself
    anew = Hub(tmp_path / "third.db", leeds, york)
    anew.told(leeds.grow(2))  # an honest node, further on
    other.looks(anew)
    assert anew.news(leeds)["prove_from"] == [9]
    anew.told(leeds, old=9)
    other.looks(anew)
    assert signed_of(anew, leeds)[york.name] == 11


def test_a_witness_signs_no_fork_though_the_coordinator_shows_it_one(tmp_path):
    leeds, york = Logbook().grow(9), Logbook()
    hub, other = Hub(tmp_path / "hub.db", leeds, york), Other(tmp_path / "york.db", york)
    hub.told(leeds)
    other.looks(hub)
    forked = leeds.forked(6).grow(6, "another")
    for content in (forked.checkpoint(9), forked.checkpoint(9, path=leeds.grow(3).word(9).path)):
        shown = {"key": leeds.public.text, "checkpoint": base64.b64encode(content).decode(), "asked": ""}
        words, ignored = other.witnessed.look([shown], at=AT)
        assert (words, [error.code for error in ignored]) == ([], ["audit-tampered"])
    assert other.witnessed.held(leeds.name)[:2] == (9, leeds.root(9))
    hub.told(leeds, old=9)  # the control: what does continue is signed
    assert other.looks(hub)[0]


def test_who_asks_is_answered_once_by_whom_it_asked_with_what_that_one_saw(tmp_path):
    logs = sorted((Logbook().grow(3) for _ in range(5)), key=lambda log: log.name)
    leeds, pinned = logs[0], logs[4]  # not among its next two
    hub, other = Hub(tmp_path / "hub.db", *logs), Other(tmp_path / "pinned.db", pinned)
    hub.ask(leeds, pinned, "ab" * 32)
    (never,) = other.looks(hub)[0]
    assert (never[0].size, never[0].nonce, never[1]) == (0, "ab" * 32, b"")
    content = hub.told(leeds)
    (first,) = other.looks(hub)[0]
    assert (first[0].size, first[0].nonce) == (3, "")  # it goes on being shown this log
    hub.ask(leeds, pinned, "cd" * 32)
    (fresh,) = other.looks(hub)[0]
    assert (fresh[0].size, fresh[0].root, fresh[0].nonce, fresh[1]) == (3, leeds.root(), "cd" * 32, content)
    assert other.looks(hub) == ([], [])


def test_nobody_can_say_of_a_log_what_its_node_did_not(hub, leeds):
    york = Logbook()
    forged = Logbook().grow(90)
    word = forged.word()
    content = cosign(leeds.name, (word, forged.checkpoint()), york.key, at=AT)
    assert code_of(hub.checkpoints.note, Said(york.public, content), leeds.public) == "signature-wrong"
    lying = cosign(leeds.name, (leeds.word(size=90), leeds.checkpoint()), york.key, at=AT)
    assert code_of(hub.checkpoints.note, Said(york.public, lying), leeds.public) == "signature-wrong"
    honest = cosign(leeds.name, (leeds.word(), leeds.checkpoint()), york.key, at=AT)
    assert code_of(hub.checkpoints.note, Said(york.public, honest), forged.public) == "message-malformed"
    assert code_of(hub.checkpoints.note, Said(forged.public, honest), leeds.public) == "signature-wrong"
    hub.checkpoints.note(Said(york.public, honest), leeds.public)  # the control


def test_what_an_earlier_version_kept_is_continued(hub, leeds):
    """There a checkpoint was a notice: it cannot be read as a word, but its size and root count."""
    notice = Envelope.seal(leeds.key, "notice", {"kind": "checkpoint", "size": 7}).encode()
    with hub.checkpoints._database.transaction() as write:
        write.execute("INSERT INTO checkpoint VALUES (?, 7, ?, ?)", [leeds.name, leeds.root(), AT])
        write.execute("INSERT INTO newest_checkpoint VALUES (?, 7, ?)", [leeds.name, notice])
    assert hub.news(leeds)["prove_from"] == [7]
    leeds.grow(3)
    assert code_of(hub.told, leeds) == "proof-wanted"
    hub.told(leeds, old=7)
    assert hub.news(leeds)["prove_from"] == []


def test_a_node_names_only_so_many_witnesses(hub, leeds):
    for i in range(MOST_ASKED):
        hub.ask(leeds, Logbook(), f"{i:064x}")
    assert code_of(hub.ask, leeds, Logbook(), "ab" * 32) == "message-malformed"
