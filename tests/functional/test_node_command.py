"""The node's command line as its people use it, on small files, good and bad; real processes where it matters."""

import contextlib
import datetime
import io
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.standing import Statement
from models.version import ModelVersion, version_of
from node.assemble import open_node
from node.clock import system_clock
from node.command import main
from privacy.computation import PACKAGES, Finder, Result
from privacy.enrolment import Enrolment, JoinKit
from privacy.optouts import OptOuts
from privacy.programme import programme
from privacy.release import SignedReceipt, encode
from privacy.signing import PublicKey
from privacy.software import package_sha256
from tests.builders import books
from tests.nodes import CONTRACT, HEADER, nhs_numbers

TREE = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", "-c", "from node.command import main; main()"]
PASSPHRASE = "three small pears"
PEOPLE = 400
TODAY = datetime.datetime.now(datetime.UTC).date()
FLOORS = """\
purposes = ["research"]
computations = ["linear-risk", "evaluation"]
largest_epsilon = 3.0
largest_delta = 1e-5
least_quorum = 1
least_minimum_cohort = 50
lifetime_epsilon_outside = 8.0
lifetime_epsilon_coordinator = 8.0
lifetime_delta = 1e-5
allow_test_numbers = true
"""


class Desk:
    """A directory with a join kit, a passphrase and a node's command."""

    def __init__(self, place):
        self.place, self.home = place, place / "node"
        self.hub = Ed25519PrivateKey.generate()
        kit = JoinKit(
            "hub", "https://127.0.0.1:9", "127.0.0.1:9", root_certificate(), PublicKey.of(self.hub).text, "ab" * 32
        )
        (place / "join.kit").write_bytes(kit.encode())
        (place / "pass").write_text(PASSPHRASE + "\n")
        (place / "floors.toml").write_text(FLOORS)

    def environ(self, **more):
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW")}
        ours |= {"PYTHONPATH": str(TREE), "HEDGEROW_NODE_HOME": str(self.home), "NO_COLOR": "1"}
        return {**ours, "HEDGEROW_PASSPHRASE_FILE": str(self.place / "pass"), **more}

    def run(self, *arguments, status=0, **environ):
        """Run a command in this process: what is printed and how it exits are those of a process of its own."""
        out, err, words = io.StringIO(), io.StringIO(), ["hedgerow-node", *map(str, arguments)]
        with (
            patch.dict(os.environ, self.environ(**environ), clear=True),
            patch.object(sys, "argv", words),
            patch.object(sys, "stdin", io.StringIO()),
            contextlib.chdir(self.place),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as exited,
        ):
            main()
        assert (exited.value.code or 0) == status, out.getvalue() + err.getvalue()
        return SimpleNamespace(out=out.getvalue(), err=err.getvalue())

    def process(self, *arguments, status=0, **environ):
        """Run a command as a process of its own."""
        command, environ = [*COMMAND, *map(str, arguments)], self.environ(**environ)
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
        done = subprocess.run(command, cwd=self.place, env=environ, check=False, **options)
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return SimpleNamespace(out=done.stdout, err=done.stderr)

    def code(self, *arguments, status):
        return json.loads(self.run(*arguments, "--json", status=status).err.splitlines()[-1])["code"]

    def init(self, *more, status=0, people=("ada=ig-lead", "ben=caldicott-guardian")):
        named = [word for person in people for word in ("--person", person)]
        words = ["init", self.home, "--name", "st-marys", "--join", "join.kit", "--keys", "keys", *named, *more]
        return self.run(*words, status=status)

    def load(self, people=PEOPLE):
        numbers = nhs_numbers(people)
        rows = [f"{n},L{i},{y},{30 + i % 50},{i % 2},W" for i, n in enumerate(numbers) for y in (1, 2)]
        (self.place / "visits.csv").write_text("\n".join([HEADER, *rows]))
        (self.place / "visits.toml").write_text(CONTRACT)
        (self.place / "allowed.txt").write_text("\n".join(numbers))
        self.run("optout", "load", "allowed.txt", "--as-of", TODAY)
        return self.run("ingest", "visits.toml", "visits.csv")

    def node(self):
        return open_node(self.home, {}, system_clock, finder=Finder(*PACKAGES))

    def offer(self, **changes):
        node = self.node()
        return node.governance.receive({**document(node.fingerprint), **changes}, now=system_clock())

    def by(self, person):
        return "--as", person, "--key", f"keys/{person}.key"

    def left(self):
        return sorted(p.relative_to(self.place).as_posix() for p in self.place.rglob("*"))


