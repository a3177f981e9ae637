"""``key``: what a person types to list and rotate keys, and what they are told."""

import json

from privacy.signing import PublicKey
from tests.functional.test_node_command import Desk


def test_a_node_shows_the_public_key_by_which_another_node_s_policy_pins_it(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    shown = json.loads(desk.run("fleet", "show", "--json").out)
    assert shown["public_key"] in desk.run("fleet", "show").out
    assert PublicKey(shown["public_key"]).fingerprint == shown["fingerprint"]


def test_keys_are_listed_and_rotated_and_the_node_goes_on(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    desk.load(60)
    assert "store@1" in desk.run("key", "list").out
    assert json.loads(desk.run("key", "rotate", "records", "--json").out)["key"] == "store@2"
    desk.run("ingest", "visits.toml", "visits.csv")
    listed = {line["id"]: line["files"] for line in json.loads(desk.run("key", "list", "--json").out)}
    assert (listed["store@1"], listed["store@2"]) == (3, 2)
    desk.run("key", "rotate", "records", "--rewrite")
    listed = {line["id"]: line["files"] for line in json.loads(desk.run("key", "list", "--json").out)}
    assert "store@1" not in listed
    assert listed["store@2"] == 5
    done = desk.run("key", "rotate", "wrapping", "--new-file", "new.key")
    assert "destroy it" in done.err
    desk.run("audit", "verify")
    assert desk.code("key", "rotate", "wrapping", "--new-file", "new.key", status=5) == "wrapping-key-same"
    desk.run("ingest", "visits.toml", "visits.csv")
    told = desk.run("audit", "show", "--last", "40").out
    assert all(event in told for event in ("key-rotated", "keys-destroyed", "records-rewritten"))
