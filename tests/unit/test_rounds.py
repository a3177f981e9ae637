"""The round loop with nodes that are silent, wrong, lying or refusing, and with a coordinator that is killed."""

import datetime
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import journal as journals
from coordinator.asked import ATTEMPTS
from coordinator.federation.in_process import InProcessGrid
from coordinator.journal import Journal
from coordinator.rounds import Stopped, run_study
from models.variables import batches
from privacy.canonical import sha256
from privacy.computation import Ask
from privacy.durable import Database
from privacy.errors import HedgerowError, Refusal, Tampered
from privacy.private_sum import PrivateSum
from privacy.release import Notice, Release, encode
from privacy.request import Request
from privacy.signing import PublicKey
from tests.builders import FINDER, NOW, books, plan_of, random_table, small_study

WHEN = datetime.datetime.fromisoformat(NOW)
PLANNED = 7  # second moments, five gradients, one histogram


class Killed(BaseException):
    """The coordinator is gone."""


class Node:
    """Answers as a real one does: charges, computes, stores, replies; ``asked`` lists the places it was asked."""

    def __init__(self, home, seed, coordinator):
        home.mkdir()
        self.key = Ed25519PrivateKey.generate()
        self.public = PublicKey.of(self.key)
        self.name = self.public.fingerprint
        self.books = books(home, ceiling=10**14, node=self.name)
        self.coordinator = coordinator
        self.table = random_table(200, seed=seed)
        self.asked = []

    def release(self, content, *, place=None, study=None, mechanism=None, request=None):
        asked = Request.decode(content, self.coordinator)
        place = place or self.plan.places[asked.place]
        if mechanism:
            place = replace(place, mechanism=mechanism)
        charge = self.books.ledger.charge(study or asked.study, place, request or asked.hash, at=NOW)
        if charge.released:
            return charge.released
        step = self.plan.study.step(place.step)
        private = PrivateSum(place.mechanism)
        for batch in batches(self.table, self.plan.study.variables):
            ask = Ask(place.sum, asked.state())
            rows = FINDER.find(step.use).contributions(self.plan.study.parameters(step), ask, batch)
            private.add(rows, people=batch.people)
        return self.books.ledger.settle(charge, private.noised(), data=("visits@1",), optouts="l")

    def answer(self, content):
        self.asked.append(Request.decode(content, self.coordinator).place)
        return encode(self.release(content), self.key)

    def refuse(self, code):
        return encode(Notice("refused", self.name, self.plan.study.hash, 1, code), self.key)


@pytest.fixture
def hub(tmp_path):
    """Return three nodes and a coordinator; ``run()`` runs the study, ``handlers`` are what the nodes do."""
    key = Ed25519PrivateKey.generate()
    nodes = [Node(tmp_path / f"n{i}", i, PublicKey.of(key)) for i in range(3)]
    invited = [{"name": f"site {i}", "fingerprint": node.name} for i, node in enumerate(nodes)]
    study = small_study(invited=invited)
    for node in nodes:
        node.plan = plan_of(study)
    handlers = {node.name: node.answer for node in nodes}

    def run(journal="j", roster=None, deadline=20.0, progress=lambda _: None, **changes):
        database = Database(tmp_path / f"{journal}.db", journals.SCHEMA)
        arguments = {
            "study": study,
            "finder": FINDER,
            "grid": InProcessGrid(handlers),
            "key": key,
            "roster": {node.name: node.public for node in (nodes if roster is None else roster)},
            "journal": Journal(database),
            "deadline_seconds": deadline,
            "now": lambda: WHEN,
            "progress": progress,
            "stop": threading.Event(),
        }
        return run_study(**arguments | changes)

    return SimpleNamespace(nodes=nodes, handlers=handlers, run=run, key=key, study=study, plan=plan_of(study))


def weights_of(outcome):
    return outcome.results["risk"].arrays["weights"].tobytes()


def spent(node):
    return {a.part: a.spent for a in node.books.ledger.accounts()}


def refused(hub, **arguments):
    with pytest.raises(HedgerowError) as caught:
        hub.run(**arguments)
    return caught.value


def test_a_run_asks_each_planned_place_once_of_everybody(hub):
    seen = []
    outcome = hub.run(progress=seen.append)
    assert outcome.exchanges == PLANNED
    assert len(outcome.receipts) == PLANNED * 3
    firsts = [p.index for p in hub.plan.places[1:] if p.occurrence < 5 and (p.sum == "gradient" or not p.occurrence)]
    assert all(node.asked == firsts for node in hub.nodes)
    assert set(outcome.results) == {"risk", "evaluation"}
    assert {r.node for r in outcome.receipts} == {node.name for node in hub.nodes}
    assert seen[0].planned == PLANNED
    assert seen[-1].done == PLANNED - 1
    for node in hub.nodes:
        node.books.ledger.verify(node.books.ceilings)
        node.books.audit.verify()


