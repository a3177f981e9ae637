"""A ledger goes to one other node and is counted there once; whatever is wrong with the statement changes nothing."""

import dataclasses
import json
import sqlite3

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import sha256
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered
from privacy.handover import STATEMENT, SignedStatement
from privacy.release import Receipt, Release, encode
from privacy.signing import PublicKey, sign
from privacy.spending import VIEWS
from tests.builders import NOW, a_place, books, reopened

STUDY = "sha256:" + "1" * 64
SPLIT = "sha256:" + "5" * 64
COST = a_place().mechanism.cost
GENUINE = {
    "study": STUDY,
    "place": 7,
    "title": "a sum",
    "people": "training",
    "mechanism": a_place().mechanism.document(),
    "cost_outside": COST,
    "cost_coordinator": COST,
    "request": "a",
    "data": ("visits@1",),
    "optouts": "list-1",
    "charged_at": NOW,
    "audit_leaf": 7,
    "released": sha256(b""),
}
ADA, BEN = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


@pytest.fixture
def two(tmp_path):
    """Return two nodes' books: the one that hands over, with one place over each part charged, and the other."""
    key = Ed25519PrivateKey.generate()
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old = books(tmp_path / "old", node=PublicKey.of(key).fingerprint, key=key)
    new = books(tmp_path / "new", node="cd" * 20)
    old.ledger.charge(STUDY, a_place(1), "a", at=NOW)
    old.ledger.charge(STUDY, a_place(2, people="everyone"), "a", at=NOW)
    new.ledger.charge(STUDY, a_place(1, people="held-back"), "b", at=NOW)
    return old, new


def handed(old, *, to="cd" * 20, keys=None):
    return old.ledger.handover.hand_over(to, split=SPLIT, keys=keys or [old.key, ADA, BEN], at=NOW)


def merge(new, signed, **changes):
    trusted = [signed.statement.node]
    given = {"trusted": trusted, "split": SPLIT, "populations": "overlapping", "signed_by": {}, "at": NOW}
    return new.ledger.handover.merge(signed, **{**given, **changes})


