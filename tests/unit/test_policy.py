"""The node's own floors: read with all faults at once, signed by two, and never weaker than a study."""

import dataclasses
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import policies, register
from node.clock import stamp
from node.people import Person
from node.policies import POLICY_FILE, SIGNATURES_FILE, Policies
from node.policy import Policy, policy_of, read_policy_file
from privacy import audit, ledger
from privacy.audit import AuditLog
from privacy.durable import Database
from privacy.errors import HedgerowError, Invalid, Refusal
from privacy.ledger import Ledger
from privacy.signing import PublicKey
from privacy.study import Step
from privacy.terms import MASKED, PrivacyTerms
from tests.nodes import NOW

SCHEMA = (*audit.SCHEMA, *ledger.SCHEMA, *policies.SCHEMA, *register.SCHEMA)
ROLES = {"ada": "ig-lead", "ben": "caldicott-guardian", "cara": "clinician"}


@pytest.fixture(scope="module")
def keys():
    return {name: Ed25519PrivateKey.generate() for name in ROLES}


@pytest.fixture(scope="module")
def policy(keys):
    return Policy(
        people=tuple(Person(name, role, PublicKey.of(keys[name]).text) for name, role in ROLES.items()),
        purposes=("research",),
        computations=("count",),
        largest_epsilon=2.0,
        largest_delta=1e-5,
        least_quorum=3,
        least_minimum_cohort=100,
        lifetime_epsilon_outside=10.0,
        lifetime_epsilon_coordinator=10.0,
        lifetime_delta=1e-5,
    )


@pytest.fixture
def book(tmp_path):
    database = Database(tmp_path / "state.sqlite", SCHEMA)
    log = AuditLog(database, Ed25519PrivateKey.generate())
    return Policies(tmp_path, database, log, Ledger(database, log, node="n"), node="n")


def two(keys):
    return {name: keys[name] for name in ("ada", "ben")}


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


class Asked:
    """As much of a study as a policy looks at."""

    purpose = "research"
    steps = (Step("a", "count", "", "everyone", 1.0, {}),)
    privacy = PrivacyTerms("person", 2.0, 1e-5, "none", 3, 0, 100)

    def __init__(self, **changes):
        terms = {k: changes.pop(k) for k in list(changes) if k in PrivacyTerms.__dataclass_fields__}
        self.privacy = dataclasses.replace(Asked.privacy, **terms)
        for name, value in changes.items():
            setattr(self, name, value)


def test_a_policy_survives_being_written_and_read(policy, tmp_path):
    (tmp_path / "p.toml").write_text(policy.toml())
    read = policy_of(read_policy_file(tmp_path / "p.toml"))
    assert (read, read.hash) == (policy, policy.hash)


def test_all_faults_are_listed_at_once():
    with pytest.raises(Invalid) as caught:
        policy_of({"purposes": [], "largest_epsilon": 99.0, "people": [{"name": "X", "role": "king"}], "typo": 1})
    assert caught.value.code == "policy-malformed"
    places = {fault.split(":")[0] for fault in caught.value.faults}
    assert {
        "purposes",
        "computations",
        "largest_epsilon",
        "people[1].name",
        "people[1].role",
        "typo",
        "people",
    } <= places


def test_one_key_under_two_names_is_a_fault(policy):
    document = policy.document()
    document["people"][1]["public_key"] = document["people"][0]["public_key"]
    with pytest.raises(Invalid, match="policy-malformed") as caught:
        policy_of(document)
    assert any("public_key twice" in fault for fault in caught.value.faults)


def test_a_study_within_the_floors_passes(policy):
    policy.check(Asked())
    policy.check(Asked(epsilon=0.5, quorum=9, minimum_cohort=1000))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": "marketing"}, "purpose-not-allowed"),
        ({"steps": (Step("a", "other", "", "everyone", 1.0, {}),)}, "computation-not-allowed"),
        ({"epsilon": 2.01}, "epsilon-above-policy"),
        ({"delta": 2e-5}, "delta-above-policy"),
        ({"quorum": 2}, "quorum-below-policy"),
        ({"minimum_cohort": 99}, "cohort-floor-below-policy"),
        ({"masking": MASKED, "colluders": 1, "epsilon_unmasked": 8.1}, "epsilon-unmasked-above-policy"),
        ({"masking": MASKED, "colluders": 0, "epsilon_unmasked": 8.0}, "colluders-below-policy"),
    ],
)
def test_each_breach_has_its_code(policy, changes, code):
    assert code_of(lambda: policy.check(Asked(**changes))) == code


def test_what_is_demanded_of_masks_is_said_only_where_it_is_not_the_default(policy):
    policy.check(Asked(masking=MASKED, colluders=1, epsilon_unmasked=8.0))
    assert not {"largest_epsilon_unmasked", "least_colluders"} & set(
        policy.document()
    )  # older policies keep their hash
    stricter = dataclasses.replace(policy, largest_epsilon_unmasked=4.0, least_colluders=2)
    assert policy_of(stricter.document()) == stricter
    assert stricter.hash != policy.hash
    assert code_of(lambda: stricter.check(Asked(masking=MASKED, colluders=1, epsilon_unmasked=4.0))) == (
        "colluders-below-policy"
    )
    stricter.check(Asked())  # a study without masks has nobody to collude


def test_several_breaches_are_all_named(policy):
    with pytest.raises(Refusal) as caught:
        policy.check(Asked(epsilon=9.0, quorum=1))
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["epsilon-above-policy", "quorum-below-policy"]