def root_certificate():
    """Return a certificate that nobody presents: connections must fail, not crash."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")]),
    )
    now = system_clock()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def document(fingerprint):
    parameters = {"features": ["age"], "outcome": "sex", "base_rate": 0.5}
    finder = Finder(*PACKAGES)
    return {
        "name": "who",
        "title": "Who?",
        "question": "Who?",
        "decision": "None",
        "intended_use": "Tests",
        "purpose": "research",
        "legal_basis": "Tests",
        "asked_by": "Tests",
        "ends": (TODAY + datetime.timedelta(days=30)).isoformat(),
        "data_set": "visits",
        "variables": [
            {"name": "age", "column": "age", "low": 0, "high": 120},
            {"name": "sex", "column": "sex", "low": 0, "high": 1},
        ],
        "steps": [{"name": "risk", "use": "linear-risk", "people": "training", "parameters": parameters}],
        "privacy": {"epsilon": 3.0, "delta": 1e-5, "quorum": 1, "minimum_cohort": 100},
        "invited": [{"name": "st-marys", "fingerprint": fingerprint}],
        "software": {"package": package_sha256(), "computations": {"linear-risk": finder.find("linear-risk").version}},
    }


@pytest.fixture
def bare(tmp_path):
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A node with records, shared by tests that do not get in each other's way."""
    desk = Desk(tmp_path_factory.mktemp("node"))
    desk.init("--policy", "floors.toml")
    desk.load()
    return desk


def test_init_makes_a_node_and_an_enrolment_that_the_coordinator_can_check(bare):
    fingerprint = bare.init().out.strip()
    enrolment = Enrolment.decode((bare.home / "enrolment.txt").read_bytes())
    assert (enrolment.name, enrolment.public_key.fingerprint) == ("st-marys", fingerprint)
    assert "BEGIN PUBLIC KEY" in enrolment.fleet_key
    private = [p for p in bare.home.rglob("*") if p.is_file()]
    assert {p.stat().st_mode & 0o077 for p in [*private, *(bare.place / "keys").iterdir()]} == {0}
    assert not any(b"PRIVATE KEY" in p.read_bytes() for p in private)
    assert json.loads(bare.run("audit", "verify", "--json").out)["verified"] is True


@pytest.mark.parametrize(
    ("people", "more", "status", "code"),
    [
        (["ada=ig-lead"], [], 3, "policy-malformed"),
        (["ada=ig-lead", "ben=analyst"], [], 3, "policy-malformed"),
        (["ada=ig-lead", "ben=king"], [], 3, "policy-malformed"),
        (["ada=ig-lead", "ben=ig-lead"], ["--policy", "bad.toml"], 3, "policy-malformed"),
        (["ada=ig-lead", "ben=ig-lead"], ["--join", "pass"], 3, "kit-malformed"),
        (["ada=ig-lead", "ben=ig-lead"], ["--join", "none"], 4, "file-unreadable"),
        (["ada=ig-lead", "ben=ig-lead"], ["--keys", "node/keys"], 5, "person-key-inside"),
        (["ada=ig-lead", "ben=ig-lead"], ["--wrapping-key", "node/wrapping"], 5, "wrapping-key-inside"),
        (["ada=ig-lead", "ben=ig-lead"], ["--name", "St Mary's"], 3, "settings-wrong"),
        (["ada=ig-lead", "ben=ig-lead"], ["--passphrase-file", "ben=short"], 3, "passphrase-short"),
    ],
)
def test_a_bad_init_has_its_code_and_leaves_nothing(bare, people, more, status, code):
    (bare.place / "bad.toml").write_text("typo = 1\n")
    (bare.place / "short").write_text("short\n")
    before = bare.left()
    done = bare.init("--json", *more, status=status, people=people)
    assert json.loads(done.err.splitlines()[-1])["code"] == code
    assert [path for path in bare.left() if path not in {*before, "keys"}] == []