def spent(kept):
    return {(a.part, a.view): a.spent // COST for a in kept.ledger.accounts()}


def both(training, held_back):
    return {(part, view): n for part, n in (("training", training), ("held-back", held_back)) for view in VIEWS}


def code_of(act):
    with pytest.raises(HedgerowError) as caught:
        act()
    return type(caught.value), caught.value.code


@pytest.mark.parametrize(("populations", "expected"), [("overlapping", both(2, 2)), ("disjoint", both(2, 1))])
def test_the_sum_where_people_may_be_in_both_and_else_the_larger(two, populations, expected):
    old, new = two
    assert (spent(old), spent(new)) == (both(2, 1), both(0, 1))
    merge(new, SignedStatement.decode(handed(old).encode()), populations=populations)
    assert spent(new) == expected
    new.ledger.charge(STUDY, a_place(5), "b", at=NOW)  # and it goes on from there
    assert spent(new)["training", "outside"] == expected["training", "outside"] + 1
    for kept in two:
        kept.ledger.verify(kept.ceilings)
        kept.audit.verify()


def test_what_was_handed_over_is_closed_for_good_but_still_answers_again(two):
    old, _ = two
    charge = old.ledger.charge(STUDY, a_place(1), "a", at=NOW)
    first = old.ledger.settle(charge, np.array([1, 2, 3], np.uint64), data=("visits@1",), optouts="list-1")
    handed(old)
    for kept in (old, reopened(old)):
        assert code_of(lambda kept=kept: kept.ledger.charge(STUDY, a_place(3), "a", at=NOW)) == (
            Refusal,
            "ledger-handed-over",
        )
        assert kept.ledger.charge(STUDY, a_place(1), "a", at=NOW).released == first
        assert code_of(lambda kept=kept: kept.ledger.check_affordable(None)) == (Refusal, "ledger-handed-over")
    assert spent(old) == both(2, 1)


def test_a_statement_is_made_once_and_names_one_node(two):
    old, new = two
    first = handed(old)
    assert handed(old).encode() == first.encode()
    assert code_of(lambda: handed(old, to="ef" * 20)) == (Refusal, "ledger-handed-over")
    other = books_of(new, "ef" * 20)
    assert code_of(lambda: merge(other, first)) == (Refusal, "statement-not-for-us")
    assert code_of(lambda: handed(new, to="cd" * 20)) == (Refusal, "statement-not-for-us")


def books_of(near, node):
    (near.path / node).mkdir()
    return books(near.path / node, node=node)


def test_a_statement_is_counted_once(two):
    old, new = two
    merge(new, handed(old))
    before = spent(new)
    assert code_of(lambda: merge(new, handed(old))) == (Refusal, "ledger-merged-before")
    assert spent(new) == before


def test_a_ledger_that_was_handed_over_takes_nothing_in(two):
    old, new = two
    signed = handed(old)
    handed(new, to="ef" * 20, keys=[new.key])
    assert code_of(lambda: merge(new, signed)) == (Refusal, "ledger-handed-over")


def test_another_split_would_put_one_person_in_both_parts(two):
    old, new = two
    assert code_of(lambda: merge(new, handed(old), split="sha256:" + "6" * 64)) == (Refusal, "split-key-differs")


def test_a_result_above_the_ceiling_is_refused_and_changes_nothing(tmp_path, two):
    old, _ = two
    (tmp_path / "poor").mkdir()
    poor = books(tmp_path / "poor", node="cd" * 20, ceiling=2 * COST)
    poor.ledger.charge(STUDY, a_place(1), "b", at=NOW)
    before, events = spent(poor), poor.audit.events()
    assert code_of(lambda: merge(poor, handed(old))) == (Refusal, "merge-above-ceiling")
    assert (spent(poor), poor.audit.events(), poor.ledger.handover.merges()) == (before, events, [])
    merge(poor, handed(old), populations="disjoint")  # exactly at the ceiling
    assert spent(poor) == both(2, 1)


def test_only_the_node_or_two_of_its_people_speak_for_it(two):
    old, new = two
    signed = handed(old)
    people = [PublicKey.of(key).fingerprint for key in (ADA, BEN)]
    for trusted in ([], ["ab" * 20], people[:1], [people[0], people[0]]):
        assert code_of(lambda t=trusted: merge(new, signed, trusted=t)) == (Refusal, "statement-not-trusted")
    assert spent(new) == both(0, 1)
    merge(new, signed, trusted=people)  # an identity that is lost cannot sign
    assert spent(new) == both(2, 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["statement"].update(to="ef" * 20),
        lambda s: s["statement"]["spent"]["training"].update(outside=0),
        lambda s: s["statement"].update(split="sha256:" + "6" * 64),
        lambda s: s["statement"]["charges"].pop(),
        lambda s: s["statement"].update(node="ef" * 20),
        lambda s: s["signatures"].update({PublicKey.of(ADA).text: "AAAA"}),
    ],
    ids=range(6),
)
def test_a_changed_statement_is_found(two, change):
    old, _ = two
    document = json.loads(handed(old).encode())
    change(document)
    assert code_of(lambda: SignedStatement.decode(json.dumps(document).encode())) == (Tampered, "signature-wrong")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"statement": {}, "signatures": {}}', b'{"statement": 1, "signatures": []}'],
)
def test_another_file_is_no_statement(content):
    assert code_of(lambda: SignedStatement.decode(content)) == (Invalid, "statement-malformed")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["spent"].pop("training"),
        lambda s: s["spent"]["training"].update(outside=-1),
        lambda s: s["spent"]["training"].update(outside=1.5),
        lambda s: s["spent"].update(nobody={"outside": 1}),
        lambda s: s.update(more=1),
        lambda s: s.update(charges=[[1, 2, 3]]),
        lambda s: s.update(at=7),
        lambda s: s["checkpoint"].pop("root"),
    ],
    ids=range(8),
)
def test_a_statement_that_says_other_things_is_refused_though_it_is_signed(two, change):
    old, _ = two
    document = handed(old).statement.document()
    change(document)
    signatures = {PublicKey.of(ADA).text: sign(ADA, STATEMENT, document)}
    content = json.dumps({"statement": document, "signatures": signatures}).encode()
    assert code_of(lambda: SignedStatement.decode(content)) == (Invalid, "statement-malformed")


def test_releases_from_after_a_backup_are_counted_once_each(two):
    old, new = two
    signed = handed(old)  # as a backup would have made it
    for table in ("handed_over", "audit_checkpoint"):
        with old.database.transaction() as connection:
            connection.execute(f"DELETE FROM {table}")
    known = answered(old, a_place(2, people="everyone"))
    later = answered(old, a_place(7))
    merge(new, signed, receipts=[known, later, later])
    assert spent(new)["training", "outside"] == 3
    assert spent(new)["held-back", "outside"] == 2
    new.ledger.verify(new.ceilings)


