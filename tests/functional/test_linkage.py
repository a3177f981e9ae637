"""Records without an NHS number become people: seldom wrongly, never a household member, and nobody sees who."""

import csv
import json
import socket
import stat
import tempfile
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from node.erasure import certificate, erase_person
from node.linkage import bands
from node.linkage.bands import LINKED
from node.linkage.decisions import pair_id, read_decisions
from node.linkage.review import take_back, write_pairs
from node.linkage.tables import keyed
from node.linkage.zone import link, pair_up
from node.optouts import load_optouts
from node.persons import recognise
from privacy.errors import Invalid, Refusal, Tampered
from tests.linked import AGREEMENT, linked
from tests.nodes import NOW


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    """One node, linked once: training is what takes seconds."""
    made = linked(tmp_path_factory.mktemp("linked"))
    made.agree()
    link(made.zone(), "north", reference=made.reference, target=made.target)
    yield made
    made.node.database.close()


def links(zone):
    return zone.node.links.links(zone.node.links.newest("north", "adult-social-care"))


def truth(zone):
    """Return the pseudonym of each client, by keyed id, and the other way round who is who."""
    key = links(zone).key
    ids = dict(zip(zone.clients, keyed(pa.array(list(zone.clients)), key).to_pylist(), strict=True))
    numbers = [p.number for p in zone.clients.values()]
    names = recognise(numbers, zone.node.keystore, allow_test_numbers=True).pseudonyms.tolist()
    return {ids[client]: name for client, name in zip(zone.clients, names, strict=True)}


def pairs(zone, *wanted):
    table = links(zone).table.to_pylist()
    return [(row["local"], row["person"]) for row in table if row["band"] in wanted]


def test_links_are_right_and_most_are_found(zone):
    """Measured with this seed: precision 1.000, recall .956 by machine, .996 with what people review."""
    whose = truth(zone)
    here = set(recognise([p.number for p in zone.patients], zone.node.keystore, allow_test_numbers=True).pseudonyms)
    findable = {local for local, person in whose.items() if person in here}
    made = pairs(zone, *LINKED)
    assert all(whose[local] == person for local, person in made)
    right_or_waiting = [pair for pair in pairs(zone, *LINKED, "review") if whose[pair[0]] == pair[1]]
    assert len(made) > 0.92 * len(findable)
    assert len(right_or_waiting) > 0.98 * len(findable)


def test_no_twin_parent_or_namesake_is_taken_for_another(zone):
    whose = truth(zone)
    kin = {p.number for p in zone.people if p.kin}
    of_kin = set(recognise(sorted(kin), zone.node.keystore, allow_test_numbers=True).pseudonyms)
    assert len(of_kin) > 50
    assert [pair for pair in pairs(zone, *LINKED) if pair[1] in of_kin and whose[pair[0]] != pair[1]] == []


def test_positive_control_without_the_rule_for_households_some_are(zone, monkeypatch):
    """The same pairs by probability alone: so the test above can fail."""
    pairing = pair_up(zone.zone(), "north", reference=zone.reference, target=zone.target)
    monkeypatch.setattr(bands, "machine_may", lambda pairs: np.ones(len(pairs), dtype=bool))
    table = bands.banded(
        pairing.pairs, local=pairing.local, person=pairing.people, agreement=pairing.agreement, target=pairing.target
    )
    whose = truth(zone)
    assert [r for r in table.to_pylist() if r["band"] == "match" and whose[r["local"]] != r["person"]]


def test_who_opted_out_is_linked_to_nobody(zone):
    out = [p.number for p in zone.people[:3]]
    gone = set(recognise(out, zone.node.keystore, allow_test_numbers=True).pseudonyms)
    assert [pair for pair in pairs(zone, "match", "review") if pair[1] in gone] == []


def test_each_id_is_at_most_one_person_and_each_person_one_id(zone):
    made = pairs(zone, *LINKED)
    assert len({local for local, _ in made}) == len(made) == len({person for _, person in made})


def test_figures_tell_of_truth_estimates_and_groups(zone):
    figures = links(zone).figures
    assert figures["known"]["at"]["links"]["precision"] == 1
    assert figures["known"]["at"]["links"]["recall"] > 0.92
    assert 0.95 < figures["estimated"]["precision"] <= 1
    assert set(figures["share_linked_by"]["ethnicity"]) == {"A", "J", "M", "Z"}
    ids = len(zone.clients) - 1  # one says whose it is, and that person has objected
    assert sum(figures["ids_by_band"].values()) + figures["ids_unlinked"] == figures["ids"] == ids


