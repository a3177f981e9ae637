"""An insider puts an old state back and the coordinator says nothing: whoever the policy pins still knows better."""

import datetime
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from node.assemble import open_node
from node.clock import stamp
from node.forfeit import forfeit_budget
from node.offline import ANSWER, QUESTION, asked_in, bring_answer, vouch
from node.people import open_key
from node.policy import Pinned
from node.witness import MAY_LAG, Cosigned, witness_of
from privacy.errors import Refusal, Tampered
from privacy.recount import recount
from privacy.release import Notice, Release, decode
from privacy.signing import PublicKey
from privacy.witnessing import Said, cosign
from tests.approved import FINDER, PASSPHRASE, approved
from tests.logbook import Logbook
from tests.nodes import NOW
from tests.served import Keeper, Peer, Serving, Witnesses

ROUND = {"round": np.array([0.0])}
OTHER = {"round": np.array([1.0])}
ALL = {"checkpoint", "cosigned", "prove_from", "logs"}


class Place:
    """A node whose policy pins other nodes, their hub, and a copy of the node's directory from before."""

    def __init__(self, path, monkeypatch, pinned=1):
        self.path, self.monkeypatch = path, monkeypatch
        self.here = approved(path)
        self.home = self.here.node.home
        keys = {n: open_key(path / "keys" / f"{n}.key", PASSPHRASE, home=self.home) for n in ("ada", "ben")}
        self.keys = keys
        self.peers = [Peer(path / f"peer-{i}.db", Logbook()) for i in range(pinned)]
        witnesses = tuple(Pinned(f"peer-{i}", peer.log.public.text) for i, peer in enumerate(self.peers))
        policy = replace(self.here.node.policy, witnesses=witnesses)
        self.here.node.policies.accept(policy, keys, now=stamp(NOW))
        self.hub = Witnesses(path / "hub.db", PublicKey.of(self.here.node.key), *self.peers)
        self.here.node.database.close()

    def serving(self, hub=None):
        node = open_node(self.home, {}, lambda: NOW, finder=FINDER)
        return Serving(node, hub or self.hub, self.monkeypatch)

    def copied(self):
        old = self.path / "yesterday"
        shutil.copytree(self.home, old)
        return old

    def put_back(self, old):
        shutil.rmtree(self.home)
        shutil.copytree(old, self.home)

    def answers_once(self, state=ROUND):
        """Serve, answer a request, and have everybody who is there know of it; return the answer."""
        at_work, sent = self.serving(), []

        def ask():
            assert at_work.connected.wait(10)
            at_work.answers(self.here.request(1, state), sent.append)
            self.until_known(at_work.node)

        assert at_work.runs(ask) == []
        at_work.node.database.close()
        return decode(sent[0], PublicKey.of(self.here.node.key))

    def until_known(self, node):
        for _ in range(200):
            if all(peer.witnessed.held(node.fingerprint)[0] == node.audit.size for peer in self.peers if peer.there):
                return
            threading_wait()
        raise AssertionError

    def keep(self):
        """Return a file with the newest checkpoint, as a person would have kept it."""
        file = self.path / "kept.checkpoint"
        file.write_bytes(self.hub.checkpoints.newest(PublicKey.of(self.here.node.key).fingerprint))
        return file


def threading_wait():
    import time

    time.sleep(0.05)


@pytest.fixture
def place(tmp_path, monkeypatch):
    return Place(tmp_path, monkeypatch)


def never_answers(at_work):
    assert at_work.runs(lambda: at_work.connected.wait(1)) == []
    assert not at_work.connected.is_set()


def test_a_pinned_node_notices_an_old_state_though_the_coordinator_withholds_its_copy(place):
    old = place.copied()
    assert isinstance(place.answers_once(), Release)
    place.put_back(old)
    place.hub.withholds = {"checkpoint"}
    again = place.serving()
    assert again.runs(lambda: again.stop.wait(10)) == ["state-behind"]
    assert not again.connected.is_set()


def test_control_without_a_pinned_node_the_same_place_is_answered_anew(tmp_path, monkeypatch):
    place = Place(tmp_path, monkeypatch, pinned=0)
    old = place.copied()
    assert isinstance(place.answers_once(), Release)
    place.put_back(old)
    place.hub.withholds = ALL
    assert isinstance(place.answers_once(OTHER), Release)  # a second answer to one place


def test_with_everything_withheld_nothing_is_answered(place):
    old = place.copied()
    place.answers_once()
    place.put_back(old)
    place.hub.withholds = ALL
    never_answers(place.serving())


def test_an_answer_to_an_earlier_start_admits_nobody(place):
    old = place.copied()
    name = PublicKey.of(place.here.node.key).fingerprint
    first = place.serving()
    assert first.runs(lambda: first.connected.wait(10)) == []
    (early,) = [said for said in place.hub.checkpoints.cosigned(name) if said.key == place.peers[0].log.public]
    place.answers_once()
    place.put_back(old)
    place.hub.withholds = {"checkpoint"}
    place.hub.told = lambda _: {"cosigned": [early.document()], "logs": [], "prove_from": []}
    never_answers(place.serving())


def test_most_of_the_pinned_are_needed_so_that_any_two_starts_share_one(tmp_path, monkeypatch):
    place = Place(tmp_path, monkeypatch, pinned=3)
    place.peers[0].there = place.peers[1].there = False
    never_answers(place.serving())
    place.peers[1].there = True
    assert isinstance(place.answers_once(), Release)


def test_a_stranger_s_word_does_not_count(place):
    place.peers[0].there = False
    stranger = Peer(place.path / "stranger.db", Logbook())
    place.hub.keys[stranger.log.name] = stranger.log.public
    place.hub.peers = (*place.hub.peers, stranger)
    never_answers(place.serving())


