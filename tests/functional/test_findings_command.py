"""``discover`` and ``finding``: what a data team types before there is a contract, and what an IG lead answers for."""

import json

from tests.functional.test_node_command import Desk
from tests.nodes import nhs_numbers

WARD = ("visits", "ward", "name", "--contract-version", "1")
WHY = ("--reason", "wards are named after people")


def test_a_source_is_looked_at_without_a_contract_or_a_node(tmp_path):
    desk = Desk(tmp_path)
    numbers = nhs_numbers(60)
    rows = [
        f"{number[:3]} {number[3:6]} {number[6:]},{n % 9},Mr A{'bcdefghijk'[n % 10]}"
        for n, number in enumerate(numbers)
    ]
    (desk.place / "extract.csv").write_text("\n".join(["NHS Number,Score,Seen by", *rows]))
    before = desk.left()
    done = desk.run("discover", "extract.csv")
    assert [line.split()[:4] for line in done.out.splitlines()[1:]] == [
        ["NHS", "Number", "nhs-number", "nearly"],
        ["Seen", "by", "name", "nearly"],
    ]
    found = json.loads(desk.run("discover", "extract.csv", "--rows", "9", "--json").out)
    assert [(each["column"], each["kind"]) for each in found] == [("NHS Number", "nhs-number")]
    assert not [number for number in numbers if number[6:] in done.out + done.err]
    (desk.place / "clear.csv").write_text("score\n1\n2\n")
    assert desk.run("discover", "clear.csv").out == "no column looks like an identifier\n"
    assert desk.code("discover", "none.csv", status=4) == "file-unreadable"
    (desk.place / "clear.csv").unlink()
    assert desk.left() == before


def test_a_finding_is_accepted_shown_and_withdrawn(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml", people=("ada=ig-lead", "ben=caldicott-guardian", "dee=data-engineer"))
    assert desk.run("finding", "list").out == "none is accepted\n"
    done = desk.run("finding", "accept", *WARD, *desk.by("ada"), *WHY)
    assert done.out == "accepted by ada: name in ward of visits, contract version 1\n"
    assert desk.code("finding", "accept", *WARD, *desk.by("dee"), *WHY, status=5) == "role-not-allowed"
    assert "wards are named after people" in desk.run("finding", "list").out
    (listed,) = json.loads(desk.run("finding", "list", "--json").out)
    assert (listed["person"], listed["role"]) == ("ada", "ig-lead")
    desk.run("audit", "verify")
    done = desk.run("finding", "withdraw", *WARD, *desk.by("ben"), "--reason", "consultants are in it")
    assert "data erase visits" in done.err
    assert json.loads(desk.run("finding", "list", "--json").out) == []
    desk.run("audit", "verify")


def test_a_load_is_stopped_until_somebody_answers_and_again_when_they_take_it_back(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    desk.load(60)
    names = ["Florence Smith", "Mary Seacole", "James Patel", "Aisha Khan", "Thomas Jones", "Grace Evans"]
    names += ["Margaret Hughes", "Helen Walker", "Dorothy Kaur", "Peter Okafor", "Susan Begum", "David Wright"]
    text = (desk.place / "visits.csv").read_text()
    rows = [line[:-1] + names[i % 12] if i else line for i, line in enumerate(text.splitlines())]
    (desk.place / "visits.csv").write_text("\n".join(rows))

    done = desk.run("ingest", "visits.toml", "visits.csv", status=3)
    assert "visits, contract version 1" in done.err
    assert "ward: name: nearly all of its values have the shape of a person's name" in done.err
    assert not [word for name in names for word in name.split() if word in done.out + done.err]
    desk.run("finding", "accept", *WARD, *desk.by("ada"), *WHY)
    assert "visits@2" in desk.run("ingest", "visits.toml", "visits.csv").out

    contract = desk.place / "visits.toml"
    contract.write_text(contract.read_text().replace("version = 1", "version = 2"))
    assert desk.code("ingest", "visits.toml", "visits.csv", status=3) == "identifier-undeclared"
    contract.write_text(contract.read_text().replace("version = 2", "version = 1"))
    desk.run("finding", "withdraw", *WARD, *desk.by("ben"), "--reason", "consultants are in it")
    assert desk.code("ingest", "visits.toml", "visits.csv", status=3) == "identifier-undeclared"
    desk.run("audit", "verify")
