"""Both programs serve while nothing but their own homes can be written: real processes, in mounts of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.demo.stage import free_ports
from tests import coordinators
from tests.approved import a_node

TREE = Path(__file__).resolve().parents[2]
SCRIPT = """
set -eu
mount --make-rprivate /
for home in "$NODE" "$HUB"; do mount --bind "$home" "$home"; done
mount -o remount,bind,ro /
for place in /tmp /var /run /dev/shm "$TREE"; do mountpoint -q $place && mount -o remount,bind,ro $place || true; done
for place in /tmp "$TREE" "$NODE/.."; do if touch $place/.probe 2>/dev/null; then echo "$place can be written"; fi; done
cd /
"$PYTHON" -P -c "from coordinator.command import main; main()" serve --json 2>"$HUB/log" >"$HUB/out" &
hub=$!
"$PYTHON" -P -c "from node.command import main; main()" serve --json 2>"$NODE/log" >"$NODE/out" &
node=$!
for _ in $(seq 150); do [ -s "$HUB/out" ] && [ -s "$NODE/out" ] && break; sleep 0.2; done
kill $hub $node
wait $hub; echo "coordinator $?"
wait $node; echo "node $?"
"""


@pytest.mark.services
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_nothing_but_the_homes_is_written(tmp_path):
    a_node(tmp_path, Ed25519PrivateKey.generate())
    home = coordinators.new_home(tmp_path / "hub")
    api, fleet = free_ports(2)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "PYTHON": sys.executable,
        "PYTHONPATH": str(TREE),
        "TREE": str(TREE),
        "NODE": str(tmp_path / "node"),
        "HUB": str(home.path),
        "HEDGEROW_NODE_HOME": str(tmp_path / "node"),
        "HEDGEROW_COORDINATOR_HOME": str(home.path),
        "HEDGEROW_COORDINATOR_API_PORT": str(api),
        "HEDGEROW_COORDINATOR_FLEET_PORT": str(fleet),
    }
    line = ["unshare", "-m", "bash", "-c", SCRIPT]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False, timeout=120)
    logs = "".join((tmp_path / name).read_text() for name in ("node/log", "hub/log"))
    assert done.stdout.splitlines() == ["coordinator 0", "node 0"], done.stdout + done.stderr + logs
    assert json.loads((tmp_path / "hub/out").read_text())["ready"] is True
    assert "Errno" not in logs
    assert "Traceback" not in logs