def test_nobody_is_asked_below_the_quorum(hub):
    assert refused(hub, roster=hub.nodes[:1]).code == "quorum-lost"
    assert not any(node.asked for node in hub.nodes)


def test_a_node_that_is_revoked_in_the_middle_is_in_no_request_after_that(hub):
    gone, revoked, rosters = hub.nodes[0], set(), []

    def listening(node):
        def answer(content):
            rosters.append(Request.decode(content, PublicKey.of(hub.key)).roster)
            if len(gone.asked) == 2:
                revoked.add(gone.name)
            return node.answer(content)

        return answer

    hub.handlers.update({node.name: listening(node) for node in hub.nodes})
    outcome = hub.run(revoked=lambda: revoked)
    assert outcome.exchanges == PLANNED
    assert len(gone.asked) in {2, 3}  # the exchange that was under way may have asked it already
    counted = {r.place for r in outcome.receipts if r.node == gone.name}
    assert counted <= set(gone.asked)
    assert [gone.name in roster for roster in rosters[-6:]] == [False] * 6
    again = hub.run(revoked=lambda: revoked)  # the journal counts what it answered before
    assert weights_of(again) == weights_of(outcome)


def test_too_few_without_the_revoked_lose_the_quorum_and_nobody_is_asked(hub):
    names = {node.name for node in hub.nodes}
    fault = refused(hub, revoked=lambda: set(list(names)[: len(names) - hub.study.privacy.quorum + 1]))
    assert fault.code == "quorum-lost"
    said = fault.detail.split(", ")
    assert len(said) == len(names) - hub.study.privacy.quorum + 1
    assert set(said) < {f"site {i}: node-revoked" for i in range(3)}
    assert not any(node.asked for node in hub.nodes)


def test_a_quorum_is_enough_and_those_who_failed_are_left_out_from_then_on(hub):
    first = hub.nodes[0]
    hub.handlers[first.name] = lambda _: first.refuse("node-paused")
    outcome = hub.run()
    assert len(outcome.receipts) == PLANNED * 2
    assert first.asked == []
    for node in hub.nodes[1:]:
        assert len(node.asked) == PLANNED


def test_a_silent_node_is_asked_again_with_the_same_bytes(hub):
    first, silent, sent = hub.nodes[0], 2, []

    def late(content):
        sent.append(content)
        if len(sent) <= silent:
            raise_timeout(hub)
        return first.answer(content)

    hub.handlers[first.name] = late
    outcome = hub.run(grid=Dropping(hub.handlers))
    assert len(outcome.receipts) == PLANNED * 3
    assert sent[0] == sent[1] == sent[2]


class Silent(Exception):
    """A node that does not answer."""


def raise_timeout(_):
    raise Silent


class Dropping(InProcessGrid):
    """A grid on which a node that raises is silent."""

    def exchange(self, requests, *, deadline_seconds, stop=None):
        for node, content in requests.items():
            try:
                yield node, self._handlers[node](content)
            except Silent:
                continue


def test_a_place_without_a_quorum_costs_a_spare_and_the_study_goes_on(hub):
    """Two of three are away for the first gradient: it is asked again at the next place, and charged again."""
    gradients = [p.index for p in hub.plan.of("risk", "gradient")]
    away = gradients[0]

    def absent(node):
        def handler(content):
            if Request.decode(content, node.coordinator).place == away:
                raise_timeout(hub)
            return node.answer(content)

        return handler

    for node in hub.nodes[1:]:
        hub.handlers[node.name] = absent(node)
    outcome = hub.run(grid=Dropping(hub.handlers))
    assert outcome.exchanges == PLANNED
    assert hub.nodes[0].asked[1:7] == gradients
    assert hub.nodes[1].asked[1:6] == gradients[1:]
    assert spent(hub.nodes[0])["training"] == spent(hub.nodes[1])["training"] + hub.plan.places[away].mechanism.cost