def test_the_same_extracts_give_the_same_model_and_links(zone, tmp_path):
    before = links(zone).table
    again = linked(tmp_path, seed=1)
    again.agree()
    link(again.zone(), "north", reference=again.reference, target=again.target)
    models = [z.node.links.model("north", "adult-social-care", 1) for z in (zone, again)]
    assert json.dumps(models[0]) == json.dumps(models[1])
    found = [sorted(row["band"] for row in z.to_pylist()) for z in (before, links(again).table)]
    assert found[0] == found[1]  # ids and persons are keyed, and every node's keys are its own
    again.node.verify()
    again.node.database.close()


def test_review_shows_pairs_side_by_side_and_decisions_stand(zone, tmp_path):
    out = tmp_path / "pairs.csv"
    pairing = pair_up(zone.zone(), "north", reference=zone.reference, target=zone.target)
    waiting = set(pairs(zone, "review"))
    assert write_pairs(pairing, links(zone), out, home=zone.node.home) == len(waiting)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {"pair", "decision", "ours_surname", "theirs_surname"} <= set(rows[0])
    decided = decide_by_truth(zone, rows, out)
    before = zone.node.links.newest("north", "adult-social-care")
    entered = []
    made = take_back(zone.node.links, before, out, several_ids=False, enter=lambda: entered.append(1), now=NOW)
    assert (entered, made.version) == ([1], before.version + 1)
    assert len(pairs(zone, "clerical")) == sum(d == "same" for d in decided)
    link(zone.zone(), "north", reference=zone.reference, target=zone.target)
    assert len(pairs(zone, "clerical")) == sum(d == "same" for d in decided)
    assert not set(pairs(zone, "review")) & set(pairs(zone, "refused"))
    zone.node.verify()


def decide_by_truth(zone, rows, out):
    whose, at = truth(zone), links(zone)
    right = {pair_id(pair, at.key): whose[pair[0]] == pair[1] for pair in pairs(zone, "review")}
    for row in rows:
        row["decision"] = "same" if right[row["pair"]] else "different"
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [row["decision"] for row in rows]


def test_a_review_file_never_lies_in_the_nodes_directory(zone):
    pairing = pair_up(zone.zone(), "north", reference=zone.reference, target=zone.target)
    with pytest.raises(Refusal) as error:
        write_pairs(pairing, links(zone), zone.node.home / "pairs.csv", home=zone.node.home)
    assert error.value.code == "out-inside-home"


@pytest.mark.parametrize("text", ["pair,decision\nffff,same\n", "pair,decision\n", "a,b\n1,2\n"])
def test_decisions_that_do_not_hold_change_nothing(zone, tmp_path, text):
    file = tmp_path / "wrong.csv"
    file.write_text(text)
    with pytest.raises(Invalid) as error:
        read_decisions(file, links(zone))
    assert error.value.code == "review-malformed"


def test_nothing_is_written_beside_the_node_and_nothing_dialled(zone, tmp_path, monkeypatch):
    """Splink, DuckDB and what they bring leave the working and the temporary directory as they were."""

    def dial(*_):
        raise AssertionError("somebody dialled")

    place = tmp_path / "empty"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(socket.socket, "connect", dial)
    outside = {path.name for path in zone.home.iterdir()}
    link(zone.zone(), "north", reference=zone.reference, target=zone.target)
    assert list(place.iterdir()) == []
    assert {path.name for path in zone.home.iterdir()} == outside


def planted(zone):
    """Return clear identifiers of people who are in both extracts, as they are written and as they are compared."""
    clients = list(zone.clients.items())[:40]
    return {text for client, p in clients for text in (client, p.number, f"{p.surname}", p.born, p.home[1])}


def found_in(directory, texts):
    files = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    assert files
    return {t for t in texts if any(form in file for form in (t.encode(), t.encode("utf-16-le")) for file in files)}


def test_no_clear_identifier_lies_in_any_file_of_the_node(zone):
    assert found_in(zone.node.home, {t for t in planted(zone) if len(t) > 5}) == set()


def test_positive_control_the_same_search_finds_them_where_nothing_is_sealed(zone, tmp_path):
    table = pa.table({"id": list(zone.clients), "number": [p.number for p in zone.clients.values()]})
    pq.write_table(table, tmp_path / "plain.parquet", compression="none", use_dictionary=False)
    assert {t for t in planted(zone) if t in zone.clients} <= found_in(tmp_path, planted(zone))


def test_an_agreement_that_expired_links_nothing(zone):
    later = linked_later(zone)
    with pytest.raises(Refusal) as error:
        link(later, "north", reference=zone.reference, target=zone.target)
    assert error.value.code == "linkage-expired"


def linked_later(zone):
    return replace(zone.zone(), now=NOW.replace(year=2029))


