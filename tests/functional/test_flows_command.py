"""``flows``: what a person types to see the register of flows, and to publish it."""

import json

from tests.functional.test_node_command import Desk


def test_flows_are_listed_shown_and_published(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    assert "nothing comes in" in desk.run("flows", "list").out
    desk.load(150)
    record = desk.offer()
    for person in ("ada", "ben"):
        desk.run("study", "approve", record.name, *desk.by(person))
    listed = json.loads(desk.run("flows", "list", "--json").out)
    assert [(flow["direction"], flow["name"]) for flow in listed] == [("in", "visits"), ("out", "who")]
    assert "replaced by a keyed pseudonym" in desk.run("flows", "show", "visits").out
    assert desk.code("flows", "show", "nothing", status=3) == "flow-unknown"

    assert desk.run("flows", "export", "--organisation", "An ICB").out.startswith("# Data-use register: An ICB")
    desk.run("flows", "export", "--format", "html", "--out", "register.html")
    assert b"Safe outputs" in (desk.place / "register.html").read_bytes()
    desk.run("flows", "export", "--format", "html", "--out", "register.html", status=4)
    assert len(json.loads(desk.run("flows", "export", "--format", "json").out)["flows"]) == 2
