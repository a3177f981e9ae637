"""Who is linked by machine, who waits for people: ties, rivals, several ids, and what people refused."""

import numpy as np
import pyarrow as pa
import pytest

from node.linkage.bands import NEARLY, SAME_SHARED_ID, banded, machine_may
from node.linkage.matching import LEVELS
from privacy.linkage import Agreement, Controller, Extract

COLUMNS = tuple((name, name) for name in ("given_name", "surname", "date_of_birth"))
ALIKE = dict.fromkeys(LEVELS, 1) | {"given_name": NEARLY, "shared_id": -1}


def agreement(*, several_ids=False):
    return Agreement(
        name="n",
        version=1,
        purpose="p",
        legal_basis="l",
        expires="2030-01-01",
        controllers=(Controller("c", "ada"),),
        reference=Extract("r", "c", "id", COLUMNS),
        targets=(Extract("t", "c", "id", COLUMNS, data_sets=("d",), several_ids=several_ids),),
    )


def bands(*pairs, several_ids=False, refused=()):
    """Return each pair's band; a pair is (id, person, probability) and, where they differ, its levels."""
    whole = [(*pair, {}) if len(pair) == 3 else pair for pair in pairs]
    ids, people = sorted({p[0] for p in whole}), sorted({p[1] for p in whole})
    table = pa.table(
        {
            "reference": [people.index(person) for _, person, *_ in whole],
            "target": [ids.index(local) for local, *_ in whole],
            "probability": [float(p) for _, _, p, _ in whole],
            **{name: [{**ALIKE, **levels}[name] for *_, levels in whole] for name in LEVELS},
        }
    )
    agreed = agreement(several_ids=several_ids)
    found = banded(
        table,
        local=np.array(ids),
        person=np.array(people),
        agreement=agreed,
        target=agreed.targets[0],
        refused=refused,
    )
    return {(row["local"], row["person"]): row["band"] for row in found.to_pylist()}


def test_a_sure_pair_is_a_match_a_likely_one_waits_and_others_are_nothing():
    assert bands(("a", "p", 0.999), ("b", "q", 0.7), ("c", "r", 0.3)) == {("a", "p"): "match", ("b", "q"): "review"}


def test_two_people_who_are_both_sure_wait():
    assert set(bands(("a", "p", 0.999), ("a", "q", 0.9999)).values()) == {"review"}


def test_a_likely_rival_does_not_hold_up_a_sure_one():
    assert bands(("a", "p", 0.999), ("a", "q", 0.9)) == {("a", "p"): "match"}


def test_of_two_ids_for_one_person_the_likelier_is_linked_and_equal_ones_wait():
    assert bands(("a", "p", 0.9999), ("b", "p", 0.995)) == {("a", "p"): "match", ("b", "p"): "review"}
    assert set(bands(("a", "p", 0.999), ("b", "p", 0.999)).values()) == {"review"}
    assert set(bands(("a", "p", 0.999), ("b", "p", 0.999), several_ids=True).values()) == {"match"}


def test_several_rows_of_one_id_speak_with_the_best_of_them():
    assert bands(("a", "p", 0.6), ("a", "p", 0.999)) == {("a", "p"): "match"}


@pytest.mark.parametrize(
    ("levels", "may"),
    [
        ({}, True),
        ({"given_name": 0}, False),
        ({"given_name": NEARLY - 1}, False),
        ({"given_name": -1}, False),
        ({"date_of_birth": 0}, False),
        ({"date_of_birth": -1}, False),
        ({"sex": 0}, False),
        ({"sex": -1}, True),
        ({"given_name": 0, "shared_id": SAME_SHARED_ID}, True),
        ({"given_name": 0, "shared_id": SAME_SHARED_ID - 1}, False),
    ],
)
def test_who_may_be_of_one_household_is_left_to_people(levels, may):
    row = pa.table({name: [level] for name, level in {**ALIKE, **levels}.items()})
    assert machine_may(row).tolist() == [may]
    expected = "match" if may else "review"
    assert bands(("a", "p", 0.9999, levels)) == {("a", "p"): expected}


def test_what_people_refused_is_a_candidate_no_more():
    assert bands(("a", "p", 0.9999), ("a", "q", 0.999), refused={("a", "p")}) == {("a", "q"): "match"}


def test_nothing_probable_gives_nothing():
    assert bands(("a", "p", 0.1)) == {}
