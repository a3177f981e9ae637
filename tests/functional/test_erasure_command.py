"""``data``: what a person types to erase, and what they can show for it."""

import json
import subprocess

from tests.functional.test_node_command import COMMAND, Desk
from tests.nodes import nhs_numbers

SIGN = ("--signed-by", "ada=keys/ada.key", "--signed-by", "ben=keys/ben.key", "--reason", "request 41")


def test_a_person_and_a_version_are_erased_with_a_certificate(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    desk.load(60)
    desk.run("ingest", "visits.toml", "visits.csv")
    listed = json.loads(desk.run("data", "list", "--json").out)
    assert [(row["version"], row["kept_until"]) for row in listed] == [(1, None), (2, None)]
    assert "for good" in desk.run("data", "list").out

    (desk.place / "number").write_text(nhs_numbers(1)[0] + "\n")
    done = desk.run("data", "erase-person", "--number-file", "number", "--certificate", "proof.json", *SIGN)
    assert "visits@1" in done.out
    assert nhs_numbers(1)[0] not in done.out + done.err + (desk.place / "proof.json").read_text()
    proof = json.loads((desk.place / "proof.json").read_text())
    again = json.loads(desk.run("data", "certificate", proof["leaf"]).out)
    assert again == proof
    assert len(proof["facts"]["files"]) == 3  # two versions and the list
    desk.run("data", "certificate", proof["leaf"], "--out", "copy.json")
    assert json.loads((desk.place / "copy.json").read_text()) == proof
    assert desk.code("data", "certificate", 0, status=5) == "leaf-unknown"

    assert desk.code("data", "erase", "nothing", *SIGN, status=5) == "data-set-unknown"
    desk.run("data", "erase", "visits@1", *SIGN)
    assert [row["version"] for row in json.loads(desk.run("data", "list", "--json").out)] == [2]
    desk.run("audit", "verify")
    desk.code("data", "erase-person", "--number-file", "none", *SIGN, status=4)


def test_a_number_may_come_from_another_program_and_is_never_an_argument(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    desk.load(60)
    number = nhs_numbers(1)[0]
    desk.run("data", "erase-person", number, *SIGN, status=2)
    done = desk.run("data", "erase-person", *SIGN, status=3)  # nothing on stdin
    assert "number-wrong" in done.err
    words = [*COMMAND, "data", "erase-person", *SIGN, "--json"]
    options = {"capture_output": True, "text": True, "cwd": desk.place, "env": desk.environ()}
    done = subprocess.run(words, check=True, input=f"{number}\n", **options)
    assert len(json.loads(done.stdout)["facts"]["files"]) == 2
