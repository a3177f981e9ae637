"""What an auditor takes away: leaves of a log about money and decisions, proven; checked again where no node is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privacy.audit import AuditLog, Checkpoint
from privacy.canonical import Document
from privacy.errors import Invalid, Tampered
from privacy.proofs import check_consistency, check_inclusion, leaf_hash
from privacy.release import Receipt, Release, decode
from privacy.signing import PublicKey
from privacy.spending import CHARGED, Spending, costs_of, replayed, spending_document
from privacy.witnessing import Said, Word, read_word

FORM = "hedgerow-evidence-1"
PAID = (
    "charged",
    "released",
    "budget-reserved",
    "budget-freed",
    "budget-forfeited",
    "ledger-merged",
    "ledger-handed-over",
)
DECIDED = ("policy-accepted", "clock-accepted", "node-paused", "node-resumed")
STUDY = "study-"  # what became of studies: hashes, names of approvers, codes


@dataclass(frozen=True)
class Checked:
    """What evidence proves: of which log, how much of it is shown, what was spent by it, and who signed the log."""

    node: PublicKey
    newest: Checkpoint
    leaves: Sequence[Document]
    spent: Spending
    cosigned: Sequence[Word]
    receipts: int

    def document(self) -> Document:
        """Return the same as plain data."""
        events: dict[str, int] = {}
        for leaf in self.leaves:
            events[leaf["event"]] = events.get(leaf["event"], 0) + 1
        return {
            "node": self.node.fingerprint,
            "size": self.newest.size,
            "root": self.newest.root,
            "shown": len(self.leaves),
            "events": events,
            "spent": spending_document(self.spent),
            "cosigned": [{"by": word.by, "size": word.size, "at": word.at} for word in self.cosigned],
            "receipts": self.receipts,
        }


def evidence(
    log: AuditLog, newest: Checkpoint, cosigned: Iterable[tuple[Word, Said]], since: Iterable[Word]
) -> Document:
    """Return, as plain data, what a log proves of charges and decisions, up to its ``newest`` checkpoint.

    Of every other leaf only its place is told. Nothing in it depends on patients: no load, count, score or query is in
    it. ``since`` are checkpoints that somebody kept, which it is proven to continue.
    """
    size = newest.size
    shown = [leaf for leaf in log.contents(size) if _is_shown(json.loads(leaf[1])["event"])]
    return {
        "form": FORM,
        "node": log.public_key.text,
        "checkpoint": {"size": size, "root": newest.root, "signature": newest.signature},
        "leaves": [
            {"position": position, "content": content.decode(), "path": list(log.includes(position, size))}
            for position, content in shown
        ],
        "cosigned": [
            {**said.document(), "path": list(log.continues(word.size, size))}
            for word, said in cosigned
            if word.size <= size
        ],
        "since": [{"size": word.size, "path": list(log.continues(word.size, size))} for word in since],
    }


def check_evidence(
    document: Mapping[str, Any], *, kept: Iterable[bytes] = (), receipts: Iterable[bytes] = ()
) -> Checked:
    """Verify evidence by itself, and against what others kept of this node; return what it proves.

    Every leaf is proven to be in the log that the node signed, that log to continue what each co-signer signed and each
    checkpoint ``kept``. ``receipts`` are releases as a coordinator kept them: the charge of each must be among the
    leaves. What does not hold is ``proof-wrong`` or ``signature-wrong``; a charge that is not shown ``audit-tampered``.
    """
    try:
        node = PublicKey(document["node"])
        newest = Checkpoint(**document["checkpoint"])
        newest.verify(node)
        leaves = [_leaf(leaf, newest) for leaf in document["leaves"]]
        words = [_cosigned(said, node, newest) for said in document["cosigned"]]
        paths = {said["size"]: tuple(said["path"]) for said in document["since"]}
        places = [leaf["position"] for leaf in leaves]
        if document["form"] != FORM or places != sorted(set(places)):
            raise Invalid("message-malformed")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid("message-malformed") from error
    for content in kept:
        _check_kept(content, node, newest, paths)
    counted = [_check_receipt(content, node, leaves) for content in receipts]
    return Checked(node, newest, leaves, replayed(leaves), words, len(counted))


def _is_shown(event: str) -> bool:
    return event in PAID or event in DECIDED or event.startswith(STUDY)


def _leaf(leaf: Mapping[str, Any], newest: Checkpoint) -> Document:
    content, position = leaf["content"].encode(), leaf["position"]
    path = tuple(leaf["path"])
    check_inclusion(leaf=leaf_hash(content), position=position, size=newest.size, path=path, root=newest.root)
    return {"position": position, **json.loads(content)}


def _cosigned(said: Mapping[str, Any], node: PublicKey, newest: Checkpoint) -> Word:
    word = Said.of({"key": said["key"], "word": said["word"]}).word(node)
    _check_continues(word, newest, tuple(said["path"]))
    return word


def _check_kept(content: bytes, node: PublicKey, newest: Checkpoint, paths: Mapping[int, tuple[str, ...]]) -> None:
    word = read_word(content, node)
    if word.kind != "checkpoint":
        raise Invalid("message-malformed")
    if word.size > newest.size:
        raise Tampered("state-behind", f"the evidence is of {newest.size} leaves; one of {word.size} was signed")
    if word.size < newest.size and word.size not in paths:
        raise Invalid("proof-absent", f"from {word.size} leaves")
    _check_continues(word, newest, paths.get(word.size, ()))


def _check_continues(word: Word, newest: Checkpoint, path: tuple[str, ...]) -> None:
    check_consistency(old=word.size, old_root=word.root, new=newest.size, new_root=newest.root, path=path)


def _check_receipt(content: bytes, node: PublicKey, leaves: Sequence[Document]) -> Receipt:
    release = decode(content, node)
    if not isinstance(release, Release):
        raise Invalid("message-malformed", "receipts")
    paid = release.receipt
    charges = {leaf["position"]: leaf["facts"] for leaf in leaves if leaf["event"] == CHARGED}
    facts = charges.get(paid.audit_leaf)
    said = {"study": paid.study, "place": paid.place, "request": paid.request, "people": paid.people}
    costs = {"outside": paid.cost_outside, "coordinator": paid.cost_coordinator}
    if facts is None or {name: facts.get(name) for name in said} != said or costs_of(facts) != costs:
        raise Tampered("audit-tampered", f"the charge of leaf {paid.audit_leaf} is not as its receipt says")
    return paid


__all__ = ["DECIDED", "FORM", "PAID", "STUDY", "Checked", "check_evidence", "evidence"]
