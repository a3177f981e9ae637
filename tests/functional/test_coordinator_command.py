"""The operator's command as it is typed: codes, exit statuses, what goes where; a study over real TLS and Flower."""

import datetime
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from coordinator.command.findings import CALIBRATION
from coordinator.command.program import run
from coordinator.home import open_home
from node.federation.fleet import FleetSettings, hold_connection
from privacy.enrolment import JoinKit, Rotation
from privacy.errors import Refusal
from privacy.signing import PublicKey, read_aloud
from privacy.study import from_document
from tests.coordinators import NOW, STUDY, Site, sites, study_text

TREE = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-P", "-c", "from coordinator.command import main; main()"]
CONTRACT = """
[contract]
name = "rand-hie"
version = 1
title = "T"
owner = "O"
legal_basis = "L"
source = "S"
purpose = "Tests"
recipient = "A node"
table = "event"
key = ["nhs_number", "totadm"]
period = "year"

[columns.year]
kind = "measure"
type = "integer"
low = 1
high = 5

[columns.nhs_number]
kind = "direct-identifier"
type = "nhs-number"
treatment = "pseudonym"
""" + "".join(
    f'\n[columns.{name}]\nkind = "measure"\ntype = "number"\nlow = 0\nhigh = 100\n'
    for name in ("mdvis", "disea", "hlthp", "totadm")
)


class Operator:
    """Types commands in this process, and keeps what they print."""

    def __init__(self, home, capsys, **environ):
        self.home, self.capsys = home, capsys
        self.environ = {"HEDGEROW_COORDINATOR_HOME": str(home), **environ}
        self.now = lambda: NOW

    def types(self, *words):
        self.capsys.readouterr()
        self.status = run([str(w) for w in words], environ=self.environ, now=self.now, sleep=time.sleep)
        self.out, self.err = self.capsys.readouterr()
        return self.status

    def gets(self, *words):
        """Return the document that a command prints."""
        assert self.types(*words, "--json") == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def operator(tmp_path, capsys):
    return Operator(tmp_path / "hub", capsys)


@pytest.fixture
def hub(operator):
    assert operator.types("init", operator.home, "--name", "north", "--host", "hub.example.nhs.uk") == 0
    return operator


def enrolment_file(folder, site):
    path = folder / f"{site.name}.enrolment"
    path.write_bytes(site.enrolment.encode(site.key))
    return path


def test_init_makes_a_home_whose_secrets_are_its_own(hub):
    assert "Next:" in hub.out
    modes = {p.name: p.stat().st_mode & 0o777 for p in hub.home.rglob("*") if p.is_file()}
    private = {"identity.key", "authority.key", "server.key", "coordinator.db", "join.kit"}
    assert {name for name, mode in modes.items() if mode & 0o077 == 0} == private
    kit = JoinKit.decode((hub.home / "join.kit").read_bytes())
    assert (kit.api, kit.fleet) == ("https://hub.example.nhs.uk:8440", "hub.example.nhs.uk:8441")
    assert len(bytes.fromhex(kit.split_key)) == 32
    assert kit.root_certificate == (hub.home / "keys" / "authority.pem").read_text()
    assert PublicKey(kit.public_key).fingerprint in hub.out
    assert kit.split_key not in hub.out


