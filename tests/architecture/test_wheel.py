"""The wheel holds exactly the five rooms as git knows them, and the researcher's install stays light."""

import subprocess
from email.parser import HeaderParser
from zipfile import ZipFile

import pytest

from privacy.rooms import ROOMS

HEAVY = {"torch", "flwr", "opacus", "fastapi", "uvicorn", "pandas", "httpx"}


def known_to_git(tree):
    """Return what would be committed of the five rooms: tracked or new, not ignored, and still there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *ROOMS]
    listed = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so there is nothing to compare with")
    return {name for name in listed.stdout.split("\0") if name and (tree / name).is_file()}


def read(wheel, suffix):
    with ZipFile(wheel) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(suffix))).decode()


def test_the_wheel_holds_what_git_knows_and_nothing_else(tree, wheel):
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == known_to_git(tree)


def test_every_room_says_that_it_is_typed(wheel):
    with ZipFile(wheel) as archive:
        assert {f"{room}/py.typed" for room in ROOMS} <= set(archive.namelist())


def test_the_researchers_install_asks_for_nothing_heavy(wheel):
    asked = HeaderParser().parsestr(read(wheel, "/METADATA")).get_all("Requires-Dist", [])
    base = {line.split("=")[0].split("<")[0].split(">")[0].strip() for line in asked if "extra ==" not in line}
    assert base == {"click", "cryptography", "nhs-number", "numpy", "rfc8785", "typer"}
    assert not base & HEAVY


def test_every_console_script_leads_to_a_module_in_the_wheel(wheel):
    lines = [line for line in read(wheel, "/entry_points.txt").splitlines() if "=" in line]
    targets = {line.split("=")[1].strip().removesuffix(":main").replace(".", "/") for line in lines}
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert targets
    assert [t for t in sorted(targets) if not {f"{t}.py", f"{t}/__init__.py"} & names] == []