def test_a_name_that_is_none_is_told_in_words_and_by_the_option(bare):
    said = bare.init("--name", "Site 9", status=3).err
    assert "(--name)" in said
    assert "name: is made of small letters, digits, - and _" in said
    assert "^" not in said
    assert str(bare.place) not in said


def test_a_node_is_never_made_twice_in_one_place(bare):
    bare.init()
    before = {p: p.read_bytes() for p in bare.home.rglob("*") if p.is_file()}
    assert json.loads(bare.init("--json", status=5).err.splitlines()[-1])["code"] == "home-exists"
    assert {p: p.read_bytes() for p in bare.home.rglob("*") if p.is_file()} == before


def test_a_study_is_explained_approved_by_two_and_paid_for(whole):
    record = whole.offer()
    assert record.state == "awaiting-first-approval", record.code
    assert "who " in whole.run("study", "list").out
    explanation = whole.run("study", "explain", "who").out
    assert "Each person" in explanation or "each person" in explanation
    assert "At this node" in explanation
    whole.run("study", "dossier", "who", "--out", str(whole.home.parent / "who.html"))
    page = (whole.home.parent / "who.html").read_text()
    assert record.hash in page
    assert "lifetime epsilon" in page
    assert json.loads(whole.run("study", "dossier", "who", "--json").out)["dossier"]["hash"] == record.hash
    assert whole.code("study", "dossier", "who", "--out", str(whole.home.parent / "who.html"), status=4)
    assert "awaiting-second" in whole.run("study", "approve", "who", *whole.by("ada")).out
    assert whole.code("study", "approve", "who", *whole.by("ada"), status=5) == "same-person-twice"
    done = json.loads(whole.run("study", "approve", record.hash[:20], *whole.by("ben"), "--json").out)
    assert done["state"] == "runnable"
    ledger = json.loads(whole.run("ledger", "show", "--json").out)
    assert [charge["place"] for charge in ledger["charges"]] == [0]
    assert {a["spent"] for a in ledger["accounts"]} == {ledger["charges"][0]["cost"]}
    assert "ada (ig-lead)" in whole.run("study", "show", "who").out
    whole.run("audit", "verify")
    assert "study-runnable" in whole.run("audit", "show", "--last", "50").out


def test_a_refusal_keeps_its_reason_here(whole):
    whole.offer(name="another")
    whole.run("study", "refuse", "another", *whole.by("ben"), "--reason", "no DPIA")
    shown = json.loads(whole.run("study", "show", "another", "--json").out)
    assert (shown["state"], shown["code"], shown["decisions"][0]["reason"]) == ("refused", "study-refused", "no DPIA")


def test_wrong_people_keys_and_passphrases_have_their_codes(whole):
    whole.offer(name="third")
    assert (
        whole.code("study", "approve", "third", "--as", "ben", "--key", "keys/ada.key", status=5) == "person-key-wrong"
    )
    assert whole.code("study", "approve", "third", "--as", "eve", "--key", "keys/ada.key", status=5) == "person-unknown"
    assert (
        whole.code("study", "approve", "third", "--as", "ada", "--key", "keys/none.key", status=4)
        == "person-key-unreadable"
    )
    assert whole.code("study", "approve", "nothing", *whole.by("ada"), status=5) == "study-unknown"
    (whole.place / "wrong").write_text("three small plums\n")
    words = ("study", "approve", "third", *whole.by("ada"), "--passphrase-file", "ada=wrong")
    assert whole.code(*words, status=5) == "passphrase-wrong"
    assert json.loads(whole.run("study", "show", "third", "--json").out)["decisions"] == []


def test_without_anybody_to_ask_a_passphrase_must_be_given(whole):
    done = whole.process("study", "approve", "who", *whole.by("ada"), status=4, HEDGEROW_PASSPHRASE_FILE="")
    assert done.err.startswith("passphrase-absent")