def test_init_never_overwrites_and_leaves_nothing_half_done(hub, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert hub.types("init", hub.home, "--name", "north") == 5
    assert hub.err.startswith("home-exists:")
    assert hub.types("init", tmp_path / "b", "--name", "North West") == 3
    assert hub.types("init", tmp_path / "b", "--name", "north", "--host", "not a host") == 3
    assert hub.err.startswith("settings-wrong:")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("words", [["frob"], ["init"], ["study", "check"], ["run", "x", "--frob"], []])
def test_a_wrong_command_line_ends_with_2(operator, words):
    assert operator.types(*words) == 2


@pytest.mark.parametrize(
    "words", [[], ["init"], ["serve"], ["run"], ["run", "start"], ["run", "show"], ["run", "cancel"],
              ["run", "resume"], ["node", "enrol"], ["node", "list"], ["study", "check"],
              ["study", "new"], ["study", "diff"], ["study", "dossier"], ["study", "withdraw"],
              ["study", "price"], ["study", "submit"], ["study", "status"],
              ["result", "show"], ["result", "export"]]
)  # fmt: skip
def test_help_teaches_with_an_example(operator, words):
    assert operator.types(*words, "--help") == 0
    assert "hedgerow-coordinator " + " ".join(words) in operator.out.partition("Usage:")[2].partition("\n")[2]


def test_a_command_without_a_home_says_so(operator):
    for words in (["node", "list"], ["study", "status"], ["run", "x"], ["serve"]):
        assert operator.types(*words) == 4
        assert operator.err.startswith("home-absent:")


def test_settings_come_from_flag_then_environment_then_file(hub):
    (hub.home / "coordinator.toml").write_text('name = "north"\napi_port = 1001\nfleet_port = 1002\n')
    environ = {"HEDGEROW_COORDINATOR_API_PORT": "2001", "HEDGEROW_COORDINATOR_FLEET_PORT": "2002"}
    settings = open_home(hub.home, environ=environ, flags={"api_port": 3001, "fleet_port": None}).settings
    assert (settings.api_port, settings.fleet_port, settings.deadline_seconds) == (3001, 2002, 60)


def test_all_faulty_settings_are_told_at_once(hub):
    (hub.home / "coordinator.toml").write_text('name = "north"\napi_prot = 1\nfleet_port = 70000\n')
    hub.environ["HEDGEROW_COORDINATOR_DEADLINE"] = "5"
    assert hub.types("study", "status") == 3
    for name in ("api_prot", "fleet_port", "deadline"):
        assert f"- {name}:" in hub.err


def test_nodes_are_enrolled_once_and_listed(hub, tmp_path):
    site = Site("leeds")
    file = enrolment_file(tmp_path, site)
    assert hub.types("node", "enrol", file) == 0
    assert site.fingerprint in hub.out
    assert hub.types("node", "enrol", file) == 5
    assert hub.gets("node", "list")["nodes"][0]["fingerprint"] == site.fingerprint
    assert hub.types("node", "enrol", tmp_path / "none") == 4
    file.write_bytes(b"not one")
    assert hub.types("node", "enrol", file) == 3
    assert hub.err.startswith(f"kit-malformed: The join kit or enrolment file is not one. ({file})")


def test_a_node_changes_its_key_and_is_turned_out(hub, tmp_path):
    site, file = Site("leeds"), tmp_path / "rotation.txt"
    assert hub.types("node", "enrol", enrolment_file(tmp_path, site)) == 0
    assert read_aloud(site.fingerprint) in hub.out
    file.write_bytes(Rotation(site.fingerprint, Site("x").enrolment.fleet_key, 2).encode(site.key))
    assert hub.gets("node", "rotate", file)["fleet_key"] == 2
    assert hub.types("node", "rotate", file) == 5
    assert hub.err.startswith("rotation-old:")
    stranger = Site("york")
    file.write_bytes(Rotation(stranger.fingerprint, stranger.enrolment.fleet_key, 2).encode(stranger.key))
    for words in (("node", "rotate", file), ("node", "revoke", "york", "--reason", "x", "--yes")):
        assert hub.types(*words) == 5
        assert hub.err.startswith("node-unknown:")
    assert hub.types("node", "revoke", "leeds", "--reason", " ") == 2
    assert hub.types("node", "revoke", "leeds", "--reason", "ticket 4711") == 5  # nobody said yes
    assert hub.err.startswith("not-confirmed:")
    assert hub.types("node", "revoke", "leeds", "--reason", "ticket 4711", "--yes") == 0
    (row,) = hub.gets("node", "list")["nodes"]
    assert (row["state"], row["reason"], row["online"]) == ("revoked", "ticket 4711", None)
    assert hub.types("node", "list") == 0
    assert "revoked" in hub.out
    assert hub.types("node", "enrol", enrolment_file(tmp_path, site)) == 5
    assert hub.err.startswith("node-revoked:")


def test_certificates_are_shown_and_renewed_and_the_kit_is_written_again(hub, tmp_path):
    before = hub.gets("certificate", "show")
    assert (before["hosts"], before["server_due"], before["authority_near"]) == (["hub.example.nhs.uk"], False, False)
    assert hub.types("kit", "--host", "10.0.0.9", "--out", tmp_path / "new.kit") == 3
    assert hub.err.startswith("host-uncertified:")
    assert hub.gets("certificate", "renew", "--host", "10.0.0.9")["hosts"] == ["hub.example.nhs.uk", "10.0.0.9"]
    assert hub.types("certificate", "renew", "--host", "not a host") == 3
    split_key = JoinKit.decode((hub.home / "join.kit").read_bytes()).split_key
    assert hub.types("kit", "--host", "10.0.0.9", "--out", tmp_path / "new.kit") == 0
    assert "https://10.0.0.9:8440" in hub.out
    assert split_key not in hub.out
    old = JoinKit.decode((hub.home / "join.kit").read_bytes()).root_certificate
    assert hub.types("certificate", "renew", "--authority") == 0
    kit = JoinKit.decode((hub.home / "join.kit").read_bytes())
    assert kit.root_certificate == (hub.home / "keys" / "authority.pem").read_text() != old
    assert kit.split_key == split_key
    assert hub.types("certificate", "show") == 0
    assert "until" in hub.out


@pytest.mark.parametrize(
    ("code", "status", "pattern", "put"),
    [
        ("study-malformed", 3, r"epsilon = 3.0", "epsilon = -3.0"),
        ("study-malformed", 3, r"spares = 1", "spares = 1\nspaers = 2"),
        ("study-malformed", 3, r"\[study\]", "[study"),
        ("study-expired", 5, r"ends = .*", "ends = 2027-02-28"),
        ("computation-unknown", 3, r'"linear-risk"', '"oracle"'),
        ("variable-unknown", 3, r'\["visits"', '["weight"'),
        ("variable-unknown", 3, r'column = "mdvis"', 'column = "weight"'),
        ("parameters-wrong", 3, r"rounds = 2", "rounds = 0"),
        ("variable-bounds", 3, r"high = 50", "high = 500"),
        ("data-set-other", 3, r'data_set = "rand-hie"', 'data_set = "other"'),
    ],
)
def test_a_study_with_a_fault_gets_a_code_and_a_status(operator, tmp_path, code, status, pattern, put):  # noqa: PLR0917 - a table
    contract, study = tmp_path / "contract.toml", tmp_path / "study.toml"
    contract.write_text(CONTRACT)
    study.write_text(re.sub(pattern, put, STUDY.read_text(), count=1))
    assert operator.types("study", "check", study, "--contract", contract) == status
    assert operator.err.startswith(code + ":")
    assert "Next: " in operator.err
    assert operator.out == ""
    assert operator.types("study", "check", study, "--contract", contract, "--json") == status
    assert json.loads(operator.err)["code"] == code


def test_a_sound_study_is_checked_and_priced_without_a_home(operator, tmp_path):
    (tmp_path / "contract.toml").write_text(CONTRACT)
    assert operator.types("study", "check", STUDY, "--contract", tmp_path / "contract.toml") == 0
    assert operator.types("study", "price", STUDY) == 0
    assert "risk: second-moments 1" in operator.out
    price = operator.gets("study", "price", STUDY)
    assert price["epsilon_if_continuous"] < price["epsilon"] <= price["epsilon_asked"] == 3
    assert list(price["epsilon_against"]) == ["outsider", "participant", "colluders", "coordinator"]
    assert all(list(known) == ["1", "2", "3"] for known in price["epsilon_against"].values())
    assert not operator.home.exists()


def test_two_studies_are_compared_and_one_is_put_on_paper(operator, tmp_path):
    other, contract, page = tmp_path / "other.toml", tmp_path / "contract.toml", tmp_path / "d.html"
    other.write_text(STUDY.read_text().replace("epsilon = 3.0", "epsilon = 1.0"))
    contract.write_text(CONTRACT)
    (difference,) = operator.gets("study", "diff", STUDY, other)["differences"]
    assert (difference["before"], difference["after"], difference["privacy"]) == ("3", "1", "stronger")
    assert operator.types("study", "diff", STUDY, STUDY) == 0
    assert "ask the same" in operator.out
    assert operator.gets("study", "dossier", STUDY, "--contract", contract)["study"] == "next-year-admission"
    assert operator.types("study", "dossier", STUDY, "--contract", contract, "--out", page) == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert operator.types("study", "dossier", STUDY, "--out", page) == 4
    assert operator.types("study", "dossier", "not-a-file") == 4  # a name: for the server that is not there
    assert operator.err.startswith("home-absent:")


def test_an_unexpected_fault_is_one_line_without_its_text(operator, monkeypatch):
    def planted(*_, **__):
        raise RuntimeError("9990000018")

    monkeypatch.setattr("coordinator.pricing.price_of", planted)
    assert operator.types("study", "price", STUDY) == 1
    assert operator.err == "fault: something unexpected happened (RuntimeError). Please report it.\n"


def test_a_server_that_is_not_there_is_unreachable(hub):
    assert hub.types("study", "status") == 4
    assert hub.err.startswith("server-unreachable:")


def test_a_key_that_others_can_read_is_refused(hub):
    (hub.home / "keys" / "identity.key").chmod(0o644)
    assert hub.types("study", "status") == 5
    assert hub.err.startswith("key-exposed:")


def test_every_command_but_serve_does_without_the_heavy_imports(hub):
    check = (
        "import sys; from coordinator.command.program import run; import datetime, os, time\n"
        "run(sys.argv[1:], environ=os.environ, now=lambda: datetime.datetime.now(datetime.UTC), sleep=time.sleep)\n"
        "print([m for m in ('flwr', 'fastapi', 'uvicorn', 'torch', 'opacus') if m in sys.modules], file=sys.stderr)"
    )
    for words in (["node", "list"], ["study", "price", str(STUDY)], ["study", "status"], ["--help"]):
        done = subprocess.run(
            [sys.executable, "-P", "-c", check, *words], env=environ_of(hub), capture_output=True, text=True, check=True
        )
        assert done.stderr.splitlines()[-1] == "[]"


def environ_of(operator):
    return {**os.environ, **operator.environ, "PYTHONPATH": str(TREE)}


def free_ports(count):
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in found]
    for each in found:
        each.close()
    return ports


