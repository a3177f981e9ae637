"""What an approved study may charge is set aside whole: nobody starves anybody, and what is not charged comes back."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from node.allocations import Allocation, shares_of
from node.policy import policy_of
from privacy.errors import Invalid, Refusal, Tampered
from privacy.ledger import costs_in_all
from privacy.spending import VIEWS
from tests.builders import NOW, books, plan_of, reopened, small_study

A_STUDY = plan_of(small_study())
COST = A_STUDY.cost_to_a_person


def study(number, purpose="testing"):
    return plan_of(small_study(name=f"study-{number}", purpose=purpose))


def reserve(kept, plan, **more):
    with kept.database.transaction() as connection:
        kept.ledger.reserve(connection, plan, at=NOW, **more)


def free(kept, plan):
    with kept.database.transaction() as connection:
        kept.ledger.reservations.free(connection, plan.study.hash, NOW)


def charge_all(kept, plan, how_many=None):
    for place in plan.places[:how_many]:
        kept.ledger.charge(plan.study.hash, place, "a", at=NOW)


def accounts(kept, what="reserved"):
    return {(a.part, a.view): getattr(a, what) for a in kept.ledger.accounts()}


def code_of(work, *arguments, **more):
    with pytest.raises(Refusal) as caught:
        work(*arguments, **more)
    return caught.value.code


def test_two_approved_studies_cannot_starve_each_other(tmp_path):
    kept = books(tmp_path, ceiling=2 * COST)
    one, two, three = study(1), study(2), study(3)
    reserve(kept, one)
    reserve(kept, two)
    assert code_of(reserve, kept, three) == "budget-too-small"
    assert code_of(kept.ledger.check_affordable, three) == "budget-too-small"
    assert code_of(kept.ledger.charge, three.study.hash, three.places[0], "a", at=NOW) == "budget-exhausted"
    charge_all(kept, two)
    charge_all(kept, one)
    assert accounts(kept, "spent") == {key: 2 * units for key, units in costs_in_all(one).items()}
    kept.ledger.verify(kept.ceilings)


def test_control_without_setting_aside_the_first_to_ask_starves_the_other(tmp_path):
    kept = books(tmp_path, ceiling=2 * COST)
    for number in (1, 2, 3):
        kept.ledger.check_affordable(study(number))  # each fits, asked alone
    charge_all(kept, study(1))
    charge_all(kept, study(2))
    assert code_of(charge_all, kept, study(3)) == "budget-exhausted"


def test_setting_aside_is_no_spending_and_what_was_not_charged_comes_back(tmp_path):
    kept, plan = books(tmp_path, ceiling=2 * COST), study(1)
    reserve(kept, plan)
    reserve(kept, plan)  # again changes nothing
    assert accounts(kept) == costs_in_all(plan)
    assert set(accounts(kept, "spent").values()) == {0}
    charge_all(kept, plan, 3)
    spent = accounts(kept, "spent")
    assert {key: accounts(kept)[key] + spent[key] for key in spent} == costs_in_all(plan)
    free(kept, plan)
    events = kept.audit.events()
    free(kept, plan)
    assert kept.audit.events() == events
    assert set(accounts(kept).values()) == {0}
    assert accounts(kept, "spent") == spent  # never a refund
    kept.ledger.verify(kept.ceilings)
    kept.audit.verify()


def test_a_study_that_ended_and_one_approved_before_there_were_reservations_charge_what_is_free(tmp_path):
    kept, old, ended = books(tmp_path, ceiling=2 * COST), study(1), study(2)
    reserve(kept, ended)
    free(kept, ended)
    charge_all(kept, old, 2)
    charge_all(kept, ended, 2)
    kept.ledger.verify(kept.ceilings)


def test_not_even_the_database_can_be_made_to_set_aside_more_than_there_is(tmp_path):
    kept = books(tmp_path, ceiling=2 * COST)
    for statement in ("UPDATE account SET reserved = ceiling + 1", "UPDATE account SET reserved = -1"):
        with pytest.raises(sqlite3.IntegrityError), kept.database.transaction() as connection:
            connection.execute(statement)


def test_a_ceiling_is_never_lowered_below_what_was_promised(tmp_path):
    kept = books(tmp_path, ceiling=2 * COST)
    reserve(kept, study(1))
    with pytest.raises(Refusal, match="set aside"), kept.database.transaction() as connection:
        kept.ledger.open_accounts(connection, dict.fromkeys(VIEWS, COST - 1))


def test_of_32_approvals_at_once_as_many_are_kept_as_the_budget_holds(tmp_path):
    kept, start = books(tmp_path, ceiling=5 * COST), threading.Barrier(32)

    def approve(number):
        plan = study(number)
        kept.ledger.check_affordable(plan)
        start.wait()
        try:
            reserve(kept, plan)
        except Refusal:
            return 0
        return 1

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(approve, range(32))) == 5
    kept.ledger.verify(kept.ceilings)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET reserved = reserved - 1 WHERE part = 'training' AND view = 'outside'",
        "UPDATE reservation SET units = units - 1",
        "UPDATE reservation SET purpose = 'another'",
        "DELETE FROM reservation",
        "UPDATE account SET reserved = 0; UPDATE reservation SET units = 0",
    ],
)
def test_what_was_set_aside_is_what_the_log_says(tmp_path, statement):
    kept = books(tmp_path, ceiling=2 * COST)
    reserve(kept, study(1))
    charge_all(kept, study(1), 2)
    kept.ledger.verify(kept.ceilings)
    with kept.database.transaction() as connection:
        for each in statement.split(";"):
            connection.execute(each)
    with pytest.raises(Tampered, match="set aside"):
        reopened(kept).ledger.verify(kept.ceilings)


# Purposes


def shares(kept, **parts):
    return shares_of([Allocation(purpose, share) for purpose, share in parts.items()], kept.ceilings)


def test_a_purpose_spends_its_share_and_no_more(tmp_path):
    kept = books(tmp_path, ceiling=4 * COST)
    halves = {"shares": shares(kept, research=0.5, planning=0.25)}
    reserve(kept, study(1, "research"), **halves)
    charge_all(kept, study(1, "research"))
    reserve(kept, study(2, "research"), **halves)
    assert code_of(reserve, kept, study(3, "research"), **halves) == "purpose-spent"
    assert code_of(kept.ledger.check_affordable, study(3, "research"), **halves) == "purpose-spent"
    reserve(kept, study(4, "planning"), **halves)
    assert code_of(reserve, kept, study(5, "planning"), **halves) == "purpose-spent"
    reserve(kept, study(6, "other"), **halves)  # the rest
    kept.ledger.verify(kept.ceilings)


def test_who_has_no_share_leaves_untouched_what_others_were_promised(tmp_path):
    kept = books(tmp_path, ceiling=3 * COST)
    promised = {"shares": shares(kept, research=2 / 3 + 1e-9)}
    assert code_of(reserve, kept, plan_of(small_study(name="rest")), **promised) == "budget-too-small"
    promised = {"shares": shares(kept, research=2 / 3 - 1e-9)}
    reserve(kept, plan_of(small_study(name="rest")), **promised)
    assert code_of(reserve, kept, study(2), **promised) == "budget-too-small"
    reserve(kept, study(3, "research"), **promised)


def test_what_a_study_did_not_charge_is_its_purposes_again(tmp_path):
    kept = books(tmp_path, ceiling=4 * COST)
    quarter = {"shares": shares(kept, research=0.25)}
    reserve(kept, study(1, "research"), **quarter)
    assert code_of(reserve, kept, study(2, "research"), **quarter) == "purpose-spent"
    free(kept, study(1, "research"))
    reserve(kept, study(2, "research"), **quarter)


def test_the_budget_is_never_promised_twice_whatever_studies_come_and_end(tmp_path):
    kept = books(tmp_path, ceiling=int(3.5 * COST))
    for number in range(1, 12):
        plan = study(number, ("research", "planning")[number % 2])
        try:
            reserve(kept, plan, shares=shares(kept, research=0.4))
        except Refusal:
            continue
        charge_all(kept, plan, number)
        if number % 3 == 0:
            free(kept, plan)
        assert all(a.spent + a.reserved <= a.ceiling for a in kept.ledger.accounts())
        kept.ledger.verify(kept.ceilings)
    assert len(kept.ledger.reservations.used()) == 2


PEOPLE = [
    {"name": name, "role": role, "public_key": key}
    for name, role, key in [
        ("ada", "ig-lead", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
        ("ben", "caldicott-guardian", "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw="),
    ]
]
POLICY = {
    "people": PEOPLE,
    "purposes": ["research", "planning"],
    "computations": ["count"],
    "largest_epsilon": 3.0,
    "largest_delta": 1e-5,
    "least_quorum": 3,
    "least_minimum_cohort": 100,
    "lifetime_epsilon_outside": 10.0,
    "lifetime_epsilon_coordinator": 8.0,
    "lifetime_delta": 1e-5,
}


def test_allocations_are_part_of_what_two_people_sign(tmp_path):
    plain = policy_of(POLICY)
    assert "allocations" not in plain.document()  # policies that were signed before keep their hash
    divided = policy_of({**POLICY, "allocations": [{"purpose": "research", "share": 0.5}]})
    assert divided.hash != plain.hash
    assert policy_of(divided.document()) == divided
    file = tmp_path / "policy.toml"
    file.write_text(divided.toml())
    from node.policy import read_policy_file

    assert policy_of(read_policy_file(file)) == divided
    assert divided.shares() == {"research": {view: units // 2 for view, units in divided.ceilings().items()}}


@pytest.mark.parametrize(
    ("allocations", "said"),
    [
        ([{"purpose": "marketing", "share": 0.5}], "none of the purposes"),
        ([{"purpose": "research", "share": 0.5}, {"purpose": "research", "share": 0.1}], "twice"),
        ([{"purpose": "research", "share": 0.6}, {"purpose": "planning", "share": 0.6}], "more than the whole"),
        ([{"purpose": "research", "share": 0}], "above 0"),
        ([{"purpose": "research"}], "missing"),
        ([{"purpose": "research", "share": 0.5, "epsilon": 3}], "not known"),
    ],
)
def test_allocations_that_cannot_be_are_said(allocations, said):
    with pytest.raises(Invalid) as caught:
        policy_of({**POLICY, "allocations": allocations})
    assert said in " ".join(caught.value.faults)
