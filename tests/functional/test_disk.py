"""A disk that is full, read-only or failing: refused by a code; after a restart nothing is lost and nothing double."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.approved import approved
from tests.coordinators import NOW, Clock, new_home, serving, sites, study_document

TREE = Path(__file__).resolve().parents[2]
TRIAL = [sys.executable, "-P", str(TREE / "tests/functional/disk_trial.py")]
MEGABYTES = 4


def environ():
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW")}
    return {**ours, "PYTHONPATH": str(TREE)}


def on(*command):
    done = subprocess.run(list(map(str, command)), env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def node(tmp_path):
    here = approved(tmp_path)
    raw = here.hub.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()).hex()
    about = {"hub": raw, "study": here.study.hash, "roster": [here.node.fingerprint, *here.others]}
    (here.node.home / "about.json").write_text(json.dumps(about))
    here.node.database.close()
    return here.node.home


@pytest.fixture
def hub(tmp_path):
    home, members = new_home(tmp_path / "hub"), sites()
    with serving(home, members, Clock()) as opened:
        study = opened.studies.submit(study_document(members), at=NOW)
        for site in members:
            from coordinator.identity.tokens import Caller

            opened.note(Caller("node", site.fingerprint), site.notice("approved", study.hash))
    keys = {site.name: site.key.private_bytes_raw().hex() for site in members}
    (home.path / "sites.json").write_text(json.dumps(keys))
    return home.path


def check_node(seen, again):
    assert seen["failing"] == ["state-unwritable"] * 2
    assert seen["pause"] == "state-unwritable"
    assert seen["space again"] == "state-unwritable"  # not in the process whose commit failed
    assert again["first"] == seen["first"]  # what was answered is answered with the same bytes
    assert all(answer.startswith("sha256:") for answer in (again["second"], again["third"]))
    assert again["verified"]
    places = [place for _, place, _ in again["after"]["charges"]]
    assert sorted(places) == [0, 1, 2, 3]
    assert all(answered for _, _, answered in again["after"]["charges"])


def test_writes_that_fail_stop_a_node_and_a_restart_goes_on(node):
    seen = on(*TRIAL, "node", node, "limit")
    check_node(seen, on(*TRIAL, "node", node, "again"))


def check_coordinator(seen, again):
    assert seen["said"] == "state-unwritable"
    assert again["run"]["state"] == "finished", again
    assert again["model"]
    assert again["answers"] == 3 * 4  # three nodes, each sum of the plan once
    assert seen["asked"] + again["asked"] <= 3 * 4 + 3  # only what was under way is asked again


def test_writes_that_fail_stop_a_run_and_a_restart_finishes_it(hub):
    seen = on(*TRIAL, "coordinator", hub, "limit")
    check_coordinator(seen, on(*TRIAL, "coordinator", hub, "again"))


@pytest.fixture
def small_disk(tmp_path):
    """Give a function that runs a command with a directory on a small file system of its own, in its own namespace."""
    assert os.geteuid() == 0, "needs root, to mount a small file system that nobody else sees"

    def run(home, *steps):
        """Copy ``home`` onto the small disk, do the steps there (``{}`` is its place), and return what they said."""
        disk = tmp_path / "disk"
        disk.mkdir(exist_ok=True)
        script = [
            f"mount -t tmpfs -o size={MEGABYTES}m,mode=0700 tmpfs {disk}",
            f"cp -a {home} {disk}/home",
            *(step.replace("{}", f"{disk}/home").replace("{disk}", str(disk)) for step in steps),
        ]
        done = subprocess.run(
            ["unshare", "-m", "bash", "-c", "\n".join(["set -e", *script])],
            env=environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout
        return done.stdout.splitlines()

    return run


def trial(part, failure):
    return " ".join([*TRIAL, part, "{}", failure])


@pytest.mark.services
def test_a_full_disk_stops_a_node_and_space_and_a_restart_bring_it_back(node, small_disk):
    seen, again = small_disk(node, trial("node", "full"), trial("node", "again"))
    check_node(json.loads(seen), json.loads(again))


@pytest.mark.services
def test_a_full_disk_stops_a_run_and_space_and_a_restart_finish_it(hub, small_disk):
    seen, again = small_disk(hub, trial("coordinator", "full"), trial("coordinator", "again"))
    check_coordinator(json.loads(seen), json.loads(again))


@pytest.mark.services
def test_a_read_only_disk_is_said_and_when_it_can_be_written_again_all_is_there(node, small_disk):
    program = f"{sys.executable} -P -c 'from node.command import main; main()'"
    key = f"HEDGEROW_NODE_WRAPPING_KEY_FILE={node.with_name(node.name + '.wrapping-key')}"
    said = small_disk(
        node,
        "mount -o remount,ro {disk}",
        *(f"{key} {program} {words} --home {{}} 2>&1 && exit 9 || echo status $?" for words in ("pause", "serve")),
        "mount -o remount,rw {disk}",
        trial("node", "again"),
    )
    *refused, again = said
    assert [line for line in refused if line.startswith("status")] == ["status 4", "status 4"]
    assert sum("state-unreadable" in line or "state-unwritable" in line for line in refused) == 2
    assert not any("Traceback" in line for line in refused)
    assert json.loads(again)["verified"]


@pytest.mark.services
@pytest.mark.parametrize("when", [1, 2, 3, 4, 6])
def test_an_fsync_that_fails_stops_a_node_and_a_restart_goes_on(node, when):
    """From some fdatasync on, the disk says EIO: nothing that was answered is lost, nothing is charged twice."""
    assert shutil.which("strace"), "needs strace, which makes a system call fail: apt-get install strace"
    inject = f"inject=fdatasync:error=EIO:when={when}+"
    seen = on("strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, *TRIAL, "node", node, "none")
    given = [seen["first"], *seen["failing"], seen["space again"]]
    assert given[-1] == "state-unwritable"
    assert sorted(given, key=lambda answer: answer == "state-unwritable") == given  # once it failed, it stays so
    again = on(*TRIAL, "node", node, "again")
    for before, after in zip(given[:2], (again["first"], again["second"]), strict=True):
        assert before in {after, "state-unwritable"}
    assert [place for _, place, _ in again["after"]["charges"]] == [0, 1, 2, 3]
    assert again["verified"]
