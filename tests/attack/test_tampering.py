"""Whoever changes a log is found out: by its leaves, its own checkpoints, those who co-signed it, or the hub."""

import copy
import json
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.checkpoints import SCHEMA as KEPT
from coordinator.checkpoints import Checkpoints
from node.witness import SCHEMA, Cosigned
from privacy.audit import AuditLog, verify_log
from privacy.durable import Database
from privacy.errors import HedgerowError, Invalid, Tampered
from privacy.evidence import check_evidence, evidence
from privacy.proofs import grown, leaf_hash
from privacy.signing import PublicKey
from privacy.witnessing import Said, Word, cosign, seal
from tests.builders import NOW, a_place, books
from tests.coordinators import NOW as THEN

HUB, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SIGNED, LEAVES = 23, 29


@pytest.fixture
def log(tmp_path):
    """Return a log of 29 leaves, of which a coordinator and another node signed 23."""
    kept = books(tmp_path, ceiling=10**13)
    with kept.database.transaction() as write:
        for statement in SCHEMA:
            write.execute(statement)
    me = kept.public.fingerprint
    for i in range(LEAVES):
        with kept.database.transaction() as write:
            kept.audit.append(write, "loaded", {"rows": i}, at=NOW)
        if i + 1 in (8, SIGNED):
            with kept.database.transaction() as write:
                kept.audit.checkpoint(write)
    word = Word("checkpoint", me, me, SIGNED, kept.audit.root_at(SIGNED))
    said = [
        Said(PublicKey.of(key), cosign(me, (word, seal(word, kept.key)), key, at="2027-03-01T12:00:00+00:00"))
        for key in (HUB, OTHER)
    ]
    cosigned = Cosigned(kept.database, kept.audit)
    for each in said:
        cosigned.hear(each)
    hub = Checkpoints(Database(tmp_path / "hub.db", KEPT), HUB)
    hub.keep(word, seal(word, kept.key), at=THEN)
    return SimpleNamespace(**vars(kept), cosigned=cosigned, said=said, hub=hub)


def verify(log):
    return log.audit.verify(elsewhere=log.cosigned.checkpoints())


def found_out(work, *arguments, **more):
    with pytest.raises(HedgerowError) as caught:
        work(*arguments, **more)
    return caught.value.code


def rewrite(log, leaves, *, sealed):
    """Write these leaves, with the tree that belongs to them; ``sealed`` and signed anew by whoever has the key."""
    with log.database.transaction() as write:
        write.execute("DELETE FROM audit_leaf")
        frontier = []
        for position, (content, seal_of_old) in enumerate(leaves):
            frontier = grown(frontier, position, leaf_hash(content))
            mark = log.audit._seal(position, content) if sealed else seal_of_old
            row = (position, content, json.dumps(frontier).encode(), mark)
            write.execute("INSERT INTO audit_leaf VALUES (?, ?, ?, ?)", row)
        if sealed:
            write.execute("DELETE FROM audit_checkpoint")
            log.audit.checkpoint(write)


def leaves_of(log):
    return [(r["content"], r["seal"]) for r in log.database.rows("SELECT * FROM audit_leaf ORDER BY position")]


def flipped(leaves, at):
    content = leaves[at][0]
    number = content.index(b'"rows":') + 7
    changed = content[:number] + bytes([content[number] ^ 1]) + content[number + 1 :]
    return [*leaves[:at], (changed, leaves[at][1]), *leaves[at + 1 :]]


TAMPERINGS = {
    "flip": flipped,
    "drop": lambda leaves, at: leaves[:at] + leaves[at + 1 :],
    "swap": lambda leaves, at: [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]],
    "truncate": lambda leaves, at: leaves[:at],
    "insert": lambda leaves, at: [*leaves[:at], leaves[at], *leaves[at:]],
    "fork": lambda leaves, at: leaves[:at] + [(leaf[0].replace(b"loaded", b"forked"), leaf[1]) for leaf in leaves[at:]],
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_every_tampering_at_every_leaf_is_found_with_and_without_the_key(log, how):
    leaves = leaves_of(log)
    for at in range(SIGNED - 1):
        verify(log)  # the control
        for sealed in (False, True):
            rewrite(log, TAMPERINGS[how](leaves, at), sealed=sealed)
            assert found_out(verify, log) == "audit-tampered"
        shown_to_others(log)
        rewrite(log, leaves, sealed=True)
    assert log.hub.forked(log.public.fingerprint)


def shown_to_others(log):
    """Have the rewritten log come to the node's own next start, and to the coordinator with every proof it can give."""
    assert found_out(log.audit.check_newest, size=SIGNED, root=words(log)[0].root) == "state-behind"
    size, me = log.audit.size, log.public.fingerprint
    root, paths = log.audit.root_at(size), {0: (), SIGNED: ()}
    if size > SIGNED:
        paths[SIGNED] = log.audit.continues(SIGNED, size)
    for old, path in paths.items():
        word = Word("checkpoint", me, me, size, root, old, path)
        assert found_out(log.hub.keep, word, seal(word, log.key), at=THEN) in {"audit-tampered", "proof-wanted"}


def test_control_with_the_key_and_without_any_co_signer_a_rewritten_log_looks_whole(log):
    rewrite(log, flipped(leaves_of(log), 3), sealed=True)
    with log.database.transaction() as write:
        write.execute("DELETE FROM cosigned")
    verify(log)
    assert found_out(log.audit.verify, elsewhere=[log.audit.vouched(w.size, w.root) for w in words(log)])


def words(log):
    return [said.word(log.public) for said in log.said]


