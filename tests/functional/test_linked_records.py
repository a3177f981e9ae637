"""A data set whose rows bear a council's ids: its people, its quarantine, its versions, and who must approve."""

import csv
import datetime
from dataclasses import replace

import pyarrow as pa
import pytest

from node.command.scores import compare, score
from node.ingest.load import ingest
from node.linkage.tables import keyed
from node.linkage.zone import link
from node.optouts import current_optouts
from node.persons import recognise
from node.quality.replay import replay
from privacy.contract_file import read_contract
from privacy.errors import HedgerowError, Refusal
from privacy.study import from_document
from tests.approved import PASSPHRASE, document
from tests.linked import AGREEMENT, linked
from tests.nodes import NOW

CONTRACT = """\
[contract]
name = "care-packages"
version = 1
title = "Care packages"
owner = "A council"
legal_basis = "Article 6(1)(e), 9(2)(h)"
source = "made up"
purpose = "Falls prevention"
recipient = "This node"
table = "event"
key = ["client", "year"]
period = "year"
bad_rows_at_most = 0.9

[columns.client]
kind = "direct-identifier"
type = "linked-id"
treatment = "pseudonym"
linkage = "north"

[columns.year]
kind = "measure"
type = "integer"
low = 2015
high = 2035

[columns.age]
kind = "quasi-identifier"
type = "number"
low = 0
high = 120

[columns.hours]
kind = "measure"
type = "number"
low = 0
high = 168
"""
UNKNOWN = "ASC-NOBODY"


@pytest.fixture(scope="module")
def council(tmp_path_factory):
    """One node at which the council's ids were linked, and its care packages loaded."""
    made = linked(tmp_path_factory.mktemp("council"))
    made.agree()
    link(made.zone(), "north", reference=made.reference, target=made.target)
    load(made)
    yield made
    made.node.database.close()


def load(made, text=CONTRACT):
    file, extract = made.home / "care.toml", made.home / "care.csv"
    file.write_text(text)
    with extract.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["client", "year", "age", "hours"])
        writer.writerows([i, y, 70, 2 + y % 3] for i in [*made.clients, UNKNOWN] for y in (2024, 2025))
        writer.writerow(["", 2024, 70, 1])
    node, contract = made.node, read_contract(file)
    return ingest(
        contract=contract,
        location=extract,
        store=node.store,
        keystore=node.keystore,
        linked=node.linked(contract),
        optouts=current_optouts(node.store, now=NOW, at_most_days=7),
        now=NOW,
        allow_test_numbers=True,
    )


def test_rows_become_the_people_whose_they_are(council):
    version = council.node.store.latest("care-packages")
    stored = council.node.store.read(version, ["hours"])
    whose = set(stored["person"].to_pylist())
    numbers = [p.number for p in council.clients.values()]
    known = set(recognise(numbers, council.node.keystore, allow_test_numbers=True).pseudonyms)
    assert whose <= known
    assert len(whose) > 0.8 * len(council.patients) * 0.5
    parts = recognise(numbers, council.node.keystore, allow_test_numbers=True)
    held = dict(zip(parts.pseudonyms.tolist(), parts.held_back.tolist(), strict=True))
    assert all(held[p] == h for p, h in zip(stored["person"].to_pylist(), stored["held_back"].to_pylist(), strict=True))


def test_the_version_names_the_linkage_that_it_was_loaded_under(council):
    version = council.node.store.latest("care-packages")
    assert version.linkage == "north/adult-social-care@1"
    leaves = [e for e in council.node.audit.events() if e["event"] == "data-loaded"]
    assert leaves[-1]["facts"]["linkage"] == "north/adult-social-care@1"
    council.node.verify()


def test_rows_of_nobody_are_set_aside_without_their_texts(council):
    version = council.node.store.latest("care-packages")
    rows = council.node.store.read_quarantine(version).to_pylist()
    unlinked = [row for row in rows if row["reasons"] == "person-unlinked in client"]
    assert len(unlinked) > 2
    assert all(row["person"] is None and row["hours"] is None for row in unlinked)
    assert [row["reasons"] for row in rows if "value-missing" in row["reasons"]] == ["value-missing in client"]


def test_linking_again_changes_no_version_that_is_loaded(council):
    before = council.node.store.latest("care-packages")
    rows = council.node.store.read(before, ["hours"])
    link(council.zone(), "north", reference=council.reference, target=council.target)
    assert council.node.store.latest("care-packages") == before
    assert council.node.store.read(before, ["hours"]).equals(rows)
    again = load(council).version
    assert (again.version, again.linkage) == (before.version + 1, "north/adult-social-care@2")


