"""From pseudonyms back to patients: one person asks, two others approve, once, for a reason, before it expires."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import Node
from node.clock import stamp
from node.handing_out import hand_out, require_new
from node.optouts import current_optouts
from node.people import require_person
from node.persons import names_of_people, tag_in_force
from node.policy import APPROVALS_NEEDED, Policy
from node.reasons import stated
from node.reidentification import BUCKETS, By, Record, Request, commitment, new_salt
from privacy.errors import HedgerowError, Invalid, Refusal, Unreachable
from privacy.identifiers import ten_digits
from privacy.pseudonyms import Reversible, bits_of

MAY_ASK = ("caldicott-guardian", "clinician", "ig-lead")
MOST_PEOPLE = BUCKETS[-1]  # our choice: a list that two people can answer for
MOST_HOURS = 7 * 24  # our choice
DIRECT_CARE = "direct-care"  # the national data opt-out is about uses beyond individual care
PURPOSES = (DIRECT_CARE, "patient-safety", "record-correction")
COLUMN = "person"  # of the files that `score` writes


@dataclass(frozen=True)
class Found:
    """How many people were written down, and how many were not because they are not on the opt-out allow-list."""

    people: int
    people_left_out: int


def ask(
    node: Node,
    *,
    person: str,
    key: Ed25519PrivateKey,
    purpose: str,
    reason: str,
    pseudonyms: Sequence[str],
    hours: float,
) -> Request:
    """Ask to find these people again within ``hours``; return the request, of which the log now knows.

    Only a clinician may ask for direct care. Nothing is decrypted, so nothing is said of the pseudonyms but their form.
    """
    listed = _reversible(node).person(person)
    require_person(listed, key)
    if listed.role not in (may := ("clinician",) if purpose == DIRECT_CARE else MAY_ASK):
        raise Refusal("role-not-allowed", f"{person} is {listed.role}; allowed: {', '.join(sorted(may))}")
    if purpose not in PURPOSES:
        raise Invalid("reidentification-purpose", purpose, faults=PURPOSES)
    if not 0 < hours <= MOST_HOURS:
        raise Refusal("reidentification-too-long", f"at most {MOST_HOURS} hours")
    if not 0 < len(pseudonyms) <= MOST_PEOPLE:
        raise Refusal("reidentification-too-many", f"{len(pseudonyms)}: at least 1, at most {MOST_PEOPLE}")
    tag = tag_in_force(node.keystore)
    bits_of(np.array(pseudonyms), tag)
    salt, now = new_salt(), node.now()
    request = Request(
        asked_by=person,
        purpose=purpose,
        reason=stated(reason),
        people=len(pseudonyms),
        tag=str(tag),
        listed=commitment(salt, pseudonyms),
        expires=stamp(now + datetime.timedelta(hours=hours)),
        node=node.fingerprint,
    )
    node.requests.add(request, salt, By(listed, key, now))
    node.sign_log()
    return request


def approve(node: Node, name: str, *, person: str, key: Ed25519PrivateKey) -> Record:
    """Let a person of an approving role agree to a request that is not their own; return it as it now stands."""
    policy = _reversible(node)
    record = node.requests.find(name)
    approver = policy.approver(person)
    require_person(approver, key)
    _require_open(record, node.now())
    if person == record.request.asked_by or approver.public_key == record.signed("request")[0].public_key:
        raise Refusal("reidentification-own", person)
    node.requests.sign(record.request, "approve", By(approver, key, node.now()))
    node.sign_log()
    return node.requests.find(record.request.hash)


def run(node: Node, name: str, *, person: str, key: Ed25519PrivateKey, pseudonyms: Sequence[str], out: Path) -> Found:
    """Write the NHS numbers of an approved list to a new file outside the node's directory, mode 0600; once.

    Whoever asked runs it, with the very list. People who are not on a fresh opt-out allow-list are left out, unless it
    is for direct care. The run is in the log before anything is written: a crash in between means to ask again.
    """
    policy, now = _reversible(node), node.now()
    node.governance.register.check_not_paused()
    record = node.requests.find(name)
    request, listed = record.request, policy.person(person)
    require_person(listed, key)
    if person != request.asked_by or listed.role not in MAY_ASK:
        raise Refusal("role-not-allowed", f"{request.asked_by} asked for it")
    if node.requests.was_run(request):
        raise Refusal("reidentified-already", name)
    _require_open(record, now)
    _require_approved(record, policy, listed.public_key)
    if commitment(record.salt, pseudonyms) != request.listed:
        raise Refusal("reidentification-list", name)
    require_new(out, home=node.home)
    written, left_out = _numbers(node, request, list(pseudonyms))
    node.requests.sign(request, "run", By(listed, key, now))
    node.sign_log()
    hand_out(_as_csv(written), out, home=node.home)
    return Found(len(written), left_out)


def read_list(file: Path) -> list[str]:
    """Return the distinct pseudonyms in a file: one a line, or the first column of what `score` wrote."""
    try:
        rows = [line.split(",")[0].strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable("file-unreadable", str(file)) from error
    return list(dict.fromkeys(row for row in rows if row and row != COLUMN))


def _reversible(node: Node) -> Policy:
    policy = node.policy
    if not policy.reversible_pseudonyms:
        raise Refusal("reidentification-impossible", "the policy does not allow it")
    if tag_in_force(node.keystore).mode != "r":
        raise Refusal("reidentification-impossible", "what is stored was named irreversibly")
    return policy


def _require_open(record: Record, now: datetime.datetime) -> None:
    if (state := record.state(now)) in ("expired", "done"):
        raise Refusal("reidentified-already" if state == "done" else "reidentification-expired", record.request.expires)


def _require_approved(record: Record, policy: Policy, asker: str) -> None:
    """Return if two others who may still decide have signed this very request; else ``reidentification-waiting``.

    ``asker`` is the key by the policy of who asked, not the one in the state's row: somebody can write that file.
    """
    good = set()
    for signed in record.signed("approve"):
        try:
            if policy.approver(signed.person).public_key == signed.public_key and signed.request == record.request.hash:
                signed.holds()
                good.add(signed.public_key)
        except HedgerowError:
            continue  # somebody who may not decide any more, or a signature that does not hold: no approval
    good -= {asker, *(signed.public_key for signed in record.signed("request"))}
    if len(good) < APPROVALS_NEEDED:
        raise Refusal("reidentification-waiting", f"{len(good)} of {APPROVALS_NEEDED} approvals hold")


def _numbers(node: Node, request: Request, pseudonyms: list[str]) -> tuple[list[tuple[str, str]], int]:
    """Return pseudonyms with their NHS numbers, in the list's order, and how many were left out."""
    tag = tag_in_force(node.keystore)
    if str(tag) != request.tag:
        raise Refusal("reidentification-expired", f"the key of {request.tag} rotated since")
    names = names_of_people(node.keystore, tag)
    if not isinstance(names, Reversible):
        raise Refusal("reidentification-impossible")
    texts = np.array(pseudonyms)
    kept = np.ones(len(texts), dtype=bool)
    if request.purpose != DIRECT_CARE:
        optouts = current_optouts(node.store, now=node.now(), at_most_days=node.policy.optouts_at_most_days)
        kept = optouts.keep(texts)
    numbers = ten_digits(names.numbers(bits_of(texts[kept], tag))).astype(str)
    return list(zip(texts[kept].tolist(), numbers.tolist(), strict=True)), int((~kept).sum())


def _as_csv(rows: Sequence[tuple[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([COLUMN, "nhs_number"])
    writer.writerows(rows)
    return text.getvalue().encode()


__all__ = [
    "COLUMN",
    "DIRECT_CARE",
    "MAY_ASK",
    "MOST_HOURS",
    "MOST_PEOPLE",
    "PURPOSES",
    "Found",
    "approve",
    "ask",
    "read_list",
    "run",
]
