"""``linkage``: what the controllers, the data team and whoever reviews type, and what they are told."""

import csv
import json

from tests.functional.test_linked_records import CONTRACT
from tests.functional.test_node_command import TODAY, Desk
from tests.linked import AGREEMENT, extracts


def test_from_agreement_to_decisions(tmp_path):
    desk, made = Desk(tmp_path), extracts(tmp_path)
    desk.init("--policy", "floors.toml", people=("ada=ig-lead", "ben=caldicott-guardian", "dan=data-engineer"))
    (tmp_path / "allowed.txt").write_text("\n".join(p.number for p in made.people))
    desk.run("optout", "load", "allowed.txt", "--as-of", TODAY)
    (tmp_path / "north.toml").write_text(AGREEMENT)
    files = ("--reference", "patients.csv", "--target", "clients.csv")
    assert "no agreement" in desk.run("linkage", "list").out
    assert desk.code("linkage", "run", "north", *files, status=5) == "agreement-unknown"
    done = desk.run("linkage", "agree", "north.toml", "--signed-by", "ada=keys/ada.key")
    assert "waits for ben" in done.out
    assert desk.code("linkage", "run", "north", *files, status=5) == "agreement-unsigned"
    assert "is in force" in desk.run("linkage", "agree", "north.toml", "--signed-by", "ben=keys/ben.key").out
    assert desk.code("linkage", "quality", "north", status=5) == "linkage-absent"
    ran = desk.run("linkage", "run", "north", *files)
    assert "north/adult-social-care@1" in ran.out
    assert "training the model" in ran.err
    figures = json.loads(desk.run("linkage", "quality", "north", "--json").out)
    assert figures["known"]["at"]["links"]["precision"] == 1
    purpose = ("--purpose", "clerical review")
    review = ("linkage", "review", "north", *files, *purpose, "--out")
    assert desk.code(*review, "node/pairs.csv", *desk.by("dan"), status=5) == "out-inside-home"
    told = desk.run(*review, "pairs.csv", *desk.by("dan"))
    assert "training" not in told.err
    rows = list(csv.DictReader((tmp_path / "pairs.csv").read_text().splitlines()))
    assert f"{len(rows)} pairs" in told.out
    decide_first(tmp_path / "pairs.csv", rows)
    assert "@2" in desk.run("linkage", "decide", "north", "pairs.csv", *desk.by("dan"), *purpose).out
    assert (
        desk.code("linkage", "decide", "north", "pairs.csv", *desk.by("dan"), *purpose, status=3) == "review-malformed"
    )
    assert "north/adult-social-care@2" in desk.run("linkage", "list").out
    desk.run("audit", "verify")
    events = desk.run("audit", "show", "--last", "20").out
    assert all(event in events for event in ("linkage-agreed", "linkage-trained", "linkage-made", "inside"))
    assert not any(p.number in events or client in events for client, p in made.clients.items())


def test_from_ingest_to_a_study_that_both_controllers_approve(tmp_path):
    desk, made = Desk(tmp_path), extracts(tmp_path)
    desk.init("--policy", "floors.toml")
    (tmp_path / "allowed.txt").write_text("\n".join(p.number for p in made.people))
    (tmp_path / "north.toml").write_text(AGREEMENT)
    (tmp_path / "care.toml").write_text(CONTRACT)
    rows = [f"{client},{year},70,{year % 3}" for client in made.clients for year in (2024, 2025)]
    (tmp_path / "care.csv").write_text("\n".join(["client,year,age,hours", *rows]))
    desk.run("optout", "load", "allowed.txt", "--as-of", TODAY)
    assert desk.code("ingest", "care.toml", "care.csv", status=5) == "agreement-unknown"
    both = ("--signed-by", "ada=keys/ada.key", "--signed-by", "ben=keys/ben.key")
    desk.run("linkage", "agree", "north.toml", *both)
    assert desk.code("ingest", "care.toml", "care.csv", status=5) == "linkage-absent"
    desk.run("linkage", "run", "north", "--reference", "patients.csv", "--target", "clients.csv")
    assert "person-unlinked in client" in desk.run("ingest", "care.toml", "care.csv").out
    variables = [{"name": "age", "column": "age", "low": 0, "high": 120}, {"name": "sex", "column": "hours"}]
    variables[1] |= {"low": 0, "high": 168, "transform": "at-least", "threshold": 2}
    desk.offer(data_set="care-packages", variables=variables)
    told = desk.run("study", "explain", "who").out
    assert "ben for A council: has not approved yet" in told
    desk.run("study", "approve", "who", *desk.by("ada"))
    told = desk.run("study", "explain", "who").out
    assert "ada for A trust: approved" in told
    assert "runnable" in desk.run("study", "approve", "who", *desk.by("ben")).out
    erasing = ("data", "erase", "care-packages", "--reason", "agreement ended", *both)
    desk.run(*erasing)
    assert desk.code("linkage", "quality", "north", status=5) == "linkage-absent"
    desk.run("audit", "verify")


def decide_first(file, rows):
    rows[0]["decision"] = "different"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_an_agreement_with_faults_lists_them_with_lines(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    (tmp_path / "north.toml").write_text(
        AGREEMENT.replace("expires = 2028-03-31", 'expires = "soon"\nmatch_at = 0.5').replace(
            'surname = "SURNAME"\n', ""
        )
    )
    told = desk.run("linkage", "agree", "north.toml", "--signed-by", "ada=keys/ada.key", status=3).err
    assert "line 6: agreement.expires" in told
    (tmp_path / "north.toml").write_text(AGREEMENT.replace("expires = 2028-03-31", "expires = 2020-03-31"))
    assert desk.code("linkage", "agree", "north.toml", "--signed-by", "ada=keys/ada.key", status=5) == "linkage-expired"
