"""The node's own floors and its people, as data: a coordinator can be stricter than this, never laxer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from node.allocations import Allocation, allocation_faults, read_allocation, shares_of
from node.people import ROLES, Person
from privacy import accountant
from privacy.accountant import LARGEST_EPSILON
from privacy.canonical import Document, hash_of
from privacy.errors import Invalid, Refusal, Unreachable
from privacy.fields import Fields
from privacy.reservations import Shares
from privacy.signing import PublicKey
from privacy.study import Study
from privacy.terms import COLLUDERS, EPSILON_UNMASKED, LARGEST_DELTA
from privacy.toml_file import table_of, toml_lines

APPROVALS_NEEDED = 2  # different people; DESIGN section 4
OPTOUTS_AT_MOST_DAYS = 7  # our choice: the national service answers within a day, extracts are often weekly
APPROVER_ROLES = ("ig-lead", "caldicott-guardian")
_LATER: Mapping[str, object] = {
    "reversible_pseudonyms": False,
    "type_1_optouts": False,
    "largest_epsilon_unmasked": EPSILON_UNMASKED,
    "least_colluders": COLLUDERS,
    "witnesses": [],
    "allocations": [],
}
_EPSILONS = (
    "largest_epsilon",
    "largest_epsilon_unmasked",
    "lifetime_epsilon_outside",
    "lifetime_epsilon_coordinator",
)
_PUBLIC_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


@dataclass(frozen=True)
class Pinned:
    """Another node whose word about this node's log counts: its name, and its identity key, as it was compared."""

    name: str
    public_key: str

    @property
    def fingerprint(self) -> str:
        """Return what it is known by."""
        return PublicKey(self.public_key).fingerprint


@dataclass(frozen=True)
class Policy:
    """What this node allows, and whose word counts. Epsilons are a person's; lifetime ceilings are for life."""

    people: tuple[Person, ...]
    purposes: tuple[str, ...]
    computations: tuple[str, ...]
    largest_epsilon: float
    largest_delta: float
    least_quorum: int
    least_minimum_cohort: int
    lifetime_epsilon_outside: float
    lifetime_epsilon_coordinator: float
    lifetime_delta: float
    approver_roles: tuple[str, ...] = APPROVER_ROLES
    optouts_at_most_days: int = OPTOUTS_AT_MOST_DAYS
    reply_slot_seconds: float = 0.2
    allow_test_numbers: bool = False
    reversible_pseudonyms: bool = False
    type_1_optouts: bool = False
    largest_epsilon_unmasked: float = EPSILON_UNMASKED
    least_colluders: int = COLLUDERS
    witnesses: tuple[Pinned, ...] = ()
    allocations: tuple[Allocation, ...] = ()

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the canonical document, defaults included: what two people sign."""
        return hash_of(self.document())

    def document(self) -> Document:
        """Return the policy as plain data; ``policy_of`` reads it back."""
        document = {name: _plain(value) for name, value in asdict(self).items()}
        # what 0.1 did not know is left out where it changes nothing: policies signed before keep their hash
        return {name: value for name, value in document.items() if name not in _LATER or value != _LATER[name]}

    def toml(self) -> str:
        """Return the policy as a file that people read and edit."""
        document = self.document()
        tables = {name: document.pop(name, []) for name in ("people", "allocations", "witnesses")}
        rows = (f"\n[[{name}]]\n{toml_lines(row)}" for name, of_it in tables.items() for row in of_it)
        return toml_lines(document) + "".join(rows)

    @property
    def approvers(self) -> tuple[Person, ...]:
        """Return the people whose role may approve a study or sign a policy."""
        return tuple(p for p in self.people if p.role in self.approver_roles)

    @property
    def vouchers(self) -> tuple[Person, ...]:
        """Return the people who may say, with a key that the node never holds, what they know of its log."""
        return tuple(p for p in self.people if p.role in (*self.approver_roles, "auditor"))

    def person(self, name: str) -> Person:
        """Return a person by name; ``person-unknown`` when there is none."""
        for person in self.people:
            if person.name == name:
                return person
        raise Refusal("person-unknown", name)

    def approver(self, name: str) -> Person:
        """Return a person who may decide; ``role-not-allowed`` for anybody else on the list."""
        person = self.person(name)
        if person.role not in self.approver_roles:
            raise Refusal(
                "role-not-allowed", f"{name} is {person.role}; allowed: {', '.join(sorted(self.approver_roles))}"
            )
        return person

    def ceilings(self) -> dict[str, int]:
        """Return the lifetime budget of each ledger view in the ledger's units."""
        return {
            "outside": accountant.units_for(self.lifetime_epsilon_outside, self.lifetime_delta),
            "coordinator": accountant.units_for(self.lifetime_epsilon_coordinator, self.lifetime_delta),
        }

    def shares(self) -> Shares:
        """Return what each purpose with an allocation may spend of the lifetime budget, in the ledger's units."""
        return shares_of(self.allocations, self.ceilings())

    def check(self, study: Study) -> None:
        """Return if the study keeps within every floor; else the first breach's code, with all of them as faults."""
        breaches = list(self._breaches(study))
        if breaches:
            code, detail = breaches[0]
            raise Refusal(code, detail, faults=[f"{c}: {d}" for c, d in breaches] if len(breaches) > 1 else ())

    def _breaches(self, study: Study) -> Iterator[tuple[str, str]]:
        terms = study.privacy
        if study.purpose not in self.purposes:
            yield "purpose-not-allowed", study.purpose
        if others := sorted({s.use for s in study.steps} - set(self.computations)):
            yield "computation-not-allowed", ", ".join(others)
        if terms.epsilon > self.largest_epsilon:
            yield "epsilon-above-policy", f"{terms.epsilon:g} asked, at most {self.largest_epsilon:g}"
        if terms.delta > self.largest_delta:
            yield "delta-above-policy", f"{terms.delta:g} asked, at most {self.largest_delta:g}"
        if terms.quorum < self.least_quorum:
            yield "quorum-below-policy", f"{terms.quorum} asked, at least {self.least_quorum}"
        if terms.masked and terms.epsilon_unmasked > self.largest_epsilon_unmasked:
            detail = f"{terms.epsilon_unmasked:g} asked, at most {self.largest_epsilon_unmasked:g}"
            yield "epsilon-unmasked-above-policy", detail
        if terms.masked and terms.colluders < self.least_colluders:
            yield "colluders-below-policy", f"{terms.colluders} asked, at least {self.least_colluders}"
        if terms.minimum_cohort < self.least_minimum_cohort:
            yield "cohort-floor-below-policy", f"{terms.minimum_cohort} asked, at least {self.least_minimum_cohort}"


