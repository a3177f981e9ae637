"""``contract``: what a person types to begin with a contract that ships, and to check their own."""

import json

from tests.functional.test_node_command import Desk


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
