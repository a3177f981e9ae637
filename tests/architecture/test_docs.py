"""The manual covers the program: what can be typed, set or written is named, and whatever it cites is there."""

import ast
import re
import runpy
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from inspect import signature
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import typer

from coordinator.command.program import app as coordinator_app
from coordinator.settings import Settings as CoordinatorSettings
from node.allocations import Allocation
from node.command.menu import app as node_app
from node.people import ROLES, Person
from node.policy import Policy
from node.register import State
from node.settings import Settings as NodeSettings
from privacy.checks import Comparison, Implication, Uniqueness, read_checks
from privacy.columns import Column, ColumnKind, ColumnType, Treatment
from privacy.computation import PACKAGES, PARTS, Ask, Finder
from privacy.contract import Contract
from privacy.contract_file import contract_of
from privacy.demands import Demand
from privacy.errors import CATALOGUE, Invalid, Refusal, Tampered, Unreachable
from privacy.explain import explain
from privacy.features import KINDS, Condition, Feature, FeatureSet
from privacy.fields import Fields
from privacy.frailty import frailty_index
from privacy.programme import programme
from privacy.study import Invited, Software, Step, Study, from_document
from privacy.terms import PrivacyTerms
from privacy.variables import TRANSFORMS, Variable
from synthetic.command.program import app as synthetic_app
from tests.builders import document, random_table
from tests.neighbours import touched_by_absence, touched_by_order
from tests.rehearsal import no_noise, rehearse

TREE = Path(__file__).resolve().parents[2]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((TREE / "docs").glob("*.md"))}
APPS = {"hedgerow-node": node_app, "hedgerow-coordinator": coordinator_app, "hedgerow-synthetic": synthetic_app}
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)")
TEST = re.compile(r"(tests/[\w/]+\.py)((?:::\w+)+)")
PATH = re.compile(r"\b(?:coordinator|deploy|models|node|privacy|synthetic|tests)/[\w/]+\.(?:py|toml)")
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)
LONGEST_PAGE = 230  # lines, printed pages aside
PRINTED = {"errors.md": "errors.py", "promises.md": "promises.py"}


def names(*kinds: type) -> set[str]:
    """Return the field names of dataclasses."""
    return {field.name for kind in kinds for field in fields(kind)}


def unnamed(wanted: set[str], page: str) -> list[str]:
    """Return which names a page never gives as code; ``sites[].name`` gives both."""
    return sorted(wanted - set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`\n]+)`", page)))))


def commands(program: str) -> Iterator[tuple[str, set[str]]]:
    """Yield every command as it is typed, with its long options."""

    def walk(command, typed):
        below = getattr(command, "commands", None)
        for name, each in (below or {}).items():
            yield from walk(each, f"{typed} {name}")
            if name == getattr(command, "default", None):  # `run STUDY` is `run start STUDY`
                yield from walk(each, typed)
        if below is None:
            options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("--")}
            yield typed, options - {"--json", "--help"}

    yield from walk(typer.main.get_command(APPS[program]), program)


def untaught(program: str, pages: Iterable[str]) -> list[str]:
    """Return the commands that no page names together with all of their options, and what the best page lacks."""
    lacking = []
    for typed, options in commands(program):
        short = typed.removeprefix(f"{program} ")
        told = [page for page in pages if typed in page or f"`{short}`" in page]
        lacks = [[f"{typed} {o}" for o in sorted(options) if not re.search(rf"{o}\b(?!-)", page)] for page in told]
        lacking += min(lacks, key=len, default=[typed])
    return lacking


def broken_links(page: str, home: Path) -> list[str]:
    """Return the relative links that lead nowhere, and anchors that no heading has."""
    broken = []
    for path, anchor in LINK.findall(page):
        target = (home / path) if path else None
        if target is not None and not target.exists():
            broken.append(path)
        elif anchor and anchor[1:] not in anchors(target.read_text(encoding="utf-8") if target else page):
            broken.append(path + anchor)
    return broken