@contextmanager
def started(operator, log):
    """Serve in a process of its own, as an operator would, until the end of the block."""
    with log.open("a") as stderr:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--json"], env=environ_of(operator), stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            process.ready = json.loads(line)
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def connected(site, kit, folder, answer):
    """Keep a site connected to the coordinator's fleet."""
    stop, up = threading.Event(), threading.Event()
    (folder / site.name).mkdir(exist_ok=True)
    settings = FleetSettings(kit.fleet, kit.root_certificate.encode(), site.fleet, folder / site.name)
    thread = threading.Thread(
        target=hold_connection,
        args=(settings,),
        kwargs={
            "answer": answer,
            "refuse": lambda code, send: send(site.notice("refused", code=code)),
            "stop": stop,
            "on_state": lambda state: up.set() if state == "connected" else None,
        },
    )
    thread.start()
    try:
        assert up.wait(20)
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def served(operator, tmp_path):
    api, fleet = free_ports(2)
    operator.now = lambda: datetime.datetime.now(datetime.UTC)
    assert operator.types("init", operator.home, "--name", "n", "--api-port", api, "--fleet-port", fleet) == 0
    operator.members = sites()
    for site in operator.members:
        assert operator.types("node", "enrol", enrolment_file(tmp_path, site)) == 0
    (tmp_path / "study.toml").write_text(study_text(operator.members))
    operator.study_file = tmp_path / "study.toml"
    operator.kit = JoinKit.decode((operator.home / "join.kit").read_bytes())
    with started(operator, tmp_path / "hub.log") as process:
        operator.process = process
        yield operator


