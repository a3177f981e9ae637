"""``catalogue``: what a person types to find, look and tell."""

import json

from tests.functional.test_node_command import Desk


def test_data_sets_are_listed_found_shown_and_described(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    assert "nothing is loaded yet" in desk.run("catalogue", "list").out
    desk.load(60)
    (row,) = json.loads(desk.run("catalogue", "list", "--json").out)
    assert (row["data_set"], row["variables"], row["loads"]) == ("visits", 4, 1)
    assert "ward" in desk.run("catalogue", "search", "visits ward").out
    assert desk.run("catalogue", "search", "nothing of it").out == "nothing\n"
    shown = desk.run("catalogue", "show", "visits")
    assert "100%" in shown.out
    assert "never leave" in shown.err
    assert json.loads(desk.run("catalogue", "show", "visits", "--json").out)["quality"]["people"] == 60
    assert desk.code("catalogue", "show", "nothing", status=5) == "data-set-unknown"

    printed = json.loads(desk.run("catalogue", "export", "--format", "dcat", "--publisher", "An ICS").out)
    assert printed["dcterms:publisher"]["foaf:name"] == "An ICS"
    desk.run("catalogue", "export", "--format", "hdruk", "--out", "gateway.json")
    written = json.loads((desk.place / "gateway.json").read_text())
    assert written["datasets"][0]["summary"]["title"] == "Visits"
    desk.run("catalogue", "export", "--format", "hdruk", "--out", "gateway.json", status=4)
    desk.run("catalogue", "export", "--format", "csv", status=2)