def test_mended_rows_go_back_only_under_the_linkage_of_their_version(council):
    version = load(council).version
    rows = council.home / "mended.csv"
    line = council.node.store.read_quarantine(version)["line"][-1].as_py()
    client = a_linked_client(council)
    rows.write_text(f"line,client,year,age,hours\n{line},{client},2026,70,1\n")

    def again():
        node = council.node
        return replay(
            version=version,
            file=rows,
            store=node.store,
            keystore=node.keystore,
            linked=node.linked(version.contract),
            optouts=current_optouts(node.store, now=NOW, at_most_days=7),
            now=NOW,
            allow_test_numbers=True,
        )

    link(council.zone(), "north", reference=council.reference, target=council.target)
    with pytest.raises(Refusal) as error:
        again()
    assert error.value.code == "linkage-moved"
    version = load(council).version
    done = again()
    assert (done.rows_repaired, done.version.linkage) == (1, version.linkage)


def a_linked_client(made):
    links = made.node.links.before("north", "adult-social-care")
    linked_ids = {row["local"] for row in links.table.to_pylist() if row["band"] == "match"}
    ids = keyed(pa.array(list(made.clients)), links.key).to_pylist()
    return next(client for client, local in zip(made.clients, ids, strict=True) if local in linked_ids)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('linkage = "north"', 'linkage = "south"', "agreement-unknown"),
        ("care-packages", "rents", "linkage-target-unknown"),
    ],
)
def test_a_contract_outside_the_agreement_loads_nothing(council, before, after, code):
    with pytest.raises(Refusal) as error:
        load(council, CONTRACT.replace(before, after))
    assert error.value.code == code


def offered(council, name):
    study = from_document(document(council.node, ("1" * 40, "2" * 40, "3" * 40), data_set="care-packages", name=name))
    return council.node.governance.receive(study.document(), now=NOW)


def test_a_study_of_linked_records_needs_every_controller(tmp_path):
    """A third approver speaks for nobody; two approvals without the council's are not enough."""
    made = linked(tmp_path, more=("cleo", "dora"))
    made.agree()
    link(made.zone(), "north", reference=made.reference, target=made.target)
    load(made)
    record, governance = offered(made, "hours"), made.node.governance
    for person in ("ada", "cleo"):
        record = governance.approve(record.hash, person=person, key=made.key(person), now=NOW)
    assert (record.state, record.code) == ("awaiting-second-approval", "controller-approval-missing")
    with pytest.raises(Refusal) as error:
        governance.approve(record.hash, person="cleo", key=made.key("cleo"), now=NOW)
    assert (error.value.code, error.value.detail) == ("controller-approval-missing", "ben")
    with pytest.raises(Refusal):
        governance.runnable(record.hash, now=NOW)
    record = governance.approve(record.hash, person="ben", key=made.key("ben"), now=NOW)
    assert record.state == "runnable"
    governance.runnable(record.hash, now=NOW)
    stops_when_another_controller_joins(made, governance, record.hash)
    made.node.database.close()


def stops_when_another_controller_joins(made, governance, study):
    """Every request asks again whose records they are; whoever joined approves, and it goes on."""
    joined = AGREEMENT.replace("version = 1", "version = 2")
    joined = joined.replace("[reference]", '[[controllers]]\nname = "A charity"\nperson = "dora"\n\n[reference]', 1)
    joined = joined.replace('controller = "A council"', 'controller = "A charity"')
    made.agree(joined, names=("ada", "ben", "dora"))
    with pytest.raises(Refusal) as error:
        governance.runnable(study, now=NOW)
    assert error.value.code == "controller-approval-missing"
    with pytest.raises(Refusal) as error:
        governance.approve(study, person="ben", key=made.key("ben"), now=NOW)
    assert error.value.code == "study-not-waiting"
    assert governance.approve(study, person="dora", key=made.key("dora"), now=NOW).state == "runnable"
    governance.runnable(study, now=NOW)
    made.node.verify()


@pytest.mark.parametrize("command", [score, compare])
def test_after_its_last_day_nobody_here_is_scored_by_linked_records(council, monkeypatch, command, tmp_path):
    """Not only the coordinator's requests end with an agreement: the people of the node ask for the same records."""
    record = offered(council, "scored")
    monkeypatch.setenv("HEDGEROW_PASSPHRASE_FILE", str(tmp_path / "words"))
    (tmp_path / "words").write_text(PASSPHRASE)

    def code_on(day):
        node = replace(council.node, now=lambda: day)
        monkeypatch.setattr("node.command.scores.opened", lambda _: node)
        with pytest.raises(HedgerowError) as error:
            command(home=node.home, study=record.hash, person="ada", key=council.home / "keys" / "ada.key",
                    purpose="tests", out=tmp_path / "scores.csv", model=tmp_path / "none")  # fmt: skip
        node.database.close()
        return error.value.code

    last = datetime.datetime(2028, 3, 31, 12, tzinfo=datetime.UTC)
    assert code_on(last + datetime.timedelta(days=1)) == "linkage-expired"
    assert code_on(last) == "file-unreadable"  # a control: it goes on to the model