def read_policy_file(path: Path) -> dict[str, Any]:
    """Return the plain data in a policy file, not yet checked."""
    try:
        return table_of(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    except ValueError as error:  # no TOML, or no UTF-8 text
        raise Invalid("policy-malformed", str(path), faults=["is not TOML text"]) from error


def policy_of(document: Mapping[str, Any]) -> Policy:
    """Return the policy that plain data describes; unknown, missing and wrong fields are all listed."""
    faults: list[str] = []
    table = Fields(document, "", faults)
    policy = _policy(table)
    table.finish()
    _check_people(policy, faults)
    faults += allocation_faults(policy.allocations, policy.purposes)
    if faults:
        raise Invalid("policy-malformed", faults=faults)
    return policy


def _policy(f: Fields) -> Policy:
    policy = Policy(
        people=tuple(_person(p) for p in f.tables("people")),
        purposes=tuple(f.names("purposes")),
        computations=tuple(f.names("computations")),
        largest_epsilon=f.number("largest_epsilon", above=0),
        largest_delta=f.number("largest_delta", above=0),
        least_quorum=f.whole("least_quorum", least=1),
        least_minimum_cohort=f.whole("least_minimum_cohort", least=1),
        lifetime_epsilon_outside=f.number("lifetime_epsilon_outside", above=0),
        lifetime_epsilon_coordinator=f.number("lifetime_epsilon_coordinator", above=0),
        lifetime_delta=f.number("lifetime_delta", above=0),
        approver_roles=tuple(f.names("approver_roles")) if "approver_roles" in f else APPROVER_ROLES,
        optouts_at_most_days=f.whole("optouts_at_most_days", OPTOUTS_AT_MOST_DAYS),
        reply_slot_seconds=f.number("reply_slot_seconds", 0.2, above=0),
        allow_test_numbers=f.flag("allow_test_numbers"),
        reversible_pseudonyms=f.flag("reversible_pseudonyms"),
        type_1_optouts=f.flag("type_1_optouts"),
        largest_epsilon_unmasked=f.number("largest_epsilon_unmasked", EPSILON_UNMASKED, above=0),
        least_colluders=f.whole("least_colluders", COLLUDERS, least=1),
        witnesses=tuple(_witness(w) for w in f.tables("witnesses")),
        allocations=tuple(read_allocation(table) for table in f.tables("allocations")),
    )
    for name in _EPSILONS:
        if getattr(policy, name) > LARGEST_EPSILON:
            f.fault(name, f"is at most {LARGEST_EPSILON:g}")
    for name in ("largest_delta", "lifetime_delta"):
        if getattr(policy, name) > LARGEST_DELTA:
            f.fault(name, f"is at most {LARGEST_DELTA:g}")
    if unknown := sorted(set(policy.approver_roles) - set(ROLES)):
        f.fault("approver_roles", f"knows no {', '.join(unknown)}")
    return policy


def _person(f: Fields) -> Person:
    person = Person(f.name("name"), f.text("role", choices=ROLES), _public_key(f))
    f.finish()
    return person


def _witness(f: Fields) -> Pinned:
    witness = Pinned(f.name("name"), _public_key(f))
    f.finish()
    return witness


def _public_key(f: Fields) -> str:
    text = f.text("public_key")
    if not _PUBLIC_KEY.fullmatch(text) or not PublicKey(text).sound:
        f.fault("public_key", "is 32 bytes in URL-safe base64, as `hedgerow-node person key` prints them")
    return text


def _check_people(policy: Policy, faults: list[str]) -> None:
    for where, listed in (("people", policy.people), ("witnesses", policy.witnesses)):
        for what in ("name", "public_key"):
            values = [getattr(each, what) for each in listed]
            repeated = sorted({each.name for each in listed if values.count(getattr(each, what)) > 1})
            if repeated:
                faults.append(f"{where}: the same {what} twice ({', '.join(repeated)})")
    if len(policy.approvers) < APPROVALS_NEEDED:
        roles = ", ".join(policy.approver_roles)
        faults.append(f"people: at least {APPROVALS_NEEDED} are needed whose role is one of {roles}")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


__all__ = [
    "APPROVALS_NEEDED",
    "APPROVER_ROLES",
    "OPTOUTS_AT_MOST_DAYS",
    "Pinned",
    "Policy",
    "policy_of",
    "read_policy_file",
]