def approve(operator, site):
    """Approve as the node's own client does: a signed notice, under a token of its own."""
    from node.federation.hub import Hub

    hub = Hub(operator.kit, site.key, operator.now)
    offer = hub.news().studies[0]
    assert from_document(offer["document"]).hash == offer["hash"]
    hub.send_notice(site.notice("approved", offer["hash"]))
    return hub, offer["hash"]


def answering(operator, study, site):
    public = PublicKey(operator.kit.public_key)
    return lambda content, send: send(site.answer_zeros(study, public, content))


def test_a_study_from_submission_to_result(served, tmp_path):
    status = served.gets("study", "submit", served.study_file)
    study_hash = status["hash"]
    assert served.types("run", study_hash[7:20], "--no-watch") == 5
    assert served.err.startswith("study-not-ready:")
    assert served.types("result", "show", study_hash) == 5
    assert served.types("study", "status", "nobodys") == 5
    hubs = [approve(served, site)[0] for site in served.members]
    leeds, york, hull = served.members
    study = from_document(hubs[0].news().studies[0]["document"])
    with (
        connected(leeds, served.kit, tmp_path, answering(served, study, leeds)),
        connected(york, served.kit, tmp_path, answering(served, study, york)),
        connected(hull, served.kit, tmp_path, answering(served, study, hull)),
    ):
        assert served.gets("study", "status", study.name)["ready"]
        assert served.types("run", study.name, "--at-least", 3) == 0, served.err
    assert "sums done" in served.err or "the run is" in served.err or served.err == ""
    assert "exchanges" in served.out
    found = served.gets("result", "show", study.name)
    assert (found["receipts"], found["exchanges"], len(found["nodes"])) == (12, 4, 3)
    assert served.types("result", "show", study.name) == 0
    lines = served.out.splitlines()
    assert lines[lines.index(CALIBRATION) + 1].split() == ["observed", "predicted"]
    with pytest.raises(Refusal, match="model-unpublished"):
        hubs[0].model(study_hash)
    assert served.types("models", "publish", study.name) == 5
    assert served.err.splitlines()[-2].startswith("not-confirmed:")
    assert served.types("models", "publish", study.name, "--limits", "adults only", "--yes") == 0, served.err
    assert hubs[0].model(study_hash) == next((served.home / "models").iterdir()).read_bytes()
    (said,) = hubs[1].news().models
    assert (said["standing"], said["reason"], said["version"]) == ("published", "adults only", found["version"])
    assert served.types("models", "withdraw", study.name, "--reason", "a wrong column", "--yes") == 0, served.err
    with pytest.raises(Refusal, match="model-withdrawn"):
        hubs[0].model(study_hash)
    assert [said["standing"] for said in hubs[2].news().models] == ["withdrawn", "published"]
    assert [m["state"] for m in served.gets("models", "list")["models"]] == ["withdrawn"]
    assert served.gets("models", "show", study.name)["withdrawn"]["reason"] == "a wrong column"
    assert served.types("models", "publish", study.name, "--yes") == 5
    page = tmp_path / "r.html"
    assert served.gets("result", "export", study.name, "--out", page)["files"] == [str(page)]
    assert study_hash in page.read_text()
    models_commands(served, study.name, page, tmp_path)
    assert served.types("result", "export", study.name, "--format", "csv", "--out", tmp_path / "csv") == 0, served.err
    assert served.types("result", "export", study.name, "--format", "pdf", "--out", tmp_path / "r.pdf") == 2
    assert served.types("study", "withdraw", study.name, "--reason", "too late", "--yes") == 5
    assert served.err.startswith("study-finished:")
    for hub in hubs:
        hub.close()


