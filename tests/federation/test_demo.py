"""The demo for real: a coordinator and six nodes as processes, over TLS, with the commands that a person types."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.fast import run_fast
from deploy.demo.ics import PLACES, play

ROOT = Path(__file__).parents[2]
FIELDS = {"name", "people", "auc_local", "auc_shared"}


@pytest.mark.services
def test_six_sites_train_evaluate_and_score(tmp_path):
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "FAST": ""}
    command = [sys.executable, ROOT / "deploy/demo/run.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((tmp_path / "var/demo/report.json").read_text())
    assert [site["name"] for site in report["sites"]] == [f"site-{n}" for n in range(1, 7)]
    assert all(set(site) >= FIELDS and site["people"] > 600 for site in report["sites"])
    assert report["epsilon"] <= 3.0 < report["epsilon"] + 0.01
    assert report["delta"] == 1e-5
    assert report["exchanges"] == 7
    assert report["auc_shared_exact"] / report["auc_pooled"] > 0.9
    assert abs(report["auc_shared"] - report["auc_shared_exact"]) < 6 * report["auc_shared_noise_sd"]
    for path in (tmp_path / "var/demo/sites").glob("*/scores.csv"):
        assert path.stat().st_mode & 0o777 == 0o600
    logs = b"".join(path.read_bytes() for path in (tmp_path / "var/demo").rglob("*.log"))
    numbers = (tmp_path / "var/demo/sites/site-1/allowed.csv").read_bytes().split()[1:]
    assert not any(number in logs for number in numbers)


@pytest.mark.services
def test_four_made_up_places_learn_together_and_know_how_well_anybody_could(tmp_path):
    """The demo on made-up people, small, in one process: features from events, masked sums, and the true risks."""
    report = run_fast(play(12_000), tmp_path)
    assert len(report.sites) == PLACES
    assert sum(site.people for site in report.sites) > 1500
    assert report.epsilon <= 3.0
    assert 0.55 < report.auc_attainable < 0.95  # some 45 of 450 people held back fall: rough
    assert all(site.auc_attainable for site in report.sites)
    assert report.auc_shared_exact < report.auc_attainable + 0.15
    assert "attainable" in report.table()