def test_people_and_policy_change_with_two_signatures(whole):
    both = ("--signed-by", "ada=keys/ada.key", "--signed-by", "ben=keys/ben.key")
    words = ("person", "add", "cara", "--role", "clinician", "--key", "keys/cara.key")
    assert whole.code(*words, "--signed-by", "ada=keys/ada.key", status=5) == "same-person-twice"
    assert not (whole.place / "keys" / "cara.key").exists()
    whole.run(*words, *both)
    changed = whole.run("policy", "show").out.replace("least_quorum = 1", "least_quorum = 2")
    (whole.place / "changed.toml").write_text(changed)
    whole.run("policy", "change", "changed.toml", *both)
    assert json.loads(whole.run("policy", "show", "--json").out)["least_quorum"] == 2
    (whole.place / "changed.toml").write_text(changed.replace("least_quorum = 2", "least_quorum = 1"))
    whole.run("policy", "change", "changed.toml", *both)
    whole.run("audit", "verify")


def test_scoring_is_for_those_who_may_and_replaces_no_file(whole):
    words = ("score", "--study", "who", *whole.by("ada"), "--purpose", "a list", "--out")
    (whole.place / "there.csv").write_text("kept")
    assert whole.code(*words, "there.csv", status=4) == "file-unwritable"
    assert (whole.place / "there.csv").read_text() == "kept"
    (whole.place / "way-in").symlink_to(whole.home)
    for inside in (whole.home / "scores.csv", whole.place / "way-in" / "scores.csv"):  # it would lie in every backup
        assert whole.code(*words, inside, status=5) == "out-inside-home"
        assert whole.code("compare", *words[1:], inside, status=5) == "out-inside-home"
    assert whole.code(*words, "scores.csv", "--model", "none", status=4) == "file-unreadable"
    assert whole.code(*words, "scores.csv", "--model", "pass", status=3) == "message-malformed"
    assert whole.code(*words, "scores.csv", status=4) == "coordinator-unreachable"
    assert whole.code("models", "pull", "who", "--out", "m", status=4) == "coordinator-unreachable"
    assert not (whole.place / "m").exists()
    assert json.loads(whole.run("models", "list", "--json").out) == []
    assert not (whole.place / "scores.csv").exists()


def a_model(desk, record):
    """Return a model of a study at this node alone, sealed by its coordinator, with the node's own signed receipts."""
    study, key = record.study(), desk.node().key
    (path := desk.place / "books").mkdir()
    kept, signed = books(path, node=PublicKey.of(key).fingerprint), []
    for place in [p for p in programme(study, Finder(*PACKAGES)).places[1:] if p.occurrence == 0]:
        charge = kept.ledger.charge(study.hash, place, f"request-{place.index}", at="2027-03-01T12:00:00+00:00")
        numbers = np.zeros(place.mechanism.width, np.uint64)
        sent = encode(kept.ledger.settle(charge, numbers, data=("visits@1",), optouts="l"), key)
        signed.append(SignedReceipt.of(sent))
    facts = {"features": ["age"], "outcome": "sex"}
    result = Result("linear-risk", {"weights": np.array([1.0, -1.0])}, facts)
    keys = {PublicKey.of(key).fingerprint: PublicKey.of(key).text}
    return ModelVersion(study, {"risk": result}, tuple(signed), keys, "2027-03-01T12:00:00+00:00").seal(desk.hub)


def statement(desk, standing, content, study, reason=""):
    said = Statement(standing, version_of(content), study, reason, "", "2027-03-01T12:00:00+00:00")
    return said.signed(desk.hub).document()