def anchors(page: str) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@cache
def cases_in(path: str) -> frozenset[str]:
    """Return ``::test`` and ``::Class::test`` of a file."""
    if not (TREE / path).is_file():
        return frozenset()
    found = set()
    for node in ast.parse((TREE / path).read_text(encoding="utf-8")).body:
        found.add(f"::{node.name}" if isinstance(node, ast.FunctionDef | ast.ClassDef) else "")
        if isinstance(node, ast.ClassDef):
            found |= {f"::{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
    return frozenset(found)


def absent(page: str) -> list[str]:
    """Return the tests and files that a page names and that are not there."""
    tests = [path + name for path, name in TEST.findall(page) if name not in cases_in(path)]
    return tests + sorted({path for path in PATH.findall(page) if not (TREE / path).is_file()})


def blocks(page: str, language: str) -> list[tuple[str, str]]:
    return [(name, text) for name, kind, text in BLOCK.findall(PAGES[page]) if kind == language]


@pytest.mark.parametrize("program", APPS)
def test_every_command_and_option_is_named(program):
    assert untaught(program, [page for name, page in PAGES.items() if name not in PRINTED]) == []


def test_every_command_that_the_manual_types_exists():
    known = {typed for program in APPS for typed, _ in commands(program)}
    for name, page in PAGES.items():
        for line in re.findall(r"hedgerow-(?:node|coordinator|synthetic)(?!\.service)[^\n`]*", page):
            words = re.sub(r" --home \S+", "", line).split()
            if len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
                assert known & {" ".join(words[:n]).rstrip(".,") for n in (2, 3, 4)}, (name, line)


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("node.md", set(NodeSettings.model_fields)),
        ("coordinator.md", set(CoordinatorSettings.model_fields)),
        ("node.md", names(Policy, Person, Allocation) | set(ROLES)),
        ("contract.md", names(Contract, Column, Comparison, Implication, Uniqueness)),
        ("contract.md", {*get_args(ColumnKind), *get_args(ColumnType), *get_args(Treatment)}),
        ("study.md", names(Study, Variable, Step, PrivacyTerms, Invited, Software, Demand)),
        ("features.md", names(FeatureSet, Feature, Condition) | set(KINDS)),
        ("study.md", {*get_args(State), *TRANSFORMS, *PARTS, *Finder(*PACKAGES).names()}),
        ("errors.md", set(CATALOGUE)),
        ("flower.md", {"bundle-refused"}),
    ],
)
def test_every_setting_field_and_code_is_named(page, wanted):
    assert unnamed(wanted, PAGES[page]) == []


def ports_table(page: str) -> str:
    """Return the section of a page that tells who dials whom."""
    return page.partition("## 2. Ports\n")[2].partition("\n## ")[0]


def for_operators(index: str) -> set[str]:
    """Return the pages that the index gives to those who run a node or a hub."""
    rows = [row for row in index.splitlines() if row.startswith(("| in the data team", "| an analyst or operator"))]
    return {link for row in rows for link, _ in LINK.findall(row)} - {"operate.md"}


def test_the_ports_table_names_every_setting_of_a_port():
    fields = {*CoordinatorSettings.model_fields, *NodeSettings.model_fields}
    wanted = {name for name in fields if name.endswith(("_port", "_host"))}
    assert len(wanted) >= 4
    assert unnamed(wanted, ports_table(PAGES["operate.md"])) == []
    assert unnamed({"api_port"}, ports_table(PAGES["operate.md"].replace("`api_port`", ""))) == ["api_port"]


def test_the_operators_page_leads_to_each_page_that_operators_need():
    wanted = for_operators(PAGES["README.md"])
    assert len(wanted) >= 10
    led = {link for link, _ in LINK.findall(PAGES["operate.md"])}
    assert wanted - led == set(), "name these in section 9 of docs/operate.md"


def test_every_parameter_of_a_computation_is_named():
    for path in sorted((TREE / "models/computations").glob("[!_]*.py")):
        read = re.findall(r"\bf\.\w+\(\"(\w+)\"", path.read_text(encoding="utf-8"))
        assert unnamed(set(read) - {"of"}, PAGES["study.md"]) == [], path.name


def test_every_field_of_the_demos_report_is_named():
    classes = ast.parse((TREE / "deploy/demo/report.py").read_text(encoding="utf-8")).body
    lines = [line for c in classes if isinstance(c, ast.ClassDef) for line in c.body if isinstance(line, ast.AnnAssign)]
    given = {line.target.id for line in lines}
    assert given >= {"sites", "auc_local", "epsilon"}
    assert unnamed(given, PAGES["demo.md"]) == []


@pytest.mark.parametrize("page", ["errors.md", "node.md", "coordinator.md", "synthetic.md"])
def test_every_exit_status_is_named(page):
    for status in (0, 1, 2, *(kind.exit_status for kind in (Invalid, Unreachable, Refusal, Tampered))):
        assert re.search(rf"(?:^|[|·] |\n){status} (?:\| )?\w", PAGES[page]), status


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_cites_is_there(name):
    assert broken_links(PAGES[name], TREE / "docs") == []
    assert absent(PAGES[name]) == []
    assert name in PRINTED or len(PAGES[name].splitlines()) <= LONGEST_PAGE


def test_the_readme_leads_somewhere():
    assert broken_links((TREE / "README.md").read_text(encoding="utf-8"), TREE) == []


def test_the_index_leads_to_every_page():
    assert [name for name in PAGES if name != "README.md" and f"({name})" not in PAGES["README.md"]] == []


