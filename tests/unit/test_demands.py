"""The least quality that a study demands: declared, priced, judged once on noisy figures, and told as a code only."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.variables import Table, batches
from node.cohort import cohorts, together
from node.quality.demanded import completeness, recorded
from privacy import accountant
from privacy.dossier import dossier
from privacy.errors import Invalid
from privacy.explain import explain
from privacy.private_sum import PrivateSum
from privacy.programme import own_look, programme
from privacy.study import from_document
from tests.approved import approved
from tests.builders import FINDER, document, small_study, without
from tests.nodes import HEADER, nhs_numbers
from tests.rehearsal import no_noise

PEOPLE = 400
WARD = [{"column": "ward", "at_least": 0.8}]


def records(complete):
    """Return two years of ``PEOPLE`` people: some have the ward of both years, all have the age of one."""
    lines = [HEADER]
    for i, number in enumerate(nhs_numbers(PEOPLE)):
        ward = "W" if i < complete * PEOPLE else ""
        lines += [f"{number},L,1,{30 + i % 50},{i % 2},{ward}", f"{number},L,2,,{i % 2},{ward}"]
    return "\n".join(lines)


def refusals_of(changes):
    with pytest.raises(Invalid) as caught:
        from_document(document(**changes))
    return caught.value.faults


def test_a_demand_is_part_of_the_hash_and_a_study_without_one_keeps_its_hash():
    plain, demanding = small_study(), from_document(document() | {"quality": WARD})
    assert "quality" not in plain.document()
    assert plain.hash != demanding.hash
    assert from_document(demanding.document()) == demanding


@pytest.mark.parametrize(
    ("quality", "fault"),
    [
        ([{"column": "ward", "at_least": 1.2}], "quality[1].at_least: is a share above 0, at most 1"),
        ([{"column": "ward", "at_least": 0}], "quality[1].at_least: is a number above 0"),
        ([{"column": "ward"}], "quality[1].at_least: is missing"),
        ([{"column": "recorded.ward", "at_least": 0.5}],
         "quality[1].column: is a name of small letters, digits, - and _"),
        ([*WARD, *WARD], "quality: ward is there twice"),
        ([{"column": f"c{i}", "at_least": 0.5} for i in range(11)], "quality: at most 10 columns"),
    ],
)  # fmt: skip
def test_wrong_demands_are_named(quality, fault):
    assert fault in refusals_of({"quality": quality})


def test_each_column_costs_as_much_as_the_count_and_makes_neither_noisier():
    plain = programme(small_study(), FINDER)
    demanding = programme(from_document(document() | {"quality": [*WARD, {"column": "age", "at_least": 0.5}]}), FINDER)
    count, look = plain.places[0].mechanism, demanding.places[0].mechanism
    assert (look.width, look.clip) == (3, pytest.approx(3**0.5))
    assert look.cost == pytest.approx(3 * count.cost, rel=1e-3)
    assert look.noise_sd == pytest.approx(count.noise_sd, rel=1e-2)
    assert demanding.cost_to_a_person <= accountant.units_for(3.0, 1e-5)


def test_what_each_person_adds_is_what_pandas_says():
    study = from_document(document() | {"quality": WARD})
    rng = np.random.default_rng(2)
    person = np.sort(rng.integers(0, 50, 200))
    there = (rng.random(200) < 0.7) * 1.0
    table = Table(person, np.arange(200), {"recorded.ward": there})
    found = np.concatenate([completeness(study, b) for b in batches(table, recorded(study), rows=30)])
    expected = pd.Series(there).groupby(person).mean()
    assert found[:, 0].tolist() == [1.0] * len(expected)
    assert found[:, 1] == pytest.approx(expected.to_numpy())


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.integers(1, 4), min_size=2, max_size=8),
    values=st.lists(
        st.sampled_from([0.0, 1.0, 1 / 3, 1.0 + 1e-12, 1e300, -1e300, np.nan, np.inf]), min_size=96, max_size=96
    ),
    columns=st.integers(1, 3),
    gone=st.integers(0, 10**6),
)
def test_one_person_moves_the_look_by_at_most_its_clip_in_whole_numbers(rows, values, columns, gone):
    study = from_document(document() | {"quality": [{"column": f"c{i}", "at_least": 0.5} for i in range(columns)]})
    mechanism = programme(study, FINDER).places[0].mechanism
    n = sum(rows)
    from tests.builders import batch_of

    everybody = batch_of(rows, {v.name: values[i * 32 : i * 32 + n] for i, v in enumerate(recorded(study))})

    def summed(batch):
        private = PrivateSum(mechanism)
        with np.errstate(all="ignore"):
            private.add(completeness(study, batch), people=batch.people)
        return [int(k) for k in private.noised(no_noise).view(np.int64)]

    moved = zip(summed(everybody), summed(without(everybody, gone % everybody.people)), strict=True)
    assert sum((a - b) ** 2 for a, b in moved) <= mechanism.clip_units**2


def test_control_with_the_clip_of_a_count_a_complete_person_would_be_cut_short():
    study = from_document(document() | {"quality": WARD})
    look = own_look(study)
    assert np.linalg.norm([1.0, 1.0]) == pytest.approx(look.clip)
    assert look.clip > own_look(small_study()).clip


@pytest.mark.parametrize(
    ("complete", "state", "code"), [(0.99, "runnable", ""), (0.4, "refused", "quality-below-study")]
)
def test_a_node_takes_part_only_when_its_records_seem_complete_enough(tmp_path, complete, state, code):
    here = approved(tmp_path, records=records(complete), people=PEOPLE, quality=WARD)
    record = here.node.governance.register.find(here.study.hash)
    assert (record.state, record.code) == (state, code)
    assert [charge["place"] for charge in here.node.ledger.charges()] == [0]
    if code:
        (told,) = here.node.governance.pending_notices()
        assert (told.kind, told.code) == ("refused", "quality-below-study")
        assert not [word for word in ("ward", "0.8") if word in str(told)]
        assert here.ask(1, {}).code == "study-not-approved"
        assert len(here.node.ledger.charges()) == 1


def test_the_look_counts_a_person_s_share_of_rows_whatever_the_column_holds(tmp_path, monkeypatch):
    here = approved(tmp_path, records=records(0.5), people=PEOPLE, quality=[{"column": "age", "at_least": 0.3}])
    study = from_document(here.study.document() | {"quality": [*WARD, {"column": "age", "at_least": 0.3}]})
    store, own = here.node.store, recorded(study)
    shards = cohorts(store, store.latest("visits"), store.optouts(), [*study.variables, *own], "everyone")
    table = together(shards).table
    total = sum(completeness(study, b).sum(axis=0) for b in batches(table, [*study.variables, *own]))
    assert total.tolist() == [PEOPLE, PEOPLE / 2, PEOPLE / 2]


def test_a_column_that_the_contract_does_not_keep_refuses_the_study_before_anybody_is_asked(tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from tests.approved import a_node
    from tests.approved import document as asked

    node = a_node(tmp_path, Ed25519PrivateKey.generate())
    study = asked(node, ("1" * 40, "2" * 40), quality=[{"column": "local_id", "at_least": 0.5}])
    record = node.governance.receive(study, now=datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC))
    assert (record.state, record.code) == ("refused", "variable-unknown")


def test_approvers_and_the_dossier_are_told_what_is_demanded_and_what_it_costs():
    plan = programme(from_document(document() | {"quality": WARD}), FINDER)
    said = explain(plan, FINDER)
    assert "of ward only whether there is a value" in said
    assert "ward at least 80% complete" in said
    assert f"{plan.places[0].mechanism.noise_sd:.3g}" in said
    assert any("ward seems to be less than 80%" in line for line in dossier(plan, FINDER)["persons"])