def test_the_first_policy_is_signed_by_two_of_its_own_people(book, policy, keys):
    book.accept(policy, two(keys), now=stamp(NOW))
    assert book.current() == policy
    book.verify()


def test_nothing_is_in_force_before(book):
    assert code_of(book.current) == "policy-unsigned"


def test_one_person_is_not_two(book, policy, keys):
    assert code_of(lambda: book.accept(policy, {"ada": keys["ada"]}, now=stamp(NOW))) == "same-person-twice"
    assert (
        code_of(lambda: book.accept(policy, {"ada": keys["ada"], "ben": keys["ada"]}, now=stamp(NOW)))
        == "person-key-wrong"
    )
    assert code_of(book.current) == "policy-unsigned"


def test_a_role_that_may_not_decide_may_not_sign(book, policy, keys):
    signers = {"ada": keys["ada"], "cara": keys["cara"]}
    assert code_of(lambda: book.accept(policy, signers, now=stamp(NOW))) == "role-not-allowed"


def test_a_change_needs_two_people_of_the_policy_before(book, policy, keys):
    book.accept(policy, two(keys), now=stamp(NOW))
    strangers = {name: Ed25519PrivateKey.generate() for name in ("eve", "mal")}
    people = tuple(Person(name, "ig-lead", PublicKey.of(key).text) for name, key in strangers.items())
    taken_over = dataclasses.replace(policy, people=people)
    assert code_of(lambda: book.accept(taken_over, strangers, now=stamp(NOW))) == "person-unknown"
    book.accept(taken_over, two(keys), now=stamp(NOW))
    assert book.current() == taken_over
    assert code_of(lambda: book.accept(policy, two(keys), now=stamp(NOW))) == "person-unknown"


@pytest.mark.parametrize("name", [POLICY_FILE, SIGNATURES_FILE])
def test_an_edited_file_stops_everything(book, policy, keys, tmp_path, name):
    book.accept(policy, two(keys), now=stamp(NOW))
    file = tmp_path / name
    file.write_text(file.read_text().replace("2.0", "2.5") if name == POLICY_FILE else "{}")
    assert code_of(book.current) == "policy-unsigned"


def test_a_forged_history_is_not_in_force(book, policy, keys, tmp_path):
    book.accept(policy, two(keys), now=stamp(NOW))
    laxer = dataclasses.replace(policy, largest_epsilon=9.0)
    with book._database.transaction() as connection:
        connection.execute("UPDATE policy SET document = ?, hash = ?", (json.dumps(laxer.document()), laxer.hash))
    (tmp_path / POLICY_FILE).write_text(laxer.toml())
    assert code_of(book.current) == "policy-unsigned"


def test_a_history_begun_anew_by_strangers_is_found_by_verify(book, policy, keys, tmp_path):
    book.accept(policy, two(keys), now=stamp(NOW))
    with book._database.transaction() as connection:
        connection.execute("DELETE FROM policy")
    strangers = {name: Ed25519PrivateKey.generate() for name in ("eve", "mal")}
    people = tuple(Person(name, "ig-lead", PublicKey.of(key).text) for name, key in strangers.items())
    other = Policies(tmp_path / "other", book._database, _Silent(), book._ledger, node="n")
    (tmp_path / "other").mkdir()
    other.accept(dataclasses.replace(policy, people=people), strangers, now=stamp(NOW))
    for name in (POLICY_FILE, SIGNATURES_FILE):
        (tmp_path / name).write_bytes((tmp_path / "other" / name).read_bytes())
    assert code_of(book.verify) == "policy-unsigned"


class _Silent:
    """An intruder's audit log, which writes nothing down."""

    def append(self, *_args, **_more):
        return 0


def test_an_earlier_policy_that_is_put_back_is_not_in_force(book, policy, keys, tmp_path):
    """Two people signed it once, so nothing but the log tells that another came after it."""
    book.accept(policy, two(keys), now=stamp(NOW))
    earlier = {name: (tmp_path / name).read_bytes() for name in (POLICY_FILE, SIGNATURES_FILE)}
    stricter = dataclasses.replace(policy, largest_epsilon=0.1)
    book.accept(stricter, two(keys), now=stamp(NOW))
    assert book.current() == stricter  # the control
    with book._database.transaction() as connection:
        connection.execute("DELETE FROM policy WHERE position = 2")
    for name, content in earlier.items():
        (tmp_path / name).write_bytes(content)
    anew = Policies(tmp_path, book._database, book._audit, book._ledger, node="n")
    assert code_of(book.current) == code_of(anew.current) == "policy-unsigned"


def test_files_that_a_crash_left_one_version_behind_are_written_anew(book, policy, keys, tmp_path):
    book.accept(policy, two(keys), now=stamp(NOW))
    before = {name: (tmp_path / name).read_bytes() for name in (POLICY_FILE, SIGNATURES_FILE)}
    changed = dataclasses.replace(policy, least_quorum=5)
    book.accept(changed, two(keys), now=stamp(NOW))
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    assert book.current() == changed
    assert read_policy_file(tmp_path / POLICY_FILE)["least_quorum"] == 5


def test_a_ceiling_below_what_was_spent_is_refused_and_changes_nothing(book, policy, keys):
    book.accept(policy, two(keys), now=stamp(NOW))
    with book._database.transaction() as connection:
        connection.execute("UPDATE account SET spent = ceiling")
    lower = dataclasses.replace(policy, lifetime_epsilon_outside=1.0)
    assert code_of(lambda: book.accept(lower, two(keys), now=stamp(NOW))) == "budget-exhausted"
    assert book.current() == policy
