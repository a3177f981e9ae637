"""The ledger counted again from its log: exact, by other code, beside another accountant; what differs is found."""

from fractions import Fraction

import pytest

from node import second_opinion
from node.second_opinion import Opinion, opinion
from privacy import accountant
from privacy.errors import Tampered
from privacy.recount import UNIT, recount
from privacy.spending import combined, replayed
from tests.builders import NOW, a_place, books

STUDY = "sha256:" + "1" * 64
KEYS = [(part, view) for part in ("training", "held-back") for view in ("outside", "coordinator")]


@pytest.fixture
def kept(tmp_path):
    return books(tmp_path, ceiling=10**15)


def charged(kept, *places):
    for place in places:
        kept.ledger.charge(STUDY, place, "a", at=NOW)
    return kept.audit.events()


def test_what_the_accounts_hold_is_what_the_log_says(kept):
    places = [a_place(1), a_place(2, people="everyone"), a_place(3, people="held-back", sigma_squared=777)]
    counts = recount(charged(kept, *places))
    for account in kept.ledger.accounts():
        count = counts[account.part, account.view]
        assert count.units == account.spent
        assert account.spent - 2 * len(places) <= count.rho / UNIT <= account.spent
    assert counts["training", "outside"].sums == {Fraction(64**2, 20_000): 2}


def test_a_thousand_odd_prices_are_never_counted_below_what_they_cost(kept):
    places = [a_place(n, sigma_squared=9 + 7919 * n, clip_units=64 + n) for n in range(1, 200)]
    counts = recount(charged(kept, *places))
    assert counts["training", "outside"].rho <= counts["training", "outside"].units * UNIT


def edited(event, **facts):
    return {**event, "facts": {**event["facts"], **facts}}


@pytest.mark.parametrize("factor", [0.5, 0.999, 1.001, 2])
def test_a_charge_that_is_not_what_its_noise_costs_is_found_even_in_a_log_that_holds(kept, factor):
    (event,) = charged(kept, a_place(1))
    recount([event])  # the control
    with pytest.raises(Tampered, match="what its noise costs"):
        recount([edited(event, cost=round(event["facts"]["cost"] * factor))])


def test_noise_that_was_told_larger_than_was_paid_for_is_found(kept):
    (event,) = charged(kept, a_place(1))
    with pytest.raises(Tampered):
        recount([edited(event, mechanism=a_place(1, sigma_squared=5_000).mechanism.document())])


def test_a_place_that_was_charged_twice_is_found(kept):
    events = charged(kept, a_place(1))
    with pytest.raises(Tampered, match="again"):
        recount([*events, *events])


def merge(populations, units):
    spent = {part: dict.fromkeys(("outside", "coordinator"), units) for part in ("training", "held-back")}
    return {"event": "ledger-merged", "position": 9, "facts": {"populations": populations, "spent": spent}}


@pytest.mark.parametrize("populations", ["disjoint", "overlapping"])
@pytest.mark.parametrize("units", [0, 1, 10**9, 10**13])
def test_merges_are_counted_as_the_ledger_counts_them(kept, populations, units):
    before, after = charged(kept, a_place(1), a_place(2, people="everyone")), merge(populations, units)
    events = [*before, after]
    events += [dict(edited(before[0], place=7), position=10)]
    told, counts = replayed(events), recount(events)
    assert {key: counts[key].units for key in KEYS} == dict(told)
    assert combined(replayed(before), replayed([after]), populations) == replayed([*before, after])


def test_noise_shared_by_honest_nodes_costs_outsiders_less_and_the_coordinator_the_same(kept):
    (event,) = charged(kept, a_place(1))
    alone, shared = (recount_rho(event, **more) for more in ({}, {"honest": 4}))
    assert shared == alone / 4 or float(shared) == pytest.approx(float(alone) / 4)


def test_each_view_is_held_against_its_own_cost(kept):
    (event,) = charged(kept, a_place(1, honest=4))
    assert {view: recount([event])["training", view].units for view in ("outside", "coordinator")} == {
        account.view: account.spent for account in kept.ledger.accounts() if account.part == "training"
    }
    for cost in ("cost", "cost_coordinator"):
        with pytest.raises(Tampered, match="what its noise costs"):
            recount([edited(event, **{cost: event["facts"][cost] // 2})])


def recount_rho(event, **more):
    from privacy.recount import _rho

    mechanism = {**event["facts"]["mechanism"], **more}
    assert _rho(mechanism, "coordinator") == Fraction(64**2, 20_000)
    return _rho(mechanism, "outside")


@pytest.mark.parametrize("delta", [1e-5, 1e-6])
def test_another_accountant_finds_what_we_find(kept, delta):
    counts = recount(charged(kept, *(a_place(n, sigma_squared=10_000 + n * 3_000) for n in range(1, 12))))
    count = counts["training", "outside"]
    ours, theirs = accountant.epsilon(count.units, delta), opinion(count.sums, delta)
    assert theirs.loss_distribution < ours <= theirs.renyi * (1 + 1e-6)
    assert ours == pytest.approx(theirs.renyi, rel=2e-3)
    assert accountant.epsilon_if_continuous(count.units, delta) == pytest.approx(theirs.loss_distribution, rel=2e-3)
    theirs.require(ours)


def test_a_long_history_is_the_same_to_the_other_accountant_taken_together(monkeypatch):
    sums = {Fraction(1, n): n % 3 + 1 for n in range(300, 330)}
    one_by_one = opinion(sums, 1e-5)
    monkeypatch.setattr(second_opinion, "MOST_PRICES", 7)
    together = opinion(sums, 1e-5)
    assert together.renyi == pytest.approx(one_by_one.renyi, rel=1e-6)
    assert together.loss_distribution == pytest.approx(one_by_one.loss_distribution, rel=2e-3)


def test_an_epsilon_that_promises_too_much_is_found():
    Opinion(1.1, 1.0).require(1.0)
    with pytest.raises(Tampered) as caught:
        Opinion(1.1, 1.0).require(0.9)
    assert caught.value.code == "accountants-differ"


def test_nothing_spent_is_epsilon_zero():
    assert opinion({}, 1e-6) == Opinion(0.0, 0.0)
