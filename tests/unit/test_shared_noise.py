"""Shares of one noise: what their sum costs, against whom, and what of it a study, a plan and a ledger say."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import accountant, programme
from privacy.accountant import UNITS_A_RHO
from privacy.canonical import hash_of
from privacy.computation import PARTS, PlannedSum
from privacy.errors import Invalid, Refusal, Tampered
from privacy.programme import (
    CHARGED_FOR,
    LEAST_SIGMA_UNITS,
    MOST_NUMBERS,
    NODE_ITSELF,
    OBSERVERS,
    Mechanism,
)
from privacy.release import Receipt
from privacy.secure_aggregation import MOST_NODES
from privacy.spending import charge_document, costs_of, replayed, with_charges
from privacy.study import from_document
from privacy.terms import MASKED
from tests.builders import NOW, a_place, books, document, plan_of, reopened, small_study

STUDY = "sha256:" + "1" * 64
INVITED = [{"name": f"site {i}", "fingerprint": f"{i:040x}"} for i in range(1, 7)]
TERMS = {"epsilon": 1.0, "delta": 1e-5, "quorum": 5, "masking": MASKED}


def masked_study(**terms):
    return small_study(privacy=TERMS | terms, invited=INVITED)


def sum_of(sigma_squared, shares):
    """Return the law of the sum of so many discrete Gaussians, worked out number by number."""
    reach = np.arange(-14 * math.isqrt(sigma_squared) - 40, 14 * math.isqrt(sigma_squared) + 41)
    one = np.exp(-(reach**2) / (2 * sigma_squared))
    law = one / one.sum()
    for _ in range(shares - 1):
        law = np.convolve(law, one / one.sum())
    return law


def divergence(law, moved, order):
    """Return the Rényi divergence, over its order, of a law from itself moved by so many units."""
    p, q = np.pad(law, (0, moved)), np.pad(law, (moved, 0))
    seen = (p > 1e-250) & (q > 1e-250)
    p, q = p[seen], q[seen]
    return math.log(np.sum(q * np.exp(order * (np.log(p) - np.log(q))))) / (order - 1) / order


@pytest.mark.parametrize(("sigma_squared", "shares", "moved"), [(1, 2, 1), (1, 3, 2), (2, 3, 3), (9, 3, 4)])
def test_the_true_law_of_a_sum_of_shares_costs_at_most_what_is_charged(sigma_squared, shares, moved):
    charged = accountant.cost(moved, sigma_squared, shares=shares) / UNITS_A_RHO
    law = sum_of(sigma_squared, shares)
    for order in (1.01, 1.5, 2.0, 4.0):
        assert divergence(law, moved, order) <= charged


def test_control_as_one_discrete_gaussian_the_sum_would_be_undercharged():
    """The very difference that Kairouz, Liu and Steinke bound: at this size it can be computed."""
    naive = accountant.cost(1, 2) / UNITS_A_RHO  # two shares of variance 1 as if they were one of variance 2
    assert divergence(sum_of(1, 2), 1, 1.01) > naive * (1 + 1e-8)


def test_the_cost_is_the_theorem_s_where_the_difference_can_be_seen():
    for sigma_squared, shares, width in ((1, 2, 1), (1, 10, 7), (2, 100, 50)):
        tau = 10 * sum(math.exp(-2 * math.pi**2 * sigma_squared * k / (k + 1)) for k in range(1, shares))
        theorem = (5 / math.sqrt(shares * sigma_squared) + tau * math.sqrt(width)) ** 2 / 2
        charged = accountant.cost(5, sigma_squared, shares=shares, width=width) / UNITS_A_RHO
        assert theorem <= charged <= theorem * (1 + 1e-8) + 2e-12


@given(st.integers(1, 2**20), st.integers(9, 2**53), st.integers(1, MOST_NODES), st.integers(1, MOST_NUMBERS))
def test_shares_of_three_units_cost_at_most_a_unit_more_than_one_draw(clip, sigma_squared, shares, width):
    charged = accountant.cost(clip, sigma_squared, shares=shares, width=width)
    exact = -(-(clip**2) * UNITS_A_RHO // (2 * shares * sigma_squared))
    assert exact <= charged <= exact + (shares > 1)


@given(st.integers(1, 2**20), st.integers(2, 20 * UNITS_A_RHO), st.integers(2, MOST_NODES))
def test_what_shares_cost_never_exceeds_what_was_allotted(clip, allotted, shares):
    sigma_squared = accountant.sigma_squared_for(clip, allotted, shares=shares)
    if sigma_squared >= LEAST_SIGMA_UNITS**2:
        assert accountant.cost(clip, sigma_squared, shares=shares, width=MOST_NUMBERS) <= allotted


@settings(deadline=None, max_examples=60)
@given(
    epsilon=st.floats(0.05, 20),
    above=st.floats(1, 5),
    quorum=st.integers(3, 6),
    spares=st.integers(0, 3),
    delta=st.sampled_from([1e-4, 1e-5, 1e-9]),
)
def test_both_promises_are_kept_and_every_observer_pays_for_what_it_sees(epsilon, above, quorum, spares, delta):
    terms = {"epsilon": epsilon, "delta": delta, "quorum": quorum, "spares": spares, "masking": MASKED}
    at_worst = min(20.0, epsilon * above)
    study = small_study(privacy=terms | {"epsilon_unmasked": at_worst}, invited=INVITED)
    plan = plan_of(study)
    assert accountant.epsilon(plan.cost_to_a_person, delta) <= epsilon
    assert accountant.epsilon(plan.cost_at(1, "coordinator"), delta) <= at_worst
    costs = [plan.cost_at(1, observer) for observer in OBSERVERS]
    assert costs == sorted(costs)  # from the outsider to the coordinator, each knows more than the one before
    assert plan.places[0].mechanism.honest == 1
    for place in plan.places[1:]:
        assert place.mechanism.sigma_squared >= LEAST_SIGMA_UNITS**2
        assert place.mechanism.honest == quorum - 1


def test_a_share_is_sized_for_the_honest_or_for_the_cap_whichever_is_more():
    studies = (
        masked_study(masking="none"),
        masked_study(epsilon_unmasked=20.0),
        masked_study(epsilon_unmasked=1.0),
    )
    full, wide, capped = (plan_of(study).places[1].mechanism for study in studies)
    assert wide.sigma_squared * 4 == pytest.approx(
        full.sigma_squared, rel=1e-6
    )  # a quorum of five, one of them colludes
    assert capped.sigma_squared == pytest.approx(full.sigma_squared, rel=1e-6)
    assert capped.cost < wide.cost <= wide.cost_unmasked


def test_a_person_known_to_several_nodes_pays_the_square_and_never_more_than_for_each_sum_alone():
    plan = plan_of(masked_study())
    own = plan.places[0].mechanism.cost
    rest = plan.cost_to_a_person - own
    assert plan.cost_at(2) == 2 * own + 4 * rest
    assert plan.cost_at(3, "coordinator") == 3 * plan.cost_at(1, "coordinator")
    for m in range(1, 6):
        assert plan.cost_at(m) <= plan.cost_at(m, "coordinator")
    unmasked = plan_of(small_study())
    assert {unmasked.cost_at(3, observer) for observer in OBSERVERS} == {3 * unmasked.cost_to_a_person}


@given(st.integers(1, MOST_NUMBERS), st.integers(2, accountant.units_for(20.0, 1e-4)), st.integers(1, MOST_NODES - 1))
def test_no_population_makes_a_sum_wrap_and_no_share_is_below_three_units(width, units, honest):
    planned = PlannedSum("s", "m", width=width, clip=1.0, share=1.0)
    try:
        mechanism = programme._mechanism(planned, units, honest=honest, unmasked=units)
    except Invalid as error:
        assert error.code == "epsilon-too-small"  # noqa: PT017 - a budget of next to nothing
        return
    assert mechanism.sigma_squared >= LEAST_SIGMA_UNITS**2
    assert mechanism.most_people(MOST_NODES) > 8 * 10**12  # a thousand times as many as live
    assert width * mechanism.clip_units**2 < 2**63  # so that a squared norm is exact
    assert mechanism.clip_units >= 1024 * math.sqrt(width)  # rounding moves a person by at most a 2,048th of the clip


@pytest.mark.parametrize(("clip_units", "nodes", "sigma_squared"), [(2**20, 250, 2**53), (1, 1, 9), (2**40, 3, 10**6)])
def test_room_for_people_is_where_a_sum_and_its_noise_would_leave_the_ring(clip_units, nodes, sigma_squared):
    people = Mechanism(1, 1.0, clip_units, sigma_squared).most_people(nodes)
    noise = math.isqrt(1600 * nodes * sigma_squared)
    assert people * clip_units + noise < 2**63 <= (people + 1) * clip_units + noise + 1


def test_the_grid_is_never_made_finer_for_the_noise_s_sake():
    """At the largest epsilon and the most honest nodes a share is of twenty units: LEAST_SIGMA_UNITS keeps a margin."""
    most = accountant.units_for(accountant.LARGEST_EPSILON, 1e-4)
    assert accountant.sigma_squared_for(1024, most, shares=MOST_NODES - 1) > 15**2


def test_a_mechanism_of_full_noise_says_what_it_always_said():
    assert Mechanism(3, 0.6, 64, 9).document() == Mechanism(3, 0.6, 64, 9, honest=1).document()
    assert "honest" not in Mechanism(3, 0.6, 64, 9).document()
    assert Mechanism(3, 0.6, 64, 9, honest=4).document()["honest"] == 4


def test_a_study_without_masks_says_nothing_of_them():
    assert not {"colluders", "epsilon_unmasked"} & set(small_study().document()["privacy"])
    said = masked_study().document()
    assert (said["privacy"]["colluders"], said["privacy"]["epsilon_unmasked"]) == (1, 8.0)
    assert from_document(said).hash == masked_study().hash == hash_of(said)


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ({"quorum": 2}, "privacy.masking"),
        ({"colluders": 0}, "privacy.colluders"),
        ({"colluders": 5}, "privacy.colluders"),
        ({"quorum": 3, "colluders": 3}, "privacy.colluders"),
        ({"epsilon_unmasked": 0.5}, "privacy.epsilon_unmasked"),
        ({"epsilon_unmasked": 21.0}, "privacy.epsilon_unmasked"),
        ({"masking": "none", "colluders": 1}, "privacy.colluders"),
        ({"masking": "none", "epsilon_unmasked": 8.0}, "privacy.epsilon_unmasked"),
        ({"masking": "secagg"}, "privacy.masking"),
    ],
)
def test_terms_that_make_no_sense_with_masks_are_named(terms, fault):
    with pytest.raises(Invalid) as caught:
        masked_study(**terms)
    assert caught.value.code == "study-malformed"
    assert any(line.startswith(fault) for line in caught.value.faults)


def test_masks_are_for_at_most_so_many_nodes():
    crowd = [{"name": f"site {i}", "fingerprint": f"{i:040x}"} for i in range(1, MOST_NODES + 2)]
    with pytest.raises(Invalid) as caught:
        from_document(document(privacy=TERMS, invited=crowd))
    assert any(str(MOST_NODES) in fault for fault in caught.value.faults)
    assert from_document(document(privacy=TERMS, invited=crowd[:-1])).privacy.honest == 4


@pytest.mark.parametrize("people", PARTS)
def test_each_view_of_the_ledger_is_charged_its_own_cost(tmp_path, people):
    kept, place = books(tmp_path), a_place(people=people, honest=4)
    outside, coordinator = place.mechanism.cost, place.mechanism.cost_unmasked
    assert coordinator > 3 * outside
    charge = kept.ledger.charge(STUDY, place, "a", at=NOW)
    for account in kept.ledger.accounts():
        expected = {"outside": outside, "coordinator": coordinator}[account.view]
        assert account.spent == (expected if account.part in PARTS[people] else 0)
    release = kept.ledger.settle(charge, np.zeros(3, np.uint64), data=("d@1",), optouts="l")
    assert (release.receipt.cost_outside, release.receipt.cost_coordinator) == (outside, coordinator)
    assert Receipt.from_document(release.receipt.document()) == release.receipt
    again = reopened(kept)
    again.ledger.verify(kept.ceilings)
    assert replayed(again.audit.events()) == {(a.part, a.view): a.spent for a in again.ledger.accounts()}
    (row,) = again.ledger.charges()
    assert (row["cost"], row["cost_coordinator"]) == (outside, coordinator)


@pytest.mark.parametrize("column", ["cost", "cost_coordinator"])
def test_a_charge_that_was_made_cheaper_in_either_view_is_found(tmp_path, column):
    kept = books(tmp_path)
    kept.ledger.charge(STUDY, a_place(honest=4), "a", at=NOW)
    with kept.database.transaction() as connection:
        connection.execute(f"UPDATE charge SET {column} = {column} - 1")
    with pytest.raises(Tampered) as caught:
        reopened(kept).ledger.verify(kept.ceilings)
    assert caught.value.code == "ledger-tampered"


def test_the_coordinator_s_view_can_be_what_is_used_up(tmp_path):
    plan = plan_of(masked_study())
    costs = {view: plan.cost_at(1, observer) for view, observer in CHARGED_FOR.items()}
    assert costs["coordinator"] > costs["outside"]
    for name, ceiling in (("enough", costs["coordinator"]), ("short", costs["coordinator"] - 1)):
        (tmp_path / name).mkdir()
        ledger = books(tmp_path / name, ceiling=ceiling).ledger
        with nullcontext() if name == "enough" else pytest.raises(Refusal, match="coordinator view"):
            ledger.check_affordable(plan)


def test_the_node_s_own_look_is_never_hidden_by_others():
    plan = plan_of(masked_study())
    own = plan.places[0]
    assert (own.step, own.cost_behind(4, 2)) == (NODE_ITSELF, 2 * own.mechanism.cost)


def test_a_charge_says_a_second_cost_only_where_there_is_one():
    assert charge_document(5, 5) == {"cost": 5}
    assert costs_of(charge_document(5, 20)) == {"outside": 5, "coordinator": 20}
    assert costs_of({"cost": 5}) == {"outside": 5, "coordinator": 5}
    nothing = replayed(())
    spent = with_charges(nothing, [{"people": "training", **charge_document(5, 20)}])
    assert (spent["training", "outside"], spent["training", "coordinator"], spent["held-back", "outside"]) == (5, 20, 0)
    with pytest.raises(Tampered):
        with_charges(nothing, [{"people": "training", "cost": 5, "cost_coordinator": 0}])