@pytest.mark.parametrize("lost", [1, 3, 5])
def test_when_the_spares_are_gone_the_place_stays_open_and_the_next_run_goes_on(hub, lost):
    """A node away for longer than the spares last must not cost the places of later rounds."""
    gradients = [p.index for p in hub.plan.of("risk", "gradient")]
    spares = hub.study.privacy.spares
    away = gradients[lost - 1 : lost + spares]
    there = dict(hub.handlers)

    def absent(node):
        def handler(content):
            if Request.decode(content, node.coordinator).place in away:
                raise_timeout(hub)
            return node.answer(content)

        return handler

    for node in hub.nodes[1:]:
        hub.handlers[node.name] = absent(node)
    with pytest.raises(Refusal, match="quorum-lost"):
        hub.run(grid=Dropping(hub.handlers))
    assert max(hub.nodes[0].asked) == away[-1]
    hub.handlers.update(there)
    outcome = hub.run()
    assert outcome.exchanges == PLANNED
    assert spent(hub.nodes[0])["training"] <= hub.plan.cost("training")
    for node in hub.nodes:
        node.books.ledger.verify(node.books.ceilings)


def test_refusals_are_listed_by_code(hub):
    for node, code in zip(hub.nodes, ("study-not-approved", "node-paused", "budget-exhausted"), strict=True):
        hub.handlers[node.name] = lambda _, node=node, code=code: node.refuse(code)
    error = refused(hub)
    assert error.code == "quorum-lost"
    assert error.detail == "site 0: study-not-approved, site 1: node-paused, site 2: budget-exhausted"


def forged(node, **change):
    """Return a node that computes as it should, and signs a receipt that says something else."""

    def handler(content):
        paid = node.release(content)
        values = {k: v(node, content) if callable(v) else v for k, v in change.items()}
        body = values.pop("content", paid.content)
        return encode(Release(replace(paid.receipt, **values, released=sha256(body)), body), node.key)

    return handler


def another_study(node):
    return forged(node, study="sha256:" + "0" * 64)


def another_place(node):
    return forged(node, place=3)


def another_request(node):
    return forged(node, request="sha256:" + "0" * 64)


def less_noise(node):
    return forged(node, mechanism={"name": "discrete-gaussian", "width": 3, "clip": 0.6, "sigma_squared": 9})


def another_width(node):
    return forged(node, content=b"\0" * 8)


def another_s_key(node):
    return lambda content: encode(node.release(content), Ed25519PrivateKey.generate())


def noise_on_the_line(node):
    return lambda content: content[::-1]


def an_echo(node):
    return lambda content: content


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (another_study, "release-unexpected"),
        (another_place, "release-unexpected"),
        (another_request, "release-unexpected"),
        (less_noise, "release-unexpected"),
        (another_width, "message-malformed"),
        (another_s_key, "signature-wrong"),
        (noise_on_the_line, "message-malformed"),
        (an_echo, "message-malformed"),
    ],
)
def test_an_answer_to_anything_else_is_not_counted(hub, lie, code):
    liar, *honest = hub.nodes
    hub.handlers[liar.name] = lie(liar)
    outcome = hub.run()
    assert {receipt.node for receipt in outcome.receipts} == {node.name for node in honest}
    for node in honest:
        hub.handlers[node.name] = lie(node)
    error = refused(hub, journal="another")
    assert (error.code, code in error.detail) == ("quorum-lost", True)


def test_a_replayed_answer_of_another_node_is_not_counted(hub):
    first, second, third = hub.nodes
    kept = {}

    def remember(content):
        return kept.setdefault(Request.decode(content, first.coordinator).place, second.answer(content))

    hub.handlers[second.name] = remember
    hub.handlers[third.name] = remember  # answers with the second's bytes
    outcome = hub.run(grid=Dropping(hub.handlers))
    assert {receipt.node for receipt in outcome.receipts} == {first.name, second.name}


# Killed, and run again


def killed_after(hub, exchanges, journal="j"):
    def progress(seen):
        if seen.done == exchanges and not seen.waiting:
            raise Killed

    with pytest.raises(Killed):
        hub.run(journal=journal, progress=progress)


@pytest.mark.parametrize("exchanges", [0, 1, 3, 6])
def test_after_a_kill_nothing_that_was_answered_is_asked_again(hub, exchanges):
    killed_after(hub, exchanges)
    before = {node.name: list(node.asked) for node in hub.nodes}
    outcome = hub.run()
    for node in hub.nodes:
        assert node.asked[: len(before[node.name])] == before[node.name]
        assert len(node.asked) == len(set(node.asked)) == PLANNED
    assert outcome.exchanges == PLANNED
    asked = [list(node.asked) for node in hub.nodes]
    again = hub.run()
    assert [list(node.asked) for node in hub.nodes] == asked  # asks nothing at all
    assert weights_of(again) == weights_of(outcome)
    assert again.receipts == outcome.receipts
    assert again.results["evaluation"].facts == outcome.results["evaluation"].facts


