"""Every line of docs/operate.md, typed at a hub and at three nodes with addresses of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from deploy.demo.people import SITE, read_public_file, write_sites
from deploy.demo.study_file import CONTRACT, STUDY
from node.founding import FLOORS
from privacy.computation import PACKAGES, Finder
from privacy.toml_file import toml_lines
from tests.functional.machines import BIN, HUB_NAME, UNITS, Machine, Network

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
NODES = ("st-marys", "york", "hull")
IN_THE_PAGE = NODES[0]  # what the page calls its node
PASSPHRASE = "three small pears in a bowl"
STUDY_FILE = "/srv/hedgerow/next-year-admission.toml"
READY = {"hedgerow-coordinator": "ready: ", "hedgerow-node": '"is_now": "connected"'}


def lines():
    """Return every line that the page has people type, or carry, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if re.match(r"[HN][$#] |# carry ", line)]


@pytest.fixture
def network(tmp_path):
    if shutil.which("nft") is None:
        subprocess.run(["apt-get", "install", "-qq", "-y", "nftables"], check=True, stdout=subprocess.DEVNULL)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")
    environ = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
        "HEDGEROW_PASSPHRASE_FILE": str(passphrase),
        "TODAY": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    rows = read_public_file()
    sites = write_sites(rows[rows[SITE] <= len(NODES)], tmp_path / "sites")
    with Network(tmp_path, NODES, environ) as network:
        shutil.copy(CONTRACT, network.hub.path("/srv/hedgerow/person-years.toml"))
        for node, site in zip(network.nodes.values(), sites, strict=True):
            shutil.copy(CONTRACT, node.path("/srv/extracts/person-years.toml"))
            shutil.copy(site.records, node.path("/srv/extracts/person-years.csv"))
            shutil.copy(site.allowed, node.path("/srv/extracts/cleaned.txt"))
            floors = {**FLOORS, "computations": Finder(*PACKAGES).names(), "allow_test_numbers": True}
            node.path("/etc/hedgerow/floors.toml").write_text(toml_lines(floors))
        yield network


def write_study(hub: Machine) -> None:
    """Write the study, which invites those who are enrolled."""
    nodes = json.loads(hub.type("hedgerow-coordinator node list --json"))["nodes"]
    invited = [f'\n[[invited]]\nname = "{n["name"]}"\nfingerprint = "{n["fingerprint"]}"\n' for n in nodes]
    text = STUDY.read_text().replace("quorum = 6", f"quorum = {len(NODES)}")
    hub.path(STUDY_FILE).write_text(text + "".join(invited))


def carry(network: Network, line: str, name: str) -> None:
    """Carry a file from one machine to another, as a person with a stick would."""
    machines = {"H": network.hub, "N": network.nodes[name]}
    found = re.fullmatch(r"# carry ([HN]):(\S+) to ([HN]):(\S+)", line)
    assert found, line
    shutil.copy(machines[found[1]].path(found[2]), machines[found[3]].path(found[4]))


def do(network: Network, line: str) -> None:
    """Do what a line says: at the hub once, at a node for each node, and what names the page's node for each too."""
    each = NODES if line.startswith(("N", "# carry")) or IN_THE_PAGE in line else ("",)
    for name in each:
        said = line.replace(IN_THE_PAGE, name).replace("TODAY", network.hub.environ["TODAY"])
        if said.startswith("# carry "):
            carry(network, said, name)
            continue
        machine, said = network.hub if said[0] == "H" else network.nodes[name], said[3:]
        if said.startswith("systemctl enable --now "):
            unit = said.rpartition(" ")[2]
            machine.enable(unit, READY[unit])
        else:
            addresses = ", ".join(network.address(node) for node in NODES)
            machine.type(said.replace("10.1.0.7, 10.2.0.7", addresses))


def await_offer(network: Network) -> None:
    """Wait as a person does who looks at the list again until the study is there."""
    for node in network.nodes.values():
        ends = time.monotonic() + 60
        while "awaiting" not in node.type("hedgerow-node study list"):
            assert time.monotonic() < ends
            time.sleep(0.5)


@pytest.mark.services
def test_the_page_leads_from_bare_machines_to_a_result(network):
    for line in lines():
        if STUDY_FILE in line and not network.hub.path(STUDY_FILE).exists():
            write_study(network.hub)
        if line.startswith("N$ hedgerow-node study list"):
            await_offer(network)
        do(network, line)
    found = json.loads(network.hub.type("hedgerow-coordinator result show next-year-admission --json"))
    assert found["exchanges"] == 7
    assert all(node.path("/srv/hedgerow/scores.csv").stat().st_size > 10_000 for node in network.nodes.values())
    # the firewall lets nodes in and nobody else: the hub itself, by an address of its own that is not on the list
    assert "Connection refused" not in network.nodes["york"].type(probe(HUB_NAME))
    with pytest.raises(AssertionError, match="exit"):
        network.hub.type(probe("10.77.1.1"))


def probe(host: str) -> str:
    """Return a line that connects to the API and says nothing."""
    return f"timeout 3 bash -c 'exec 3<>/dev/tcp/{host}/8440'"


@pytest.mark.services
@pytest.mark.parametrize("unit", READY)
def test_the_units_are_what_systemd_takes(unit, tmp_path):
    """As installed, but for where the program is."""
    file = tmp_path / f"{unit}.service"
    file.write_text((UNITS / file.name).read_text().replace("/opt/hedgerow/.venv/bin", str(BIN)))
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, check=False)
    assert (done.returncode, file.name in done.stderr) == (0, False), done.stderr


def test_no_line_is_passed_over():
    assert len(lines()) > 25
    assert {line[:2] for line in lines()} == {"H$", "H#", "N$", "N#", "# "}
    assert socket.gethostname() not in PAGE