@pytest.mark.parametrize("column", ["content", "key"])
def test_a_co_signature_that_was_edited_is_found(log, column):
    with log.database.transaction() as write:
        other = {"content": log.said[1].content, "key": log.said[1].key.text}[column]
        write.execute(f"UPDATE cosigned SET {column} = ? WHERE witness = ?", (other, log.said[0].key.fingerprint))
    assert found_out(verify, log) == "signature-wrong"


def test_what_was_not_yet_signed_by_anybody_is_what_a_key_holder_may_still_rewrite(log):
    """Said honestly: of the leaves after the newest checkpoint only the seal speaks; so checkpoints are told often."""
    leaves = leaves_of(log)
    rewrite(log, flipped(leaves, SIGNED + 2), sealed=False)
    assert found_out(verify, log) == "audit-tampered"
    rewrite(log, flipped(leaves, SIGNED + 2), sealed=True)
    verify(log)


def test_what_was_not_yet_signed_by_anybody_can_be_cut_off_without_the_key(log):
    """Said honestly: a seal speaks for its leaf, and not for those that should come after it."""
    leaves = leaves_of(log)
    rewrite(log, leaves[: SIGNED + 2], sealed=False)
    verify(log)
    rewrite(log, leaves[: SIGNED - 1], sealed=False)
    assert found_out(verify, log) == "audit-tampered"


# --- evidence: what an auditor takes away


@pytest.fixture
def paid(log):
    """Return the log with five charges on it, and a charge and release that a coordinator kept."""
    charges = [log.ledger.charge(f"sha256:{i:064x}", a_place(i + 1), "sha256:" + "0" * 64, at=NOW) for i in range(5)]
    return log, charges


def exported(log, since=()):
    with log.database.transaction() as write:
        newest = log.audit.checkpoint(write)
    return evidence(log.audit, newest, log.cosigned.all(), since)


def test_evidence_is_checked_where_no_node_is(paid):
    log, charges = paid
    document = json.loads(json.dumps(exported(log, words(log)[:1])))
    found = check_evidence(document, kept=[kept(log)])
    assert [leaf["position"] for leaf in found.leaves] == [charge.leaf for charge in charges]
    assert found.spent == {(a.part, a.view): a.spent for a in log.ledger.accounts()}
    assert {word.by for word in found.cosigned} == {PublicKey.of(HUB).fingerprint, PublicKey.of(OTHER).fingerprint}
    assert "rows" not in json.dumps(document)  # what was loaded is no auditor's business


def kept(log):
    me = log.public.fingerprint
    word = words(log)[0]
    return seal(Word("checkpoint", me, me, word.size, word.root), log.key)


def test_evidence_is_held_against_what_the_auditor_kept(paid, tmp_path):
    log, _ = paid
    old_root, me = log.audit.root_at(SIGNED), log.public.fingerprint
    document = exported(log)
    assert found_out(check_evidence, document, kept=[kept(log)]) == "proof-absent"
    longer = seal(Word("checkpoint", me, me, 10**6, old_root), log.key)
    assert found_out(check_evidence, document, kept=[longer]) == "state-behind"
    other = seal(Word("checkpoint", me, me, SIGNED, "0" * 64), log.key)
    assert found_out(check_evidence, exported(log, words(log)[:1]), kept=[other]) == "proof-wrong"
    foreign = seal(Word("checkpoint", me, me, SIGNED, old_root), OTHER)
    assert found_out(check_evidence, document, kept=[foreign]) == "signature-wrong"


def test_a_charge_that_is_left_out_is_found_by_its_receipt(paid):
    from privacy.release import encode

    log, charges = paid
    import numpy as np

    release = log.ledger.settle(charges[2], np.zeros(3, np.uint64), data=("sha256:0",), optouts="2027-03-01")
    key, node = log.key, log.ledger._node
    assert node != log.public.fingerprint
    document = exported(log)
    content = encode(as_of(release, log.public.fingerprint), key)
    assert check_evidence(document, receipts=[content]).receipts == 1
    hidden = copy.deepcopy(document)
    hidden["leaves"] = [leaf for leaf in document["leaves"] if leaf["position"] != charges[2].leaf]
    check_evidence(hidden)  # the control: each leaf that is there is proven, and nothing says that one is not
    assert found_out(check_evidence, hidden, receipts=[content]) == "audit-tampered"


def as_of(release, node):
    from dataclasses import replace

    return replace(release, receipt=replace(release.receipt, node=node))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_byte_of_evidence_can_change(data, evidence_text):
    """A changed byte is refused, or changes nothing of what is proven."""
    text = evidence_text
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from('0a"9{,'))
    changed = text[:place] + sign + text[place + 1 :]
    before = check_evidence(json.loads(text)).document()
    try:
        after = check_evidence(json.loads(changed)).document()
    except (Invalid, Tampered, ValueError):
        return
    assert after == before


@pytest.fixture(scope="module")
def evidence_text(tmp_path_factory):
    kept_books = books(tmp_path_factory.mktemp("books"))
    log = AuditLog(kept_books.database, kept_books.key)
    for i in range(3):
        kept_books.ledger.charge(f"sha256:{i:064x}", a_place(i + 1), "sha256:" + "0" * 64, at=NOW)
    with kept_books.database.transaction() as write:
        newest = log.checkpoint(write)
    me = log.public_key.fingerprint
    word = Word("checkpoint", me, me, 2, log.root_at(2))
    said = Said(PublicKey.of(HUB), cosign(me, (word, seal(word, kept_books.key)), HUB, at="2027-03-01T12:00:00+00:00"))
    verify_log(kept_books.database, kept_books.public)
    return json.dumps(evidence(log, newest, [(word, said)], [word]))