def test_a_kill_between_two_answers_asks_only_the_other_nodes(hub):
    def progress(seen):
        if seen.done == 2 and seen.answered == 1:
            raise Killed

    with pytest.raises(Killed):
        hub.run(progress=progress, grid=Dropping(hub.handlers))
    hub.run()
    for node in hub.nodes:
        assert len(node.asked) == len(set(node.asked)) == PLANNED


def test_an_answer_that_comes_after_its_place_was_given_up_changes_nothing(hub):
    """The spare was asked with the first weights. Were the given-up place to close late, after a restart, the spare
    would be taken for the next question: an answer at the first weights, absorbed at the second."""
    gradients = [p.index for p in hub.plan.of("risk", "gradient")]
    absent = {gradients[0]}

    def sometimes(node):
        def handler(content):
            if Request.decode(content, node.coordinator).place in absent:
                raise_timeout(hub)
            return node.answer(content)

        return handler

    for node in hub.nodes[1:]:
        hub.handlers[node.name] = sometimes(node)

    def progress(seen):
        if seen.title.endswith("gradient 2") and seen.answered == 1:
            raise Killed

    with pytest.raises(Killed):
        hub.run(progress=progress, grid=Dropping(hub.handlers))
    absent.clear()  # now everybody would answer the first place
    outcome = hub.run(grid=Dropping(hub.handlers))
    counted = {r.place for r in outcome.receipts if r.place in gradients}
    assert counted == set(gradients[1:])
    asked_with = {}
    database = Database(hub.nodes[0].books.path.parent / "j.db", journals.SCHEMA)
    for row in database.rows("SELECT place, request FROM exchange WHERE study = ?", [hub.study.hash]):
        if row["place"] in gradients:
            asked_with[row["place"]] = Request.decode(row["request"], PublicKey.of(hub.key)).state()["weights"]
    assert np.array_equal(asked_with[gradients[0]], asked_with[gradients[1]])  # the spare: the same question
    assert not np.array_equal(asked_with[gradients[1]], asked_with[gradients[2]])


def test_when_the_last_spare_fails_the_run_can_go_on_later(hub):
    evaluation = [p.index for p in hub.plan.of("evaluation", "scores-by-outcome")]
    away = set(evaluation)

    def sometimes(node):
        def handler(content):
            if Request.decode(content, node.coordinator).place in away:
                raise_timeout(hub)
            return node.answer(content)

        return handler

    for node in hub.nodes[1:]:
        hub.handlers[node.name] = sometimes(node)
    grid = Dropping(hub.handlers)
    assert refused(hub, grid=grid).code == "quorum-lost"
    away.clear()
    outcome = hub.run(grid=grid)
    assert {r.place for r in outcome.receipts if r.place in evaluation} == {evaluation[-1]}


def test_a_request_that_stands_for_nodes_now_unknown_is_refused_and_no_crash(hub):
    killed_after(hub, 1)
    assert refused(hub, roster=hub.nodes[:2]).code == "roster-wrong"


def test_a_silent_roster_gives_up_after_its_attempts(hub):
    sent = []

    def silent(content):
        sent.append(content)
        raise_timeout(hub)

    for node in hub.nodes:
        hub.handlers[node.name] = silent
    error = refused(hub, grid=Dropping(hub.handlers))
    assert (error.code, error.detail) == ("quorum-lost", "no answer before the deadline")
    assert len(sent) == ATTEMPTS * 3 * 2  # three nodes; the place and its spare
    assert isinstance(error, Refusal)


# Who comes back, what was damaged, who was asked


def test_a_node_left_out_of_one_step_is_asked_again_at_the_next_and_not_before(hub):
    gone, *others = hub.nodes
    moments = hub.plan.places[1].index

    def away_at_first(content):
        if Request.decode(content, gone.coordinator).place == moments:
            raise_timeout(hub)
        return gone.answer(content)

    hub.handlers[gone.name] = away_at_first
    outcome = hub.run(grid=Dropping(hub.handlers))
    (evaluation,) = {r.place for r in outcome.receipts if hub.plan.places[r.place].step == "evaluation"}
    assert gone.asked == [evaluation]
    assert len(others[0].asked) == PLANNED
    again = hub.run()  # the same from the journal
    assert weights_of(again) == weights_of(outcome)
    assert again.receipts == outcome.receipts


def database_of(hub, journal="j"):
    return Database(hub.nodes[0].books.path.parent / f"{journal}.db", journals.SCHEMA)


def damage(hub, query, *values):
    with database_of(hub).transaction() as write:
        assert write.execute(query, values).rowcount == 1


