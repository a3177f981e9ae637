"""``contract``: what a person types to begin with a contract that ships, and to check their own."""

import json

from tests.functional.test_node_command import Desk
from tests.nodes import nhs_numbers


def test_a_contract_that_ships_is_listed_shown_copied_and_checked(tmp_path):
    desk = Desk(tmp_path)  # no node is needed for any of it
    listed = json.loads(desk.run("contract", "list", "--json").out)
    assert "hes-apc" in [row["name"] for row in listed]
    assert desk.run("contract", "show", "ecds").out.startswith("# Emergency care")
    assert desk.code("contract", "show", "nothing", status=3) == "contract-unknown"

    assert "contract.owner" in desk.run("contract", "new", "ecds", "--out", "mine.toml").out
    assert desk.code("contract", "new", "ecds", "--out", "mine.toml", status=4) == "file-unwritable"
    assert "still to be filled in" in desk.run("contract", "check", "mine.toml", status=3).err
    file = desk.place / "mine.toml"
    file.write_text(file.read_text().replace("TODO: ", ""))
    assert "39 of 41 columns are stored" in desk.run("contract", "check", "mine.toml").out
    checked = json.loads(desk.run("contract", "check", "mine.toml", "--json").out)
    assert checked["contract"]["name"] == "emergency-care"


def test_a_contract_is_drafted_from_an_extract(tmp_path):
    desk = Desk(tmp_path)
    numbers = nhs_numbers(60)
    rows = "".join(f"{number},{i % 90}\n" for i, number in enumerate(numbers))
    (desk.place / "extract.csv").write_text(f"NHS Number,Age\n{rows}")
    done = desk.run("contract", "propose", "extract.csv", "--out", "draft.toml")
    assert "columns.age.low" in done.out
    text = (desk.place / "draft.toml").read_text()
    assert not any(number in text + done.out + done.err for number in numbers)
    assert "still to be filled in" in desk.run("contract", "check", "draft.toml", status=3).err
    assert desk.code("contract", "propose", "extract.csv", "--out", "draft.toml", status=4) == "file-unwritable"
    assert desk.code("contract", "propose", "nothing.csv", "--out", "other.toml", status=4) == "file-unreadable"
