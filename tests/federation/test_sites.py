"""Sites come and go for real: a coordinator and nodes as processes, the commands that two operators type, over TLS.

Whatever is done about one site, every other site's files stay as they are, byte for byte, and it stays connected.
"""

import json
import shutil
import ssl
from hashlib import sha256

import pytest

from deploy.demo.in_process import APPROVERS, FOUNDERS, PASSPHRASE
from deploy.demo.stage import DemoFailed, free_ports, stage, wait_for
from privacy.atomic import UNFINISHED
from tests.federation.test_flower_transport import eventually

MOVING = ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "serve.lock", "contact.json")  # serving writes them
HUB, NODE = "hedgerow-coordinator", "hedgerow-node"


class Sites:
    """A hub and its nodes below one directory, each with an operator who types commands."""

    def __init__(self, own):
        self.own, self.hub, self.ports = own, own.home / "hub", free_ports(2)
        api, fleet = self.ports
        own.command(HUB, "init", self.hub, "--name", "north", "--api-port", api, "--fleet-port", fleet, home=self.hub)
        own.serve(HUB, self.hub)

    def home(self, name):
        return self.own.home / "nodes" / name

    def come(self, name):
        keys, home = self.own.home / "keys" / name, self.home(name)
        home.parent.mkdir(exist_ok=True)
        people = [word for f in FOUNDERS for word in ("--person", f"{f.name}={f.role}")]
        places = ("--join", self.hub / "join.kit", "--keys", keys, "--wrapping-key", keys / "wrapping-key")
        self.own.command(NODE, "init", home, "--name", name, *places, *people, home=home)
        self.own.command(HUB, "node", "enrol", home / "enrolment.txt", home=self.hub)
        self.own.serve(NODE, home)
        wait_for(f"{name} online", lambda: name in self.online())

    def listed(self):
        return self.own.json(HUB, "node", "list", home=self.hub)["nodes"]

    def online(self):
        return {node["name"] for node in self.listed() if node["online"]}

    def files(self, *names):
        """Return what each node's files hold: settings, keystore, policy, signatures, enrolment, store."""
        paths = [path for name in names for path in self.home(name).rglob("*") if path.is_file()]
        return {
            path: sha256(path.read_bytes()).hexdigest()
            for path in paths
            if path.name.removesuffix(UNFINISHED) not in MOVING
        }

    def log(self, home):
        lines = home.with_suffix(".log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def connections(self, name):
        return [line["is_now"] for line in self.log(self.home(name)) if line.get("of") == "connection"]

    def refused(self, *words, home):
        with pytest.raises(DemoFailed) as caught:
            self.own.command(*words, home=home)
        return str(caught.value)

    def shown(self, port):
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)


@pytest.fixture
def sites(tmp_path):
    with stage(tmp_path / "stage", PASSPHRASE) as own:
        made = Sites(own)
        for name in ("leeds", "york", "hull"):
            made.come(name)
        yield made


@pytest.mark.services
def test_sites_come_change_their_key_and_go_and_nobody_else_notices(sites):
    settled = sites.files("leeds", "york", "hull")
    assert any(path.name == "keystore.json" for path in settled)

    sites.come("selby")
    assert sites.files("leeds", "york", "hull") == settled

    rotate(sites, "york")
    others = sites.files("leeds", "hull", "selby")
    assert {path: settled[path] for path in sites.files("leeds", "hull")} == sites.files("leeds", "hull")

    sites.own.command(HUB, "node", "revoke", "hull", "--reason", "merged", "--yes", home=sites.hub)
    assert eventually(lambda: "node-key-refused" in sites.connections("hull"))
    assert eventually(lambda: [e for e in sites.log(sites.home("hull")) if e.get("is_now") == "node-revoked"])
    assert sites.online() == {"leeds", "york", "selby"}
    again = sites.refused(HUB, "node", "enrol", sites.home("hull") / "enrolment.txt", home=sites.hub)
    assert "node-revoked" in again
    assert {p: h for p, h in others.items() if "hull" not in p.parts} == sites.files("leeds", "selby")

    renew(sites)
    assert {p: h for p, h in others.items() if "hull" not in p.parts} == sites.files("leeds", "selby")
    for name in ("leeds", "york", "selby"):
        assert sites.connections(name) == ["connected"], name  # nobody ever reconnected

    rows = {node["name"]: node for node in sites.listed()}
    assert {name: row["state"] for name, row in rows.items()} == {
        "leeds": "enrolled", "york": "enrolled", "selby": "enrolled", "hull": "revoked"
    }  # fmt: skip
    assert rows["hull"]["reason"] == "merged"
    assert all(row["last_seen"] and row["software"] for row in rows.values())
    calls = [line for line in sites.log(sites.hub) if line.get("code") == "node-revoked"]
    assert len(calls) == 1  # though it has called once a second
    follow(sites, "leeds")
    assert "coordinator-running" in sites.refused(HUB, "serve", home=sites.hub)


def rotate(sites, name):
    """Rotate a serving node's fleet key: it goes on with the old one, then switches, and is never away."""
    home = sites.home(name)
    made = sites.own.json(NODE, "fleet", "rotate", home=home)
    assert made["serial"] == 2
    assert name in sites.online()
    sites.own.command(HUB, "node", "rotate", home / "rotation.txt", home=sites.hub)
    assert eventually(lambda: [e for e in sites.log(home) if e["event"] == "fleet-key-switched"])
    assert name in sites.online()
    assert "rotation-old" in sites.refused(HUB, "node", "rotate", home / "rotation.txt", home=sites.hub)


def renew(sites):
    """Renew the server's certificate: both listeners show the new one, soon, and to new connections only."""
    before = [sites.shown(port) for port in sites.ports]
    assert before[0] == before[1]
    sites.own.command(HUB, "certificate", "renew", "--host", "localhost", home=sites.hub)
    new = (sites.hub / "keys" / "server.pem").read_text().strip()
    assert eventually(lambda: [sites.shown(port).strip() for port in sites.ports] == [new, new])


def follow(sites, name):
    """Take a kit for another address over, and restart."""
    home, kit = sites.home(name), sites.own.home / "moved.kit"
    sites.own.command(HUB, "kit", "--host", "localhost", "--out", kit, home=sites.hub)
    signers = [w for p in APPROVERS for w in ("--signed-by", f"{p}={sites.own.home / 'keys' / name / p}.key")]
    assert sites.own.json(NODE, "join", kit, *signers, home=home)["changed"]
    assert not sites.own.json(NODE, "join", kit, *signers, home=home)["changed"]
    assert sites.own.json(NODE, "fleet", "show", home=home)["api"] == f"https://localhost:{sites.ports[0]}"
    other = sites.own.home / "other"
    sites.own.command(HUB, "init", other, "--name", "north", home=other)
    said = sites.refused(NODE, "join", other / "join.kit", *signers, home=home)
    assert "coordinator-other" in said
    ours = sites.own.json(NODE, "fleet", "show", home=home)["coordinator_fingerprint"]
    assert ours in said
    shutil.rmtree(other)
    serving = sites.own.services[1]  # the hub is the first, leeds the second
    serving.terminate()
    serving.wait(20)
    sites.own.serve(NODE, home)
    wait_for("leeds online again", lambda: name in sites.online())