@pytest.mark.parametrize("damaged", [b"", b"x", "cut"])
@pytest.mark.parametrize("counted", [True, False])
def test_a_damaged_answer_is_dropped_and_the_node_repeats_it_at_no_charge(hub, damaged, counted):
    killed_after(hub, 2 if counted else 1)
    node, place = hub.nodes[1], hub.plan.places[1].index
    before, paid, asked = node.books.ledger.charges(), spent(node), len(node.asked)
    (content,) = database_of(hub).one("SELECT content FROM answer WHERE node = ? AND place = ?", [node.name, place])
    broken = content[:-7] if damaged == "cut" else damaged
    damage(hub, "UPDATE answer SET content = ? WHERE node = ? AND place = ?", broken, node.name, place)
    outcome = hub.run()
    assert outcome.exchanges == PLANNED
    assert len(outcome.receipts) == PLANNED * 3
    assert node.asked[asked] == place  # asked once more, and charged once
    assert node.books.ledger.charges()[: len(before)] == before
    assert spent(node)["training"] >= paid["training"]
    kept = database_of(hub).one("SELECT content FROM answer WHERE node = ? AND place = ?", [node.name, place])
    assert kept["content"] == content
    assert [len(other.asked) for other in hub.nodes if other is not node] == [PLANNED] * 2


def test_a_counted_answer_that_its_node_does_not_repeat_stops_the_run_until_it_does(hub):
    killed_after(hub, 2)
    node, place = hub.nodes[1], hub.plan.places[1].index
    damage(hub, "UPDATE answer SET content = x'00' WHERE node = ? AND place = ?", node.name, place)
    hub.handlers[node.name] = raise_timeout
    grid = Dropping(hub.handlers)
    error = refused(hub, grid=grid)
    assert (type(error), error.code) == (Tampered, "journal-answer-lost")
    assert error.detail.endswith(": site 1")
    hub.handlers[node.name] = node.answer
    assert hub.run().exchanges == PLANNED


@pytest.mark.parametrize("damaged", [b"", b"nonsense", "other"])
def test_a_damaged_request_stops_the_run_before_anybody_is_asked(hub, damaged):
    killed_after(hub, 1)
    place = hub.plan.places[1].index
    other = Request.of(hub.study.hash, place + 1, tuple(node.name for node in hub.nodes), {}).encode(hub.key)
    content = other if damaged == "other" else damaged
    damage(hub, "UPDATE exchange SET request = ? WHERE place = ?", content, place)
    asked = [len(node.asked) for node in hub.nodes]
    error = refused(hub)
    assert (type(error), error.code) == (Tampered, "journal-request-damaged")
    assert [len(node.asked) for node in hub.nodes] == asked


def test_who_was_asked_when_and_what_came_of_it_is_kept(hub):
    first, second, third = hub.nodes
    hub.handlers[first.name] = lambda _: first.refuse("node-paused")
    tries = []

    def late(content):
        tries.append(content)
        if len(tries) == 1:
            raise_timeout(hub)
        return second.answer(content)

    hub.handlers[second.name] = late
    hub.run(grid=Dropping(hub.handlers))
    place = hub.plan.places[1].index
    contacts = {c.node: c for c in Journal(database_of(hub)).contacts(hub.study.hash, place)}
    assert {name: (c.state, c.code, c.asks) for name, c in contacts.items()} == {
        first.name: ("refused", "node-paused", 1),
        second.name: ("answered", "", 2),
        third.name: ("answered", "", 1),
    }
    assert all(c.asked_at == c.ended_at == NOW and c.title == hub.plan.places[1].title for c in contacts.values())


def test_a_silent_node_stays_in_the_history_as_silent(hub):
    hub.handlers[hub.nodes[0].name] = raise_timeout
    hub.run(grid=Dropping(hub.handlers))
    contact = next(c for c in Journal(database_of(hub)).contacts(hub.study.hash) if c.node == hub.nodes[0].name)
    assert (contact.state, contact.asks, contact.seconds) == ("silent", ATTEMPTS, None)


def test_a_stop_ends_a_run_that_waits_and_it_goes_on_from_there(hub):
    stop, gate = threading.Event(), threading.Event()

    def waits(content):
        stop.set()
        gate.wait(20)
        return hub.nodes[0].answer(content)

    hub.handlers[hub.nodes[0].name] = waits
    with pytest.raises(Stopped):
        hub.run(stop=stop)
    gate.set()
    hub.handlers[hub.nodes[0].name] = hub.nodes[0].answer
    assert hub.run().exchanges == PLANNED
    assert all(len({*node.asked}) == PLANNED for node in hub.nodes)
