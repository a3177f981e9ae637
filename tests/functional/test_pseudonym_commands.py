"""``key rotate pseudonym`` and ``reidentify``: what people type, and what they are told."""

import json

from node.persons import recognise
from tests.functional.test_node_command import FLOORS, Desk
from tests.nodes import nhs_numbers

SIGN = ("--signed-by", "ada=keys/ada.key", "--signed-by", "ben=keys/ben.key")
PEOPLE = ("ada=ig-lead", "ben=caldicott-guardian", "cara=clinician")
ASK = ("--purpose", "direct-care", "--reason", "falls clinic, weekly list")


def a_desk(tmp_path, more=""):
    desk = Desk(tmp_path)
    (desk.place / "floors.toml").write_text(FLOORS + more)
    desk.init("--policy", "floors.toml", people=PEOPLE)
    desk.load(60)
    return desk


def write_list(desk, count):
    node = desk.node()
    names = recognise(nhs_numbers(count), node.keystore, allow_test_numbers=True).pseudonyms.tolist()
    (desk.place / "scores.csv").write_text("person,period,risk\n" + "".join(f"{n},2,0.5\n" for n in names))
    return names


def test_patients_are_found_again_by_three_people(tmp_path):
    desk = a_desk(tmp_path, "reversible_pseudonyms = true\n")
    names = write_list(desk, 5)
    assert names[0].startswith("r1.")
    done = desk.run("reidentify", "request", "--list", "scores.csv", *ASK, *desk.by("cara"))
    name = done.out.split(":")[0]
    assert f"reidentify approve {name}" in done.err
    assert "awaiting-first-approval" in desk.run("reidentify", "list").out
    assert "awaiting-second-approval" in desk.run("reidentify", "approve", name, *desk.by("ada")).out
    assert json.loads(desk.run("reidentify", "approve", name, *desk.by("ben"), "--json").out)["state"] == "approved"
    run = ("reidentify", "run", name, "--list", "scores.csv", *desk.by("cara"))
    assert desk.code(*run, "--out", desk.home / "numbers.csv", status=5) == "out-inside-home"
    done = desk.run(*run, "--out", "numbers.csv")
    assert "5 people: numbers.csv" in done.out
    assert (desk.place / "numbers.csv").read_text().splitlines()[1:] == [
        f"{name},{number}" for name, number in zip(names, nhs_numbers(5), strict=True)
    ]
    assert not any(number in done.out + done.err for number in nhs_numbers(5))
    assert desk.code(*run, "--out", "again.csv", status=5) == "reidentified-already"
    (listed,) = json.loads(desk.run("reidentify", "list", "--json").out)
    assert (listed["state"], listed["approved_by"], listed["people"]) == ("done", "ada, ben", 5)
    desk.run("audit", "verify")


def test_the_key_rotates_and_the_mode_with_it(tmp_path):
    desk = a_desk(tmp_path)
    rotate = ("key", "rotate", "pseudonym", *SIGN)
    assert desk.code(*rotate, status=5) == "pseudonyms-irreversible"
    assert write_list(desk, 1)[0].startswith("k1.")
    given = ("reidentify", "request", "--list", "scores.csv", *ASK, *desk.by("cara"))
    assert desk.code(*given, status=5) == "reidentification-impossible"
    assert desk.code("key", "rotate", "pseudonym", *SIGN[:2], status=5) == "same-person-twice"

    policy = (desk.home / "policy.toml").read_text()
    (desk.place / "policy.toml").write_text("reversible_pseudonyms = true\n" + policy)
    desk.run("policy", "change", "policy.toml", *SIGN)
    done = desk.run(*rotate, "--erase-records")
    assert "pseudonyms now begin with r2." in done.out
    assert json.loads(desk.run("data", "list", "--json").out) == []
    desk.load(60)
    assert json.loads(desk.run(*rotate, "--json").out) == {"tag": "r3", "mode": "r", "epoch": 3}
    keys = [line["id"] for line in json.loads(desk.run("key", "list", "--json").out)]
    assert [key for key in keys if key.startswith(("pseudonym", "reversible"))] == ["reversible@3"]
    desk.run("audit", "verify")
    assert [row["version"] for row in json.loads(desk.run("data", "list", "--json").out)] == [2]
