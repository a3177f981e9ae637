"""``quality`` and ``quarantine``: what people of the node see of a load, and that nobody else sees any of it."""

import json

from tests.functional.test_node_command import Desk


def desk_with_loads(tmp_path):
    """Return a node with two loads: of the second, half of the wards are missing."""
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    desk.load(60)
    text = (desk.place / "visits.csv").read_text()
    (desk.place / "visits.csv").write_text(text.replace(",0,W", ",0,"))
    desk.run("ingest", "visits.toml", "visits.csv")
    return desk


def test_a_load_is_shown_with_its_history_and_what_changed(tmp_path):
    desk = desk_with_loads(tmp_path)
    told = desk.run("quality", "show", "visits@1")
    assert "120 rows of 60 people" in told.out
    assert "never leave" in told.err
    shown = json.loads(desk.run("quality", "show", "visits", "--json").out)
    assert (shown["version"], shown["rows"]) == ("visits@2", 120)
    ward = next(c for c in shown["columns"] if c["name"] == "ward")
    assert ward["complete"] == 0.5

    history = json.loads(desk.run("quality", "history", "visits", "--json").out)
    assert [(line["version"], line["least_complete"], line["in"]) for line in history] == [
        ("visits@1", 1.0, "nhs_number"),
        ("visits@2", 0.5, "ward"),
    ]
    assert "visits@2" in desk.run("quality", "history", "visits").out
    drift = json.loads(desk.run("quality", "drift", "visits", "--json").out)
    assert [c["column"] for c in drift["columns"] if c["warnings"]] == ["ward"]
    assert "less complete" in desk.run("quality", "drift", "visits@2", "--against", "visits@1").out
    assert desk.code("quality", "drift", "visits@1", status=3) == "version-alone"
    assert desk.code("quality", "show", "births", status=5) == "data-set-unknown"

    desk.run("quality", "show", "visits", "--html", "visits.html")
    assert "less complete" in (desk.place / "visits.html").read_text()
    assert (desk.place / "visits.html").stat().st_mode & 0o077 == 0
    assert desk.code("quality", "show", "visits", "--html", desk.home / "visits.html", status=5) == "out-inside-home"
    assert desk.code("quality", "show", "visits", "--html", "visits.html", status=4) == "file-unwritable"
    desk.run("audit", "verify")
