"""A finding is accepted by one named person with the right, key and a reason; signed, logged, and taken back."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import open_node
from node.findings import Finding
from node.people import open_key
from privacy.contract_file import contract_of
from privacy.discovery import identifiers_in
from privacy.errors import HedgerowError, Tampered
from tests.approved import FINDER, PASSPHRASE, a_node
from tests.nodes import NOW

WARD = Finding("visits", 1, "ward", "name")
WHY = "wards are named after people, DPIA section 4"


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    place = tmp_path_factory.mktemp("findings")
    return a_node(place, Ed25519PrivateKey.generate(), people=10)


@pytest.fixture
def node(founded):
    """Return the node as a new process would open it, with nothing accepted."""
    made = open_node(founded.home, {}, lambda: NOW, finder=FINDER)
    for accepted in made.findings.all():
        finding = Finding(accepted.data_set, accepted.contract_version, accepted.column_name, accepted.kind)
        made.findings.withdraw(finding, person="ben", key=key(made, "ben"), reason="the test is over")
    return made


def key(node, name):
    return open_key(node.home.parent / "keys" / f"{name}.key", PASSPHRASE, home=node.home)


def accept(node, finding=WARD, *, person="ada", reason=WHY, by=None):
    return node.findings.accept(finding, person=person, key=key(node, by or person), reason=reason)


def contract(node, **head):
    document = node.store.latest("visits").contract.document()
    return contract_of({**document, "contract": {**document["contract"], **head}})


def events(node):
    return [leaf for leaf in node.audit.events() if leaf["event"].startswith("finding-")]


def test_an_accepted_finding_counts_for_one_column_kind_and_version_of_a_contract(node):
    accept(node)
    assert node.findings.accepted(contract(node)) == {("ward", "name")}
    assert node.findings.accepted(contract(node, version=2)) == frozenset()
    assert node.findings.accepted(contract(node, name="others")) == frozenset()
    node.verify()


def test_the_log_says_who_answered_for_what_and_why(node):
    accept(node)
    facts = events(node)[-1]["facts"]
    assert (facts["person"], facts["role"], facts["reason"]) == ("ada", "ig-lead", WHY)
    assert [facts[name] for name in Finding.__dataclass_fields__] == ["visits", 1, "ward", "name"]


def test_what_is_withdrawn_counts_no_more_and_can_be_accepted_again(node):
    accept(node)
    node.findings.withdraw(WARD, person="ben", key=key(node, "ben"), reason="consultants are in it too")
    assert node.findings.accepted(contract(node)) == frozenset()
    assert events(node)[-1]["event"] == "finding-withdrawn"
    node.verify()
    accept(node, person="ben")
    assert [(a.person, a.kind) for a in node.findings.all()] == [("ben", "name")]
    node.verify()


REFUSED = {
    "no reason": ({"reason": "  "}, "purpose-absent"),
    "an NHS number for a reason": ({"reason": "asked by 999 000 0018"}, "reason-identifying"),
    "somebody's name": ({"reason": "for Mrs Featherstone"}, "reason-identifying"),
    "another's key": ({"by": "ben"}, "person-key-wrong"),
    "nobody of that name": ({"person": "eve", "by": "ada"}, "person-unknown"),
    "no such kind": ({"finding": Finding("visits", 1, "ward", "shoe-size")}, "finding-unknown"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_anything_less_is_refused_and_leaves_nothing(node, what):
    changes, code = REFUSED[what]
    before = node.audit.size
    with pytest.raises(HedgerowError) as caught:
        accept(node, **changes)
    assert caught.value.code == code
    assert (node.findings.all(), node.audit.size) == ([], before)


def test_one_finding_is_accepted_once_and_withdrawn_once(node):
    accept(node)
    with pytest.raises(HedgerowError) as caught:
        accept(node, person="ben")
    assert caught.value.code == "finding-accepted"
    node.findings.withdraw(WARD, person="ben", key=key(node, "ben"), reason="no longer")
    with pytest.raises(HedgerowError) as caught:
        node.findings.withdraw(WARD, person="ben", key=key(node, "ben"), reason="no longer")
    assert caught.value.code == "finding-unknown"


TAMPERED = (
    "UPDATE accepted_finding SET column_name = 'age'",
    "UPDATE accepted_finding SET reason = 'another'",
    "UPDATE accepted_finding SET kind = 'nhs-number'",
    "DELETE FROM accepted_finding",
    "UPDATE accepted_finding SET contract_version = 2",
)


@pytest.mark.parametrize("statement", TAMPERED)
def test_what_is_not_as_the_log_says_stops_the_next_load(node, statement):
    accept(node)
    rows = [tuple(row) for row in node.database.rows("SELECT * FROM accepted_finding")]
    node.findings.verify()
    with node.database.transaction() as connection:
        connection.execute(statement)
    try:
        for ask in (node.findings.verify, node.verify, lambda: node.findings.accepted(contract(node))):
            with pytest.raises(Tampered) as caught:
                ask()
            assert caught.value.code == "finding-tampered"
    finally:
        with node.database.transaction() as connection:
            connection.execute("DELETE FROM accepted_finding")
            connection.executemany("INSERT INTO accepted_finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


HOLDING = {
    "asked by 999 000 0018": "nhs-number",
    "number 943-476-5918": "nhs-number",
    "ring 07700 900123": "phone",
    "she lives at LS6 2AB": "postcode",
    "of 12 Acacia Avenue": "address",
    "for Mrs Featherstone": "name",
    "a.person@example.org": "e-mail",
    "JG 12 34 56 D": "national-insurance-number",
}


@pytest.mark.parametrize("text", HOLDING)
def test_an_identifier_in_one_sentence_is_recognised(text):
    assert identifiers_in(text) == (HOLDING[text],)


@pytest.mark.parametrize(
    "text",
    [
        WHY,
        "article 17 request 41",
        "IG group of 3 March 2027, item 7",
        "ticket 2027030112",
        "wrong since 2026-04-01 09:12:33",
    ],
)
def test_an_ordinary_reason_passes(text):
    assert identifiers_in(text) == ()