def test_a_model_is_used_from_a_file_or_the_shelf_until_it_is_withdrawn(whole):
    record = whole.offer(name="shared")
    content = a_model(whole, record)
    (whole.place / "shared.model").write_bytes(content)
    words = ("compare", "--study", "shared", *whole.by("ada"), "--purpose", "is it worth it", "--out")
    done = whole.run(*words, "first.json", "--model", "shared.model")
    assert "what this node knows holds" in done.err  # the coordinator is away
    other = whole.offer(name="other")
    wrong = ("compare", "--study", "other", *whole.by("ada"), "--purpose", "x", "--out", "no.json")
    assert whole.code(*wrong, "--model", "shared.model", status=5) == "model-study-other"
    assert other.hash != record.hash
    (whole.place / "changed.model").write_bytes(content[:-1] + b"\x01")
    assert whole.code(*words, "no.json", "--model", "changed.model", status=6) == "signature-wrong"
    assert whole.code("models", "verify", "changed.model", status=6) == "signature-wrong"
    found = json.loads(whole.run("models", "verify", "shared.model", "--enrolment", "node/enrolment.txt", "--json").out)
    assert [(o["name"], o["releases"]) for o in found["organisations"]] == [("st-marys", 2)]
    shelf = whole.node().shelf
    assert shelf.hear([statement(whole, "published", content, record.hash)]) == []
    shelf.keep(content, record.hash)
    whole.run(*words, "second.json")
    (entry,) = json.loads(whole.run("models", "list", "--json").out)
    assert (entry["study"], entry["state"], entry["kept"]) == ("shared", "published", True)
    assert shelf.hear([statement(whole, "withdrawn", content, record.hash, "a wrong column")]) == []
    assert whole.code(*words, "no.json", status=5) == "model-withdrawn"
    assert whole.code(*words, "no.json", "--model", "shared.model", status=5) == "model-withdrawn"
    assert whole.code("models", "verify", "shared.model", status=5) == "model-withdrawn"
    assert "a wrong column" in whole.run("models", "list").out
    assert not (whole.place / "no.json").exists()
    whole.run("audit", "verify")


@pytest.mark.parametrize(
    ("contract", "csv", "status", "code"),
    [
        ("typo = 1\n", None, 3, "contract-malformed"),
        (None, "", 3, "file-empty"),
        (None, HEADER + ",extra\n", 3, "column-undeclared"),
        (None, HEADER.replace(",age", "") + "\n", 3, "column-absent"),
        (None, HEADER + "\n1234567890,L,1,40,0,W\n", 3, "too-many-bad-rows"),
        (None, HEADER + "\n9990000018,L,9,40,0,W\n", 3, None),
    ],
)
def test_bad_records_have_a_code_and_change_nothing(whole, contract, csv, status, code):
    (whole.place / "bad.toml").write_text(contract or CONTRACT)
    (whole.place / "bad.csv").write_text(csv if csv is not None else HEADER)
    before = [v.version for v in whole.node().store.versions("visits")]
    found = whole.code("ingest", "bad.toml", "bad.csv", status=status)
    assert found == (code or found)
    assert [v.version for v in whole.node().store.versions("visits")] == before
    assert "9990000018" not in whole.run("ingest", "bad.toml", "bad.csv", status=status).err


def test_a_stale_list_stops_a_load(bare):
    bare.init("--policy", "floors.toml")
    assert bare.code("ingest", "missing.toml", "visits.csv", status=4) == "file-unreadable"
    bare.load()
    store = bare.node().store
    store.save_optouts(OptOuts.of(store.optouts().allowed, TODAY - datetime.timedelta(days=8)), bare.node().now())
    assert bare.code("ingest", "visits.toml", "visits.csv", status=5) == "optouts-stale"
    record = bare.offer()
    bare.run("study", "approve", record.hash, *bare.by("ada"))
    assert bare.code("study", "approve", record.hash, *bare.by("ben"), status=5) == "optouts-stale"
    bare.run("optout", "load", "allowed.txt", "--as-of", TODAY)
    assert "runnable" in bare.run("study", "approve", record.hash, *bare.by("ben")).out


def test_too_few_people_are_found_out_with_noise_and_refused(bare):
    bare.init("--policy", "floors.toml")
    bare.load(people=5)
    record = bare.offer(privacy={"epsilon": 3.0, "delta": 1e-5, "quorum": 1, "minimum_cohort": 2000})
    bare.run("study", "approve", record.hash, *bare.by("ada"))
    assert "cohort-too-small" in bare.run("study", "approve", record.hash, *bare.by("ben")).out