def test_a_masked_release_from_after_the_statement_is_counted_in_each_view_by_its_own_cost(two):
    old, new = two
    signed = handed(old)
    place = a_place(9, honest=4)
    mechanism = place.mechanism
    receipt = Receipt(
        **{**GENUINE, "node": PublicKey.of(old.key).fingerprint, "place": 9, "mechanism": mechanism.document()}
        | {"cost_outside": mechanism.cost, "cost_coordinator": mechanism.cost_unmasked}
    )
    merge(new, signed, receipts=[encode(Release(receipt, b""), old.key)])
    counted = {a.view: a.spent - 2 * COST for a in new.ledger.accounts() if a.part == "training"}
    assert counted == {"outside": mechanism.cost, "coordinator": mechanism.cost_unmasked}
    new.ledger.verify(new.ceilings)


def answered(kept, place):
    charge = kept.ledger.charge(STUDY, place, "a", at=NOW)
    here = {"data": ("visits@1",), "optouts": "list-1"}
    release = charge.released or kept.ledger.settle(charge, np.array([1, 2, 3], np.uint64), **here)
    return encode(release, kept.key)


def test_a_release_of_another_node_is_no_receipt(two):
    old, new = two
    signed = handed(old)
    foreign = answered(new, a_place(9))
    assert code_of(lambda: merge(new, signed, receipts=[foreign]))[0] is Tampered
    people = [PublicKey.of(key).fingerprint for key in (ADA, BEN)]
    assert code_of(lambda: merge(new, signed, trusted=people, receipts=[foreign])) == (Refusal, "statement-not-trusted")


@pytest.mark.parametrize("populations", ["overlapping", "disjoint"])
@pytest.mark.parametrize("cost", [-COST, 0, True, 1.5, "1"])
def test_a_release_never_lowers_what_is_counted(two, cost, populations):
    """Whoever stole the old node's identity can sign whatever receipt they like."""
    old, new = two
    signed = handed(old)
    new.ledger.charge(STUDY, a_place(4, people="everyone"), "b", at=NOW)
    receipt = Receipt(**{**GENUINE, "node": PublicKey.of(old.key).fingerprint, "place": 9})
    forged = dataclasses.replace(receipt, cost_outside=cost, cost_coordinator=cost)
    before = spent(new)
    refused = code_of(
        lambda: merge(new, signed, receipts=[encode(Release(forged, b""), old.key)], populations=populations)
    )
    assert refused == (Invalid, "message-malformed")
    assert spent(new) == before
    merge(new, signed, receipts=[encode(Release(receipt, b""), old.key)])  # the control: this one is counted
    assert spent(new)["training", "outside"] == before["training", "outside"] + 3


@pytest.mark.parametrize(
    ("whose", "statement"),
    [
        ("new", "DELETE FROM merged"),
        ("new", "UPDATE merged SET populations = 'disjoint'"),
        ("new", "UPDATE merged SET source = 'ef'"),
        ("new", "UPDATE merged SET spent = '{}'"),
        ("new", "UPDATE account SET spent = spent - 1 WHERE part = 'training'"),
        ("new", "DELETE FROM merged; UPDATE account SET spent = 0 WHERE part = 'training'"),
        ("old", "DELETE FROM handed_over"),
        ("old", "UPDATE handed_over SET recipient = 'ef'"),
    ],
)
def test_an_edited_merge_is_found(two, whose, statement):
    old, new = two
    merge(new, handed(old))
    kept = {"old": old, "new": new}[whose]
    kept.ledger.verify(kept.ceilings)
    connection = sqlite3.connect(kept.path / "state.db", isolation_level=None)
    connection.executescript(statement)
    connection.close()
    assert code_of(lambda: kept.ledger.verify(kept.ceilings)) == (Tampered, "ledger-tampered")


def test_the_order_of_charges_and_merges_counts(two):
    """A maximum taken before a charge is not one taken after it: the log's order decides."""
    old, new = two
    new.ledger.charge(STUDY, a_place(3), "b", at=NOW)
    merge(new, handed(old), populations="disjoint")
    new.ledger.charge(STUDY, a_place(4), "b", at=NOW)
    assert spent(new)["training", "outside"] == 3
    new.ledger.verify(new.ceilings)
