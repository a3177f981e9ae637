"""Each setting is shown with where it comes from; shells complete; every command takes ``--json`` and prints one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.command.program import app as coordinator_app
from node.command.menu import app as node_app
from tests import coordinators
from tests.approved import a_node, document

TREE = Path(__file__).resolve().parents[2]
PROGRAMS = {room: f"from {room}.command import main; main()" for room in ("node", "coordinator")}
APPS = {"node": node_app, "coordinator": coordinator_app}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = tmp_path_factory.mktemp("shown")
    node = a_node(made, Ed25519PrivateKey.generate())
    node.governance.receive(document(node, ("1" * 40, "2" * 40)), now=node.now())
    coordinators.new_home(made / "hub")
    return made


def run(place, program, *words, status=0, **environ):
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW")}
    ours |= {"PYTHONPATH": str(TREE), "HEDGEROW_NODE_HOME": str(place / "node")}
    ours |= {"HEDGEROW_COORDINATOR_HOME": str(place / "hub"), **environ}
    line = [sys.executable, "-P", "-c", PROGRAMS[program], *words]
    done = subprocess.run(line, env=ours, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == status, done.stderr + done.stdout
    return done.stdout


def commands(app):
    def walk(command, typed):
        below = getattr(command, "commands", None)
        if below is None:
            yield typed, {option for parameter in command.params for option in parameter.opts}
        for name, each in (below or {}).items():
            yield from walk(each, [*typed, name])

    yield from walk(typer.main.get_command(app), [])


@pytest.mark.parametrize("program", APPS)
def test_every_command_takes_json(program):
    found = list(commands(APPS[program]))
    assert len(found) > 20
    assert [" ".join(typed) for typed, options in found if "--json" not in options] == []


@pytest.mark.parametrize("program", APPS)
def test_help_says_what_each_argument_is(program, place):
    """A command line library that does not fit its neighbour prints their names and nothing more."""
    shown = run(place, program, *{"node": ["ingest"], "coordinator": ["study", "check"]}[program], "--help")
    assert {"node": "The data contract, as TOML", "coordinator": "The study, a TOML file"}[program] in shown


@pytest.mark.parametrize(
    "line",
    [
        "node study list",
        "node study show heads",
        "node ledger show",
        "node audit show --last 2",
        "node policy show",
        "node config show",
        "coordinator node list",
        "coordinator config show",
    ],
)
def test_what_is_printed_is_one_json_document(place, line):
    program, *words = line.split()
    assert json.loads(run(place, program, *words, "--json"))


def test_each_setting_says_where_it_comes_from(place):
    for program, prefix in (("node", "HEDGEROW_NODE_"), ("coordinator", "HEDGEROW_COORDINATOR_")):
        shown = json.loads(run(place, program, "config", "show", "--json", **{f"{prefix}LOG_LEVEL": "error"}))
        assert shown["log_level"] == {"value": "error", "origin": f"{prefix}LOG_LEVEL"}
        assert shown["name"]["origin"] == f"{program}.toml"
        assert {each["origin"] for each in shown.values()} <= {"default", f"{program}.toml", f"{prefix}LOG_LEVEL"}
    assert "poll_seconds" in run(place, "node", "config", "show")


def test_shells_complete_commands_and_studies(place):
    for program, variable in (("node", "_HEDGEROW_NODE_COMPLETE"), ("coordinator", "_HEDGEROW_COORDINATOR_COMPLETE")):
        asked = {variable: "complete_bash", "COMP_WORDS": f"hedgerow-{program} st", "COMP_CWORD": "1"}
        assert run(place, program, **asked).split() == ["study"]
        assert "COMPREPLY" in run(place, program, **{variable: "source_bash"})
        assert "compdef" in run(place, program, **{variable: "source_zsh"})
        assert "complete" in run(place, program, **{variable: "source_fish"})
    asked = {"_HEDGEROW_NODE_COMPLETE": "complete_bash", "COMP_WORDS": "hedgerow-node study show he", "COMP_CWORD": "3"}
    assert run(place, "node", **asked).split() == ["heads"]
    assert run(place, "node", **asked, HEDGEROW_NODE_HOME=str(place / "nowhere")).split() == []