def models_commands(served, name, page, place):
    """Card, exports and verify, as typed."""
    told = served.gets("models", "card", name)
    assert told["markdown"].startswith("# Model card:")
    assert "WITHDRAWN" in told["markdown"]
    files = {"card.html": "card", "card.md": "card", "risk.json": "export", "risk.onnx": "export"}
    for file, command in files.items():
        assert served.types("models", command, name, "--out", place / file) == 0, served.err
        assert served.types("models", command, name, "--out", place / file) == 4
    (model,) = (served.home / "models").iterdir()
    for file in (*(place / file for file in files), page, model):
        found = served.gets("models", "verify", file)
        assert (found["model"], found["state"]) == (told["model"], "withdrawn")
    assert [o["name"] for o in found["organisations"]] == ["leeds", "york", "hull"]
    (place / "card.md").write_text("# Model card: better")
    assert served.types("models", "verify", place / "card.md") == 6
    assert served.err.startswith("export-changed:")
    assert served.types("models", "export", name, "--out", place / "risk.pkl") == 3
    assert served.types("models", "card", "nobodys") == 5
    assert not (place / "risk.pkl").exists()


def test_a_coordinator_that_was_killed_goes_on_where_it_was(served, tmp_path):
    served.types("study", "submit", served.study_file)
    hubs = [approve(served, site)[0] for site in served.members[:2]]
    study = from_document(hubs[0].news().studies[0]["document"])
    for hub in hubs:
        hub.close()
    leeds, york, _ = served.members
    asked, silent = [], threading.Event()

    def counted(content, send):
        asked.append(content)
        answering(served, study, leeds)(content, send)

    def silent_at_first(content, send):
        silent.set()

    with connected(leeds, served.kit, tmp_path, counted):
        with connected(york, served.kit, tmp_path, silent_at_first):
            assert served.types("run", study.name, "--no-watch") == 0
            assert silent.wait(20)
        waiting = served.gets("study", "status", study.name)["run"]
        assert (waiting["waiting"], waiting["done"]) == (["york"], 0)
        served.process.send_signal(signal.SIGKILL)
        served.process.wait()
        with (
            started(served, tmp_path / "hub.log"),
            connected(york, served.kit, tmp_path, answering(served, study, york)),
        ):
            assert served.types("run", study.name) == 0, served.err
    assert len(set(asked)) == 4  # the same four requests, whoever asked them