def asked_while_it_waits(place, act):
    """Serve with every other node away; ``act`` on the question that is left for a person."""
    place.peers[0].there = False
    at_work = place.serving()
    done = []

    def person_comes():
        for _ in range(200):
            if (place.home / QUESTION).exists():
                break
            threading_wait()
        done.append(act(*asked_in(place.home / QUESTION)))
        at_work.connected.wait(2)

    assert at_work.runs(person_comes) == []
    (place.home / QUESTION).unlink(missing_ok=True)
    return at_work, done[0]


def test_a_person_who_kept_a_checkpoint_can_say_so_instead(place):
    place.answers_once()
    kept = place.keep()

    def answer(question, node):
        newest, content = vouch(question, node, [kept], place.keys["ada"], at=stamp(NOW))
        file = place.path / "word"
        file.write_bytes(content)
        bring_answer(place.home, file)
        return newest

    at_work, newest = asked_while_it_waits(place, answer)
    assert at_work.connected.is_set()
    assert newest.size > 0
    assert not (place.home / ANSWER).exists()

    def answer_again(*_):  # with the same file: another start asked
        bring_answer(place.home, place.path / "word")

    assert not asked_while_it_waits(place, answer_again)[0].connected.is_set()


def test_the_person_notices_an_old_state_before_they_sign(place):
    old = place.copied()
    place.answers_once()
    kept = place.keep()
    place.put_back(old)
    place.hub.withholds = ALL

    def refuse(question, node):
        with pytest.raises(Tampered, match="state-behind"):
            vouch(question, node, [kept], place.keys["ada"], at=stamp(NOW))

    assert not asked_while_it_waits(place, refuse)[0].connected.is_set()


@pytest.mark.parametrize("who", ["somebody", "ada, who kept nothing"])
def test_nobody_else_can_and_nobody_without_a_checkpoint(place, who):
    place.answers_once()
    content = place.keep().read_bytes()

    def answer(question, node):
        key = Logbook().key if who == "somebody" else place.keys["ada"]
        from privacy.witnessing import read_word

        seen = (read_word(content, node), content) if who == "somebody" else None
        said = Said(PublicKey.of(key), cosign(node.fingerprint, seen, key, at=stamp(NOW), nonce=question.nonce))
        (place.home / ANSWER).write_text(json.dumps(said.document()))

    assert not asked_while_it_waits(place, answer)[0].connected.is_set()


def test_with_nobody_left_two_people_give_up_the_budget_and_nothing_is_charged_any_more(place):
    old = place.copied()
    place.answers_once()
    place.put_back(old)
    place.hub = Keeper()  # nobody knows anything any more
    never_answers(place.serving())
    node = open_node(place.home, {}, lambda: NOW, finder=FINDER)
    parts, more = (node.database, node.audit, node.ledger, node.policy), {"node": node.fingerprint, "now": NOW}
    with pytest.raises(Refusal, match="same-person-twice"):
        forfeit_budget(*parts, {"ada": place.keys["ada"]}, **more)
    spent = forfeit_budget(*parts, place.keys, **more)
    assert recount(node.audit.events())["training", "outside"].units == spent["training"]["outside"]
    ceilings = node.policy.ceilings()
    assert all(views == ceilings for views in spent.values())
    node.verify()
    node.database.close()
    at_work, sent = place.serving(), []

    def ask():
        assert at_work.connected.wait(10)
        at_work.answers(place.here.request(1, OTHER), sent.append)

    assert at_work.runs(ask) == []
    refused = decode(sent[0], PublicKey.of(place.here.node.key))
    assert isinstance(refused, Notice)
    assert refused.code in {"budget-exhausted", "study-not-runnable"}


def test_requests_wait_when_the_log_is_ahead_of_its_witnesses_for_too_long(place):
    place.answers_once()
    node = open_node(place.home, {}, lambda: NOW, finder=FINDER)
    watch = witness_of(node)
    later = [NOW + MAY_LAG * i / 2 for i in range(8)]
    assert not watch.overdue(later[0])
    node.governance.register.pause(at=stamp(NOW))
    assert [watch.overdue(now) for now in later[1:5]] == [False, False, True, True]
    place.hub.node = PublicKey.of(node.key)
    (word,) = [word for word in watch.words(node.sign_log()) if word.old == 0]
    content = seal_as(node, word)
    (peer,) = place.peers
    said = Said(peer.log.public, cosign(node.fingerprint, (word, content), peer.log.key, at=stamp(NOW)))
    Cosigned(node.database, node.audit).hear(said)
    assert not watch.overdue(later[5])
    assert later[-1] - later[0] > datetime.timedelta(minutes=30)


def ahead(place):
    """Return a node whose log was signed by its witness, and went on since."""
    place.answers_once()
    node = open_node(place.home, {}, lambda: NOW, finder=FINDER)
    node.governance.register.pause(at=stamp(NOW))
    return node


def test_a_restart_gives_nobody_another_quarter_of_an_hour(place):
    """Else a coordinator that withholds the witnesses' words had a node answer for ever, and then an old state."""
    node, late = ahead(place), NOW + MAY_LAG + datetime.timedelta(minutes=1)
    assert not witness_of(node).overdue(NOW)  # the control: the leaf is new
    assert witness_of(node).overdue(late)


def test_a_length_that_was_edited_beside_a_co_signature_is_not_believed(place):
    node, late = ahead(place), NOW + MAY_LAG + datetime.timedelta(minutes=1)
    with node.database.transaction() as connection:
        connection.execute("UPDATE cosigned SET size = 1000000")
    assert witness_of(node).overdue(late)


def seal_as(node, word):
    from privacy.witnessing import seal

    return seal(word, node.key)