@pytest.mark.parametrize("name", PRINTED)
def test_printed_pages_are_as_printed(name):
    page = runpy.run_path(str(TREE / "deploy/docs" / PRINTED[name]))["page"]()
    assert PAGES[name] == page, f"run: .venv/bin/python deploy/docs/{PRINTED[name]} > docs/{name}"


def test_planted_gaps_are_found():
    page = "Set `here` and [go](nowhere.md), [on](#there), [back](#a-head).\n# A head\n"
    page += "`tests/unit/test_audit.py::test_nothing_of_the_kind` `privacy/gone.py` `tests/gone.py::test_x`"
    taught = PAGES["node.md"].replace("study refuse", "study").replace("audit show --last", "audit show")
    assert {"hedgerow-node study refuse", "hedgerow-node audit show --last"} <= set(untaught("hedgerow-node", [taught]))
    assert unnamed({"here", "there", "her"}, page) == ["her", "there"]
    assert broken_links(page, TREE / "docs") == ["nowhere.md", "#there"]
    assert absent(page) == [
        "tests/unit/test_audit.py::test_nothing_of_the_kind",
        "tests/gone.py::test_x",
        "privacy/gone.py",
        "tests/gone.py",
    ]


def test_the_example_study_and_contract_hold_together():
    (_, text), *_ = blocks("study.md", "toml")
    table = tomllib.loads(text)
    study = from_document({**table.pop("study"), **table})
    plan = programme(study, Finder(*PACKAGES))
    assert len(plan.places) == 8
    (_, text), (_, checks) = blocks("contract.md", "toml")
    assert contract_of(tomllib.loads(text)).person == "nhs_number"
    faults: list[str] = []
    assert len(read_checks(Fields(tomllib.loads(checks), "", faults).tables("checks"))) == 3
    assert faults == []


def test_the_features_on_their_page_hold_together_and_show_how_each_is_written():
    (_, whole), (_, more), (_, frailty) = blocks("features.md", "toml")
    table, added = tomllib.loads(whole), tomllib.loads(more)
    named = {"name": "hba1c", "version": "1", "title": "T", "system": "local", "source": "S", "licence": "none"}
    table |= {"features": [*table["features"], *added["features"]], "code_lists": [{**named, "codes": [["A", "a"]]}]}
    study = from_document({**document(), **table.pop("study"), **table})
    assert study.features is not None
    assert len(study.features.features) == 6
    assert set(tomllib.loads(frailty)["frailty_index"]) <= set(signature(frailty_index).parameters)
    assert unnamed(set(signature(frailty_index).parameters), PAGES["features.md"]) == ["diagnoses", "medicines"]


@pytest.fixture
def worked(tmp_path, monkeypatch):
    """The computation on the page, in a package of its own, and a study that uses it as the page says."""
    ((name, code),) = [(name, code) for name, code in blocks("computation.md", "python") if name]
    package = tmp_path / "from_the_manual"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / name).write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    ((_, text),) = blocks("computation.md", "toml")
    study = from_document(document(steps=tomllib.loads(text)["steps"]))
    return study, Finder("from_the_manual")


def test_the_worked_example_counts_people(worked):
    study, finder = worked
    sites = [{"everyone": random_table(40, seed=seed)} for seed in range(3)]
    found = rehearse(study, finder, sites, no_noise)["ages"].arrays["people"]
    from models.variables import batch

    expected = np.zeros(5)
    for site in sites:
        rows = batch(site["everyone"], study.variables)
        for person, age in zip(rows.person, rows.variables["age"], strict=True):
            expected[min(int(age * 5), 4)] += 1 / (rows.person == person).sum()
    assert np.abs(found - expected).max() < 0.2  # rounding to the grid, a hundred people
    noisy = rehearse(study, finder, sites)["ages"]
    assert np.abs(noisy.arrays["people"] - expected).max() < 8 * noisy.facts["noise_sd"]
    assert "1, shared out over their rows" in explain(programme(study, finder), finder)


def test_the_worked_example_keeps_people_apart(worked):
    from models.variables import batch

    study, finder = worked
    rows, parameters = batch(random_table(30, seed=1), study.variables), study.steps[0].parameters
    computation = finder.find("age-bands")
    assert touched_by_absence(computation, parameters, Ask("people"), rows) == []
    assert not touched_by_order(computation, parameters, Ask("people"), rows, np.random.default_rng(1))
    norms = np.linalg.norm(computation.contributions(parameters, Ask("people"), rows), axis=1)
    assert norms.max() <= 1 + 1e-12
    with pytest.raises(Invalid, match="parameters-wrong"):
        computation.plan({"features": ["age", "visits"]})