def test_a_run_is_shown_cancelled_and_resumed_as_it_is_typed(served, tmp_path):
    served.types("study", "submit", served.study_file)
    hubs = [approve(served, site)[0] for site in served.members[:2]]
    study = from_document(hubs[0].news().studies[0]["document"])
    for hub in hubs:
        hub.close()
    leeds, york, _ = served.members
    silent = threading.Event()
    assert served.types("run", "show", study.name) == 0
    assert "not been run" in served.out
    assert served.types("run", "resume", study.name) == 5
    assert served.err.startswith("run-absent:")
    assert served.types("run", "start", study.name, "--node", "leeds", "--node", "hull", "--no-watch") == 5
    assert served.err.startswith("node-not-approved:")
    with connected(leeds, served.kit, tmp_path, answering(served, study, leeds)):
        assert served.types("run", study.name, "--node", "leeds", "--node", "york", "--no-watch") == 5
        assert served.err.startswith("node-offline:")
        with connected(york, served.kit, tmp_path, lambda content, send: silent.set()):
            words = ("--node", "leeds", "--node", "york", "--deadline", "50", "--no-watch")
            assert served.types("run", study.name, *words) == 0
            assert silent.wait(20)
            before = time.monotonic()
            assert served.types("run", "show", study.name) == 0
            assert "waiting for york since" in served.out
            assert served.types("run", "cancel", study.name) == 0
            assert time.monotonic() - before < 20  # not the deadline of 50 s, three times
        assert served.gets("run", "show", study.name)["runs"][0]["state"] == "cancelled"
        assert served.types("run", study.name) == 5
        assert served.err.startswith("run-cancelled:")
        with connected(york, served.kit, tmp_path, answering(served, study, york)):
            assert served.types("run", "resume", study.name) == 0, served.err
    assert "exchanges" in served.out
    history = served.gets("run", "show", study.name)
    assert [run["state"] for run in history["runs"]] == ["cancelled", "finished"]
    assert {run["deadline_seconds"] for run in history["runs"]} == {50}
    assert served.types("run", "show", study.name) == 0
    assert re.search(r"^york +\d+\.\d\d", served.out, re.MULTILINE)


