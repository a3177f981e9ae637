"""Patients are found again only for who asked, with two others' approval, in time, for the very list, and once."""

import datetime
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.optouts import load_optouts
from node.people import create_key, open_key
from node.persons import recognise
from node.policy import policy_of
from node.reidentification import bucket, commitment
from node.reidentify import MOST_PEOPLE, approve, ask, read_list, run
from node.rotation import rotate_pseudonyms
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered, Unreachable
from privacy.signing import PublicKey, sign
from tests.approved import PASSPHRASE, a_node
from tests.nodes import NOW, nhs_numbers

PEOPLE = {"cara": "clinician", "dora": "ig-lead", "eve": "analyst"}
REASON = "falls clinic, weekly list"
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A node of reversible pseudonyms with an opt-out list and five people who may or may not ask."""
    place = tmp_path_factory.mktemp("reidentify")
    node = a_node(place, Ed25519PrivateKey.generate())
    added = []
    for name, role in PEOPLE.items():
        key = create_key(place / "keys" / f"{name}.key", PASSPHRASE, home=node.home)
        added.append({"name": name, "role": role, "public_key": PublicKey.of(key).text})
    document = node.policy.document()
    change(node, reversible_pseudonyms=True, people=[*document["people"], *added])
    rotate_pseudonyms(node, keys=keys_of(node, "ada", "ben"), erase_records=True)
    allow(node, place, nhs_numbers(150))
    return node


@pytest.fixture
def node(made):
    return made


@pytest.fixture
def out(tmp_path):
    return tmp_path / "numbers.csv"


def change(node, **fields):
    policy = policy_of({**node.policy.document(), **fields})
    node.policies.accept(policy, keys_of(node, "ada", "ben"), now=stamp(NOW))


def allow(node, place, numbers):
    (place / "list.txt").write_text("\n".join(numbers))
    load_optouts(
        file=place / "list.txt", as_of=NOW.date(), store=node.store, keystore=node.keystore, now=NOW,
        allow_test_numbers=True,
    )  # fmt: skip


def keys_of(node, *names):
    folder = node.home.parent / "keys"
    return {name: open_key(folder / f"{name}.key", PASSPHRASE, home=node.home) for name in names}


def signed(node, name):
    return {"person": name, "key": keys_of(node, name)[name]}


def listed(node, count=3, first=0):
    numbers = nhs_numbers(count, first=first)
    return recognise(numbers, node.keystore, allow_test_numbers=True).pseudonyms.tolist()


def asked(node, person="cara", purpose="direct-care", pseudonyms=None, **changes):
    given = {"purpose": purpose, "reason": REASON, "hours": 24, "pseudonyms": pseudonyms or listed(node), **changes}
    return ask(node, **signed(node, person), **given).hash


def approved(node, **changes):
    name = asked(node, **changes)
    for person in ("ada", "ben"):
        approve(node, name, **signed(node, person))
    return name


def at(node, now):
    return replace(node, now=lambda: now)


def code_of(act):
    with pytest.raises(HedgerowError) as told:
        act()
    return type(told.value), told.value.code


def test_who_asked_gets_the_numbers_of_the_list_in_its_order(node, out):
    pseudonyms = listed(node)[::-1]
    name = approved(node, pseudonyms=pseudonyms)
    found = run(node, name, **signed(node, "cara"), pseudonyms=pseudonyms, out=out)
    assert (found.people, found.people_left_out) == (3, 0)
    assert out.read_text().splitlines() == [
        "person,nhs_number",
        *(f"{p},{n}" for p, n in zip(pseudonyms, nhs_numbers(3)[::-1], strict=True)),
    ]
    assert oct(out.stat().st_mode & 0o777) == "0o600"
    assert node.requests.find(name).state(NOW) == "done"
    node.verify()


@pytest.mark.parametrize("person", ["ada", "dora", "eve"])
def test_only_a_clinician_asks_for_direct_care(node, person):
    assert code_of(lambda: asked(node, person)) == (Refusal, "role-not-allowed")


def test_an_analyst_asks_for_nothing_and_an_ig_lead_for_safety(node):
    assert code_of(lambda: asked(node, "eve", "patient-safety")) == (Refusal, "role-not-allowed")
    assert node.requests.find(asked(node, "dora", "patient-safety")).state(NOW) == "awaiting-first-approval"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"purpose": "curiosity"}, (Invalid, "reidentification-purpose")),
        ({"reason": "  "}, (Refusal, "purpose-absent")),
        ({"reason": "about 999 000 0018"}, (Refusal, "reason-identifying")),
        ({"hours": 169}, (Refusal, "reidentification-too-long")),
        ({"hours": 0}, (Refusal, "reidentification-too-long")),
        ({"hours": float("nan")}, (Refusal, "reidentification-too-long")),
        ({"pseudonyms": ["k1." + "0" * 32]}, (Refusal, "pseudonym-malformed")),
        ({"pseudonyms": ["r2." + "0" * 32] * (MOST_PEOPLE + 1)}, (Refusal, "reidentification-too-many")),
    ],
)
def test_what_cannot_be_asked_leaves_no_trace(node, changes, expected):
    before = len(node.requests.all()), node.audit.size
    assert code_of(lambda: asked(node, **changes)) == expected
    assert (len(node.requests.all()), node.audit.size) == before


def test_two_others_must_approve(node, out):
    name = asked(node)
    act = {**signed(node, "cara"), "pseudonyms": listed(node), "out": out}
    assert code_of(lambda: run(node, name, **act)) == (Refusal, "reidentification-waiting")
    approve(node, name, **signed(node, "ada"))
    assert code_of(lambda: run(node, name, **act)) == (Refusal, "reidentification-waiting")
    assert code_of(lambda: approve(node, name, **signed(node, "ada"))) == (Refusal, "same-person-twice")
    assert code_of(lambda: approve(node, name, **signed(node, "eve"))) == (Refusal, "role-not-allowed")
    assert code_of(lambda: approve(node, name, **signed(node, "cara"))) == (Refusal, "role-not-allowed")
    wrong = {"person": "ben", "key": keys_of(node, "ada")["ada"]}
    assert code_of(lambda: approve(node, name, **wrong)) == (Refusal, "person-key-wrong")
    assert not out.exists()
    assert approve(node, name, **signed(node, "ben")).state(NOW) == "approved"
    assert run(node, name, **act).people == 3


def test_nobody_approves_their_own_request(node):
    name = asked(node, "dora", "patient-safety")
    assert code_of(lambda: approve(node, name, **signed(node, "dora"))) == (Refusal, "reidentification-own")


def test_who_asked_is_no_approver_even_by_writing_the_state_file(node, out):
    name = asked(node, "dora", "patient-safety")
    approve(node, name, **signed(node, "ada"))
    listed_as = node.policy.person("dora")
    signature = sign(keys_of(node, "dora")["dora"], "reidentification", {"request": name, "step": "approve"})
    forged = (name, "approve", "dora", listed_as.role, listed_as.public_key, signature, stamp(NOW))
    other = PublicKey.of(Ed25519PrivateKey.generate()).text
    statement = "UPDATE reidentification_step SET public_key = ? WHERE request = ? AND step = 'request'"
    with node.database.transaction() as connection:
        connection.execute("INSERT INTO reidentification_step VALUES (?, ?, ?, ?, ?, ?, ?)", forged)
        connection.execute(statement, (other, name))
    act = {**signed(node, "dora"), "pseudonyms": listed(node), "out": out}
    try:
        assert code_of(lambda: run(node, name, **act)) == (Refusal, "reidentification-waiting")
        assert not out.exists()
    finally:
        with node.database.transaction() as connection:
            connection.execute("DELETE FROM reidentification_step WHERE request = ? AND person = 'dora' AND step = "
                               "'approve'", (name,))  # fmt: skip
            connection.execute(statement, (listed_as.public_key, name))
    approve(node, name, **signed(node, "ben"))  # a control: with a second one of another person it is done
    assert run(node, name, **act).people == 3
    node.verify()


def test_an_approver_who_left_approves_nothing(node, out):
    name = approved(node)
    people = node.policy.document()["people"]
    change(node, people=[{**p, "role": "auditor"} if p["name"] == "ben" else p for p in people])
    act = {**signed(node, "cara"), "pseudonyms": listed(node), "out": out}
    try:
        assert code_of(lambda: run(node, name, **act)) == (Refusal, "reidentification-waiting")
    finally:
        policy = policy_of({**node.policy.document(), "people": people})
        node.policies.accept(policy, keys_of(node, "ada", "dora"), now=stamp(NOW))
    assert run(node, name, **act).people == 3


def test_it_is_for_who_asked_alone(node, out):
    name = approved(node)
    act = {"pseudonyms": listed(node), "out": out}
    assert code_of(lambda: run(node, name, **signed(node, "ada"), **act)) == (Refusal, "role-not-allowed")
    wrong = {"person": "cara", "key": keys_of(node, "ada")["ada"]}
    assert code_of(lambda: run(node, name, **wrong, **act)) == (Refusal, "person-key-wrong")


@pytest.mark.parametrize("other", ["one more", "one less", "another"])
def test_another_list_than_was_approved_is_refused(node, out, other):
    name = approved(node)
    lists = {"one more": listed(node, 4), "one less": listed(node, 2), "another": listed(node, 3, first=50)}
    act = {**signed(node, "cara"), "pseudonyms": lists[other], "out": out}
    assert code_of(lambda: run(node, name, **act)) == (Refusal, "reidentification-list")
    assert not out.exists()


def test_it_is_answered_once_whatever_becomes_of_the_row(node, out, tmp_path):
    name = approved(node)
    act = {**signed(node, "cara"), "pseudonyms": listed(node)}
    run(node, name, **act, out=out)
    assert code_of(lambda: run(node, name, **act, out=tmp_path / "again.csv")) == (Refusal, "reidentified-already")
    assert code_of(lambda: approve(node, name, **signed(node, "dora"))) == (Refusal, "reidentified-already")
    row = tuple(node.database.one("SELECT * FROM reidentification_step WHERE request = ? AND step = 'run'", [name]))
    with node.database.transaction() as connection:
        connection.execute("DELETE FROM reidentification_step WHERE request = ? AND step = 'run'", (name,))
    assert code_of(lambda: run(node, name, **act, out=tmp_path / "again.csv")) == (Refusal, "reidentified-already")
    assert code_of(node.verify) == (Tampered, "reidentification-tampered")
    with node.database.transaction() as connection:
        connection.execute("INSERT INTO reidentification_step VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    node.verify()
    assert not (tmp_path / "again.csv").exists()


def test_it_expires(node, out):
    name, half = asked(node, hours=0.05), asked(node, hours=0.05)
    approve(node, half, **signed(node, "ada"))
    later = at(node, NOW + datetime.timedelta(minutes=3))
    assert later.requests.find(name).state(later.now()) == "expired"
    assert code_of(lambda: approve(later, half, **signed(node, "ben"))) == (Refusal, "reidentification-expired")
    ready = approved(node, hours=0.05)
    act = {**signed(node, "cara"), "pseudonyms": listed(node), "out": out}
    assert code_of(lambda: run(later, ready, **act)) == (Refusal, "reidentification-expired")
    assert not out.exists()
    assert run(at(node, NOW + datetime.timedelta(minutes=2, seconds=59)), ready, **act).people == 3


def test_who_objected_is_left_out_unless_it_is_for_direct_care(node, tmp_path):
    safety, care = approved(node, person="cara", purpose="patient-safety"), approved(node)
    allow(node, tmp_path, nhs_numbers(150)[1:])
    try:
        act = {**signed(node, "cara"), "pseudonyms": listed(node)}
        found = run(node, safety, **act, out=tmp_path / "safety.csv")
        assert (found.people, found.people_left_out) == (2, 1)
        assert nhs_numbers(1)[0] not in (tmp_path / "safety.csv").read_text()
        assert run(node, care, **act, out=tmp_path / "care.csv").people == 3
        assert nhs_numbers(1)[0] in (tmp_path / "care.csv").read_text()
        stale = approved(node, person="cara", purpose="patient-safety", hours=72)
        change(node, optouts_at_most_days=1)
        late = at(node, NOW + 2 * DAY)
        assert code_of(lambda: run(late, stale, **act, out=tmp_path / "late.csv")) == (Refusal, "optouts-stale")
    finally:
        change(node, optouts_at_most_days=7)
        allow(node, tmp_path, nhs_numbers(150))


def test_numbers_are_never_written_into_the_node_nor_over_a_file(node, tmp_path):
    name = approved(node)
    act = {**signed(node, "cara"), "pseudonyms": listed(node)}
    (tmp_path / "way-in").symlink_to(node.home)
    for inside in (node.home / "numbers.csv", tmp_path / "way-in" / "numbers.csv"):
        assert code_of(lambda out=inside: run(node, name, **act, out=out)) == (Refusal, "out-inside-home")
    (tmp_path / "there.csv").write_text("mine")
    for bad in (tmp_path / "there.csv", tmp_path / "nowhere" / "numbers.csv"):
        assert code_of(lambda out=bad: run(node, name, **act, out=out)) == (Unreachable, "file-unwritable")
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert run(node, name, **act, out=tmp_path / "numbers.csv").people == 3


def test_a_paused_node_finds_nobody(node, out):
    name = approved(node)
    node.governance.register.pause(at=stamp(NOW))
    act = {**signed(node, "cara"), "pseudonyms": listed(node), "out": out}
    try:
        assert code_of(lambda: run(node, name, **act)) == (Refusal, "node-paused")
    finally:
        node.governance.register.resume(at=stamp(NOW))


def test_made_up_pseudonyms_are_found_out_and_nothing_is_spent(node, out):
    pseudonyms = [*listed(node), "r2." + "0" * 32]
    name = approved(node, pseudonyms=pseudonyms)
    act = {**signed(node, "cara"), "pseudonyms": pseudonyms, "out": out}
    assert code_of(lambda: run(node, name, **act)) == (Tampered, "pseudonym-foreign")
    assert node.requests.find(name).state(NOW) == "approved"
    assert not out.exists()


def test_the_log_tells_every_step_and_no_pseudonym_number_or_count(node, out):
    size, pseudonyms = node.audit.size, listed(node, 37)
    name = approved(node, pseudonyms=pseudonyms)
    run(node, name, **signed(node, "cara"), pseudonyms=pseudonyms, out=out)
    leaves = [e for e in node.audit.events() if e["position"] >= size]
    events = ["reidentification-requested", *["reidentification-approved"] * 2, "reidentification-run"]
    assert [leaf["event"] for leaf in leaves] == events
    assert [leaf["facts"]["person"] for leaf in leaves] == ["cara", "ada", "ben", "cara"]
    assert {leaf["facts"]["people"] for leaf in leaves} == {"11 to 100"}
    told = json.dumps(leaves)
    assert not any(p in told for p in pseudonyms)
    assert not any(n in told for n in nhs_numbers(37))
    record = node.requests.find(name)
    assert record.salt not in told
    assert commitment(record.salt, pseudonyms) in told  # whoever is shown salt and list can check them
    assert [bucket(n) for n in (1, 2, 10, 11, 100)] == ["1", "2 to 10", "2 to 10", "11 to 100", "11 to 100"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reidentification SET document = replace(document, 'falls clinic', 'other clinic')",
        "UPDATE reidentification SET document = 'x'",
        "UPDATE reidentification_step SET person = 'ben' WHERE step = 'request'",
        "UPDATE reidentification_step SET step = 'approve' WHERE step = 'run'",
        "DELETE FROM reidentification_step WHERE step = 'approve'",
    ],
)
def test_whatever_is_changed_in_the_state_is_found(node, out, statement):
    name = approved(node)
    run(node, name, **signed(node, "cara"), pseudonyms=listed(node), out=out)
    node.verify()
    tables = ("reidentification", "reidentification_step")
    kept = {table: [tuple(r) for r in node.database.rows(f"SELECT * FROM {table}")] for table in tables}
    with node.database.transaction() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute(statement.replace("WHERE", f"WHERE request = '{name}' AND"))
    try:
        assert code_of(node.verify) == (Tampered, "reidentification-tampered")
    finally:
        with node.database.transaction() as connection:
            for table in reversed(tables):
                connection.execute(f"DELETE FROM {table}")
            for table in tables:
                marks = ", ".join("?" * len(kept[table][0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", kept[table])
    node.verify()


def test_a_list_is_one_a_line_or_what_score_wrote(tmp_path):
    file = tmp_path / "list"
    file.write_text("person,period,risk\nr1.a,2,0.3\nr1.b,2,0.2\n\nr1.a,1,0.1\n")
    assert read_list(file) == ["r1.a", "r1.b"]
    file.write_text("r1.b\r\n r1.a \r\n")
    assert read_list(file) == ["r1.b", "r1.a"]
    assert code_of(lambda: read_list(tmp_path / "none")) == (Unreachable, "file-unreadable")


def test_requests_are_found_by_their_first_digits(node):
    name = asked(node)
    assert node.requests.find(name.removeprefix("sha256:")[:16]).request.hash == name
    for text in ("", "sha256:", "zz"):
        assert code_of(lambda text=text: node.requests.find(text)) == (Refusal, "reidentification-unknown")


def test_a_rotation_ends_what_was_asked_before(node, out, tmp_path):
    pseudonyms = listed(node)
    name = approved(node)
    tag = rotate_pseudonyms(node, keys=keys_of(node, "ada", "ben"))
    act = {**signed(node, "cara"), "pseudonyms": pseudonyms, "out": out}
    assert code_of(lambda: run(node, name, **act)) == (Refusal, "reidentification-expired")
    assert code_of(lambda: asked(node, pseudonyms=pseudonyms)) == (Refusal, "pseudonym-malformed")
    assert run(node, approved(node), **{**act, "pseudonyms": listed(node)}).people == 3
    assert listed(node)[0].startswith(f"{tag}.")


def test_irreversible_pseudonyms_lead_to_nobody(tmp_path):
    node = a_node(tmp_path, Ed25519PrivateKey.generate())
    given = {"purpose": "patient-safety", "reason": REASON, "hours": 1, "pseudonyms": listed(node)}
    assert code_of(lambda: ask(node, **signed(node, "ada"), **given)) == (Refusal, "reidentification-impossible")
    change(node, reversible_pseudonyms=True)  # what is stored is what it was
    assert code_of(lambda: ask(node, **signed(node, "ada"), **given)) == (Refusal, "reidentification-impossible")


def test_a_policy_that_takes_it_back_stops_what_was_approved(node, out):
    name = approved(node)
    change(node, reversible_pseudonyms=False)
    act = {**signed(node, "cara"), "pseudonyms": listed(node), "out": out}
    try:
        assert code_of(lambda: run(node, name, **act)) == (Refusal, "reidentification-impossible")
    finally:
        change(node, reversible_pseudonyms=True)
    assert run(node, name, **act).people == 3
