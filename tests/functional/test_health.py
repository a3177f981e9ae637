"""What a monitor sees: three paths, codes of what is not ready, and figures in which no person can be found."""

import datetime
import json
import urllib.error
import urllib.request

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.parser import text_string_to_metric_families

from coordinator.assemble import SCHEMAS
from coordinator.doctor.ready import Ready as CoordinatorReady
from coordinator.vitals import coordinator_metrics
from coordinator.web.health import exposition as coordinator_exposition
from node.contact import CONNECTED, Contact
from node.doctor.ready import Ready
from node.vitals import node_metrics
from node.web.health import HealthApp, answering, exposition
from privacy.metrics import Tally, process_metrics
from privacy.probes import FRESH_SECONDS, Readiness
from tests import coordinators
from tests.approved import a_node, approved, rows
from tests.nodes import NOW

ROUND = {"round": np.array([1.0])}


def parsed(text: bytes) -> dict:
    families = text_string_to_metric_families(text.decode())
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def in_touch(node, at=NOW):
    contact = Contact(node.home)
    contact.answered(at)
    contact.connection(CONNECTED, at)
    return contact


def not_ready(node, contact):
    return {f.check: f.code for f in Readiness(Ready(node, contact).checks(), node.now).findings() if f.state == "fail"}


@pytest.fixture
def asked(tmp_path):
    return approved(tmp_path)


def test_figures_of_a_node_parse_and_say_what_was_done(asked):
    asked.ask(1, ROUND)
    asked.ask(9, {})
    contact = in_touch(asked.node)
    findings = Readiness(Ready(asked.node, contact).checks(), asked.node.now).findings()
    found = parsed(exposition(node_metrics(asked.node, contact, findings)))
    assert found["hedgerow_up",] == 1
    assert found["hedgerow_requests_total", ("code", "ok")] == 1
    assert found["hedgerow_requests_total", ("code", "place-unknown")] == 1
    assert found["hedgerow_charges_total",] == 2  # the cohort's, and one sum
    assert found["hedgerow_seconds_since_contact",] == 0
    assert {value for name, value in found.items() if name[0] == "hedgerow_ready"} == {1.0}
    view = ("part", "training"), ("view", "outside")
    spent, left = found["hedgerow_epsilon_spent", *view], found["hedgerow_epsilon_left", *view]
    assert 0 < spent < 10
    assert spent + left == pytest.approx(10, abs=0.01)


def test_neighbouring_data_sets_give_the_same_figures(tmp_path):
    texts = []
    everybody = rows().splitlines()
    for name, records in (("all", everybody), ("one fewer", everybody[:-2])):
        (tmp_path / name).mkdir()
        site = approved(tmp_path / name, records="\n".join(records), name="heads")
        site.ask(1, ROUND)
        contact = in_touch(site.node)
        findings = Readiness(Ready(site.node, contact).checks(), site.node.now).findings()
        texts.append(exposition(m for m in node_metrics(site.node, contact, findings) if "process" not in m.name))
    assert texts[0] == texts[1]
    assert b"150" not in texts[0]  # as many people as the first holds


def test_memory_and_processor_time_are_told_coarsely():
    near = [parsed(exposition(process_metrics(f"VmRSS:\t{kib} kB\n", 3.9))) for kib in (120_000, 120_900)]
    assert near[0] == near[1]
    assert near[0]["hedgerow_process_cpu_seconds_total",] == 3


def test_each_thing_that_is_not_ready_has_its_code(tmp_path):
    node = a_node(tmp_path, Ed25519PrivateKey.generate())
    assert not_ready(node, in_touch(node)) == {}
    assert not_ready(node, Contact(node.home)) == {"coordinator": "coordinator-unreachable"}
    long_ago = NOW - datetime.timedelta(hours=1)
    assert not_ready(node, in_touch(node, long_ago)) == {"coordinator": "coordinator-unreachable"}
    node.governance.register.pause(at=NOW.isoformat())
    assert not_ready(node, in_touch(node)) == {"paused": "node-paused"}
    node.governance.register.resume(at=NOW.isoformat())
    node.settings.wrapping_key_file.chmod(0o644)
    assert not_ready(node, in_touch(node)) == {"keys": "wrapping-key-exposed"}
    node.settings.wrapping_key_file.chmod(0o600)
    policy = node.home / "policy.toml"
    before = policy.read_text()
    policy.write_text(before.replace("research", "marketing"))
    assert not_ready(node, in_touch(node))["policy"] == "policy-unsigned"
    policy.write_text(before)
    with node.database.transaction() as connection:
        connection.execute("UPDATE optout_list SET as_of = '2026-01-01'")
    assert not_ready(node, in_touch(node)) == {"opt-outs": "optouts-stale"}


def get(port, path, method="GET", data=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=data)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_three_paths_are_answered_and_nothing_else(tmp_path):
    node = a_node(tmp_path, Ed25519PrivateKey.generate())
    contact = Contact(node.home)
    ready = Readiness(Ready(node, contact).checks(), node.now)
    app = HealthApp(ready, lambda: node_metrics(node, contact, ready.findings()))
    with answering(app, "127.0.0.1", 0) as port:
        assert get(port, "/healthz") == (200, b'{"alive": true}')
        status, body = get(port, "/readyz")
        assert status == 503
        wanted = [{"check": "coordinator", "code": "coordinator-unreachable"}]
        assert json.loads(body) == {"ready": False, "not_ready": wanted}
        assert parsed(get(port, "/metrics")[1])["hedgerow_up",] == 1
        assert get(port, "/")[0] == get(port, "/metrics/..")[0] == get(port, "/healthz/9434765919")[0] == 404
        assert get(port, "/metrics", "POST", b"x" * 100_000)[0] == get(port, "/healthz", "DELETE")[0] == 405
        for _ in range(3):
            assert b"9434765919" not in get(port, "/x?9434765919")[1]


def test_readiness_is_worked_out_at_most_every_few_seconds(tmp_path):
    node, clock = a_node(tmp_path, Ed25519PrivateKey.generate()), coordinators.Clock()
    contact = in_touch(node)
    ready = Readiness(Ready(node, contact).checks(), clock)
    first = ready.findings()
    node.governance.register.pause(at=NOW.isoformat())
    assert ready.findings() is first
    clock.pass_seconds(FRESH_SECONDS)
    assert "node-paused" in {finding.code for finding in ready.findings()}


def test_a_coordinators_figures_count_runs_and_nodes(tmp_path):
    home, clock = coordinators.new_home(tmp_path / "hub"), coordinators.Clock()
    answers = Tally()
    answers.add("200")
    with coordinators.serving(home, coordinators.sites(), clock) as hub:
        database = home.database(*SCHEMAS)
        findings = Readiness(CoordinatorReady(home, database, clock).checks(), clock).findings()
        found = parsed(coordinator_exposition(coordinator_metrics(hub, database, answers, findings)))
    assert found["hedgerow_nodes", ("state", "enrolled")] == found["hedgerow_nodes", ("state", "online")] == 3
    assert found["hedgerow_runs", ("state", "finished")] == 0
    assert found["hedgerow_requests_total", ("status", "200")] == 1
    assert {value for name, value in found.items() if name[0] == "hedgerow_ready"} == {1.0}