def test_a_node_that_is_enrolled_while_it_serves_is_admitted(served, tmp_path):
    late = Site("selby")
    assert served.types("node", "enrol", enrolment_file(tmp_path, late)) == 0
    with connected(late, served.kit, tmp_path, lambda content, send: None):
        assert [node["name"] for node in served.gets("node", "list")["nodes"]] == ["hull", "leeds", "selby", "york"]


def test_the_server_says_when_and_where_it_is_ready(served):
    ready = {"ready": True, "api": served.kit.api, "fleet": served.kit.fleet, "nodes": 3}
    assert served.process.ready == {**ready, "key": PublicKey(served.kit.public_key).fingerprint}


def test_sigterm_ends_the_server_cleanly_within_seconds(served):
    before = time.monotonic()
    served.process.terminate()
    assert served.process.wait(timeout=10) == 0
    assert time.monotonic() - before < 8
    assert served.types("study", "status") == 4


def test_another_servers_key_does_not_open_this_one(served, tmp_path, capsys):
    stranger = Operator(tmp_path / "other", capsys)
    port = served.kit.api.rpartition(":")[2]
    assert stranger.types("init", stranger.home, "--name", "other", "--api-port", port) == 0
    assert stranger.types("study", "status") == 4  # its authority does not vouch for that server
    (stranger.home / "keys" / "authority.pem").write_text(served.kit.root_certificate)
    stranger.now = served.now
    assert stranger.types("study", "status") == 5
    assert stranger.err.startswith("token-refused:")


def test_a_draft_names_what_is_left_and_check_does_too(hub, tmp_path):
    site, contract, out = Site("leeds"), TREE / "deploy/demo/contract.toml", tmp_path / "frailty.toml"
    assert hub.types("node", "enrol", enrolment_file(tmp_path, site)) == 0
    listed = hub.gets("study", "new", "--list")["templates"]
    assert list(listed) == ["compare-models", "made-up-people", "risk-model", "small-budget", "tables"]
    words = ["study", "new", "--contract", contract, "--outcome", "totadm", "--out", out]
    left = hub.gets(*words)["unfinished"]
    assert site.fingerprint in out.read_text()
    assert hub.types("study", "check", out, "--contract", contract) == 3
    assert all(f"- {place}: is still to be filled in" in hub.err for place in left)
    text = re.sub(r'base_rate = "TODO[^"]*"', "base_rate = 0.1", out.read_text())
    out.write_text(re.sub(r'"TODO[^"]*"', '"population-health"', text))
    assert hub.types("study", "check", out, "--contract", contract) == 0, hub.err
    assert hub.types(*words) == 4
    assert hub.err.startswith("file-unwritable:")


def test_a_study_can_be_drafted_where_no_coordinator_lives(operator):
    assert operator.types("study", "new", "--template", "small-budget") == 0
    assert "TODO" in operator.out
    assert not operator.home.exists()
    assert operator.types("study", "new", "--template", "oracle") == 3
    assert operator.err.startswith("template-unknown:")