def test_tampering_is_found_and_said(bare):
    bare.init()
    with bare.node().database.transaction() as connection:
        connection.execute("UPDATE audit_leaf SET content = CAST(replace(content, 'ada', 'eve') AS BLOB)")
    assert bare.code("audit", "verify", status=6) == "audit-tampered"


def test_an_edited_policy_stops_every_decision(bare):
    bare.init()
    file = bare.home / "policy.toml"
    file.write_text(file.read_text().replace("largest_epsilon = 3.0", "largest_epsilon = 30.0"))
    assert bare.code("policy", "show", status=3) == "policy-malformed"
    file.write_text(file.read_text().replace("largest_epsilon = 30.0", "largest_epsilon = 13.0"))
    assert bare.code("policy", "show", status=5) == "policy-unsigned"
    assert bare.code("study", "approve", "x", *bare.by("ada"), status=5) == "policy-unsigned"
    assert "policy-unsigned" in bare.process("serve", status=5).err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "Usage"),
        (["--help"], 0, "Exit status"),
        (["nonsense"], 2, "No such command"),
        (["study", "approve"], 2, "Missing argument"),
        (["study", "list", "--home", "/nowhere"], 4, "home-absent"),
    ],
)
def test_the_command_line_teaches(bare, words, status, said):
    done = bare.process(*words, status=status)
    assert said in done.out + done.err


def test_every_command_shows_an_example(bare):
    from typer.main import get_command

    from node.command.menu import app

    def leaves(command, path):
        for name, one in getattr(command, "commands", {}).items():
            yield from leaves(one, [*path, name])
        if not hasattr(command, "commands"):
            yield " ".join(path), command.help

    found = list(leaves(get_command(app), ["hedgerow-node"]))
    assert len(found) >= 20
    assert [path for path, text in found if f"Example: {path}" not in " ".join(text.split())] == []


def test_settings_faults_are_listed_together_and_show_no_value(bare):
    bare.init()
    secret = secrets.token_hex(8)
    done = bare.run("study", "list", status=3, HEDGEROW_NODE_POLL_SECONDS=secret, HEDGEROW_NODE_TYPO=secret)
    assert done.err.startswith("settings-wrong")
    assert "poll_seconds" in done.err
    assert "typo" in done.err
    assert secret not in done.err


def test_a_fault_of_ours_shows_no_exceptions_text(bare):
    bare.init()
    with contextlib.closing(sqlite3.connect(bare.home / "state.sqlite")) as state:
        state.execute(
            "INSERT INTO study (hash, name, document, state, changed_at) VALUES ('h', 'n', '{}', 'runnable', '')"
        )
        state.execute("ALTER TABLE study RENAME COLUMN name TO n9990000018")
        state.commit()
    done = bare.process("study", "list", status=1)
    assert done.err.startswith("unexpected fault (TypeError at ")
    assert len(done.err.splitlines()) == 1
    assert "999" not in done.err


def test_serve_says_ready_keeps_trying_alone_and_ends_at_once(whole):
    options = {"cwd": whole.place, "env": whole.environ(), "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*COMMAND, "serve"], **options)
    try:
        assert process.stderr.readline().startswith("ready: st-marys ")
        assert json.loads(process.stderr.readline())["is_now"] == "coordinator-unreachable"  # nor is Flower dialled
        assert whole.process("serve", status=4).err.startswith("node-running")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - begun < 2
        more = process.stderr.read()
        assert more.count("coordinator-unreachable") <= 2
        assert "Traceback" not in more
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_reading_loads_nothing_heavy(whole):
    program = (
        "import sys\nfrom node.command import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'flwr', 'pandas', 'pyarrow', 'opacus', 'sklearn', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    for words in (["study", "list"], ["ledger", "show"], ["policy", "show"], ["--help"]):
        command = [sys.executable, "-P", "-c", program, *words]
        done = subprocess.run(command, env=whole.environ(), capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == "[]", words