def test_agreements_are_signed_whole_or_wait(tmp_path):
    made = linked(tmp_path)
    made.agree(names=("ada",))
    with pytest.raises(Refusal) as error:
        link(made.zone(), "north", reference=made.reference, target=made.target)
    assert (error.value.code, "ben" in error.value.detail) == ("agreement-unsigned", True)
    made.agree(names=("ben",))
    assert made.node.agreements.in_force("north", now=NOW).name == "north"
    with pytest.raises(Invalid) as error:
        made.agree(AGREEMENT.replace("Falls prevention", "Marketing"))
    assert error.value.code == "agreement-changed"
    made.node.verify()
    made.node.database.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE linkage_agreement SET document = replace(document, '2028-03-31', '2038-03-31')",
        "UPDATE linkage_signature SET signature = (SELECT signature FROM linkage_signature WHERE person = 'ada')",
        "DELETE FROM linkage_signature WHERE person = 'ben'",
    ],
)
def test_an_agreement_edited_after_signing_is_worth_nothing(tmp_path, tampering):
    made = linked(tmp_path)
    made.agree()
    with made.node.database.transaction() as connection:
        connection.execute(tampering)
    with pytest.raises((Tampered, Refusal)) as error:
        made.node.agreements.in_force("north", now=NOW)
    assert error.value.code in {"agreement-tampered", "agreement-unsigned"}
    made.node.database.close()


def test_whoever_speaks_for_nobody_signs_nothing(tmp_path):
    made = linked(tmp_path)
    with pytest.raises(Refusal) as error:
        made.agree(AGREEMENT.replace('person = "ben"', 'person = "ada"'), names=("ben",))
    assert error.value.code == "role-not-allowed"
    made.node.database.close()


def test_erasing_a_person_erases_their_links(zone):
    made = pairs(zone, *LINKED)
    whose = {name: client for client, name in truth(zone).items()}
    numbers = {name: p.number for p, name in with_names(zone)}
    with_visits = set(zone.node.store.read(zone.node.store.latest("visits"), [])["person"].to_pylist())
    person = next(name for _, name in made if name not in with_visits)
    before = zone.node.links.newest("north", "adult-social-care")
    keys = {name: zone.key(name) for name in ("ada", "ben")}
    leaf = erase_person(zone.node, numbers=[numbers[person]], keys=keys, reason="article 17 request 1")
    assert person in whose
    assert person not in {name for _, name in pairs(zone, *LINKED, "review", "refused")}
    assert len(pairs(zone, *LINKED)) == len(made) - 1
    kinds = [change["kind"] for change in certificate(zone.node, leaf)["facts"]["files"]]
    assert kinds == ["optouts", "links"]
    assert not (zone.node.home / "store" / before.file).exists()
    zone.node.verify()


def with_names(zone):
    numbers = [p.number for p in zone.people]
    names = recognise(numbers, zone.node.keystore, allow_test_numbers=True).pseudonyms.tolist()
    return list(zip(zone.people, names, strict=True))


def test_an_objection_gives_nobody_else_the_records(tmp_path):
    """With the one who objected gone, whoever is most like them was linked by a machine: their own record says no."""
    made = linked(tmp_path)
    made.agree()
    ours, theirs = (list(csv.DictReader(file.read_text().splitlines())) for file in (made.reference, made.target))
    patients = {row["NHS_NUMBER"]: row for row in ours}
    client = next(row for row in theirs if row["nhs"] in patients)
    objector = patients[client["nhs"]]
    alike = {**objector, "NHS_NUMBER": next(n for n in patients if n not in {row["nhs"] for row in theirs})}
    ours = [row for row in ours if row["NHS_NUMBER"] != alike["NHS_NUMBER"]]
    year, month, day = objector["DOB"].split("-")
    client.update(first_name=objector["FORENAME"], last_name=objector["SURNAME"], birth=f"{day}/{month}/{year}",
                  post_code=objector["POSTCODE"], address=objector["ADDRESS"])  # fmt: skip
    for file, rows in ((made.reference, [*ours, alike]), (made.target, theirs)):
        with file.open("w", newline="") as out:
            csv.writer(out).writerows([list(rows[0]), *(row.values() for row in rows)])

    def bands_of(said):
        client["nhs"] = said
        with made.target.open("w", newline="") as out:
            csv.writer(out).writerows([list(theirs[0]), *(row.values() for row in theirs)])
        listed = [number for number in patients if number != objector["NHS_NUMBER"]]
        (tmp_path / "fewer.txt").write_text("\n".join(listed))
        load_optouts(file=tmp_path / "fewer.txt", as_of=NOW.date(), store=made.node.store,
                     keystore=made.node.keystore, now=NOW, allow_test_numbers=True)  # fmt: skip
        link(made.zone(), "north", reference=made.reference, target=made.target)
        local = keyed(pa.array([client["CLIENT"]]), links(made).key)[0].as_py()
        return [row["band"] for row in links(made).table.to_pylist() if row["local"] == local]

    assert bands_of(objector["NHS_NUMBER"]) == []
    assert bands_of("") == ["match"]  # a control: of a record that does not say whose it is, nobody can know
    made.node.database.close()
