"""A plan is priced in whole numbers, alike on both sides, and nobody pays more than the study's budget."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import accountant
from privacy.canonical import canonical, hash_of
from privacy.computation import PARTS
from privacy.errors import Invalid
from privacy.programme import LARGEST_SIGMA_SQUARED, LEAST_SIGMA_UNITS, MOST_PLACES, NODE_ITSELF, programme
from privacy.study import from_document
from tests.builders import FEATURES, FINDER, RISK, demo_study, document, plan_of, small_study

people = st.sampled_from(list(PARTS))
budgets = st.one_of(st.floats(1e-3, 1e3), st.sampled_from([1.0, 0.1, 1 / 3, 1e300]))
risks = st.fixed_dictionaries(
    {"rounds": st.integers(1, 12), "moments_share": st.floats(0.01, 0.99), "clip": st.floats(1e-3, 10)}
)


@st.composite
def studies(draw):
    steps = []
    for i in range(draw(st.integers(1, 5))):
        risk = not steps or draw(st.booleans())
        use = (
            {"use": "linear-risk", "parameters": RISK | draw(risks)}
            if risk
            else {
                "use": "evaluation",
                "of": next(s["name"] for s in steps if s["use"] == "linear-risk"),
                "parameters": {"bins": draw(st.integers(2, 40))},
            }
        )
        steps.append({"name": f"s{i}", "people": draw(people), "budget": draw(budgets), **use})
    epsilon = draw(st.one_of(st.floats(0.05, 20), st.sampled_from([0.5, 3.0, 20.0])))
    delta = draw(st.sampled_from([1e-4, 1e-5, 1e-9]))
    return document(
        steps=steps, privacy={"epsilon": epsilon, "delta": delta, "quorum": 2, "spares": draw(st.integers(0, 4))}
    )


@settings(deadline=None, max_examples=150)
@given(studies())
def test_nobody_pays_more_than_the_budget(changed):
    study = from_document(changed)
    try:
        plan = programme(study, FINDER)
    except Invalid as error:
        if error.code != "epsilon-too-small":
            raise
        return
    budget = accountant.units_for(study.privacy.epsilon, study.privacy.delta)
    for part in PARTS["everyone"]:
        assert plan.cost(part) == sum(p.mechanism.cost for p in plan.places if part in PARTS[p.people]) <= budget
    assert accountant.epsilon(plan.cost_to_a_person, study.privacy.delta) <= study.privacy.epsilon
    for place in plan.places:
        m = place.mechanism
        assert m.sigma_squared >= LEAST_SIGMA_UNITS**2
        assert all(type(n) is int for n in (m.width, m.clip_units, m.sigma_squared, m.cost))
        assert m.width * m.clip_units**2 < 2**63
        assert m.sigma_squared <= LARGEST_SIGMA_SQUARED
        assert m.clip_units**2 >= 64**2 * m.width
    assert [p.index for p in plan.places] == list(range(len(plan.places)))


@settings(deadline=None, max_examples=30)
@given(studies())
def test_both_sides_find_the_same_whole_numbers(changed):
    here = from_document(changed)
    there = from_document(json.loads(canonical(here.document())))  # as it travels
    try:
        ours = programme(here, FINDER)
    except Invalid:
        return
    theirs = programme(there, FINDER)
    assert [p.mechanism.document() for p in ours.places] == [p.mechanism.document() for p in theirs.places]
    assert hash_of([p.mechanism.document() for p in ours.places])
    assert [(p.step, p.sum, p.occurrence, p.people) for p in ours.places] == [
        (p.step, p.sum, p.occurrence, p.people) for p in theirs.places
    ]


def test_control_a_plan_that_forgets_its_spares_is_over_the_budget():
    study = small_study(privacy__spares=3)
    plan = plan_of(study)
    forgetful = sum(p.mechanism.cost for p in plan_of(small_study(privacy__spares=0)).places if p.people != "held-back")
    with_spares = forgetful + 3 * sum(
        p.mechanism.cost
        for p in plan_of(small_study(privacy__spares=0)).places
        if p.people == "training" and p.occurrence == 0
    )
    budget = accountant.units_for(study.privacy.epsilon, study.privacy.delta)
    assert plan.cost("training") <= budget < with_spares


def test_the_budget_is_used_and_not_left_lying_about():
    plan = plan_of(demo_study())
    budget = accountant.units_for(3.0, 1e-5)
    assert plan.cost_to_a_person > 0.999 * budget


def test_the_demo_s_plan_is_what_the_issue_says():
    plan = plan_of(demo_study())
    assert [(p.step, p.sum) for p in plan.places] == [
        (NODE_ITSELF, "cohort-size"),
        ("risk", "second-moments"),
        *[("risk", "gradient")] * 5,
        ("evaluation", "scores-by-outcome"),
    ]


@pytest.mark.parametrize("epsilon", [1e-9, 1e-6])
def test_an_epsilon_too_small_to_split_is_refused(epsilon):
    with pytest.raises(Invalid) as caught:
        plan_of(small_study(privacy__epsilon=epsilon, privacy__delta=1e-12))
    assert caught.value.code == "epsilon-too-small"


def steps(**parameters):
    return [{"name": "risk", "use": "linear-risk", "people": "training", "parameters": RISK | parameters}]


@pytest.mark.parametrize(
    "changed",
    [
        document(steps=steps(rounds=10**9)),
        document(steps=steps(rounds=MOST_PLACES)),
        document(privacy__spares=2**50),
        document(steps=[*steps(), document()["steps"][1] | {"parameters": {"bins": 10**12}}]),
    ],
)
def test_a_study_cannot_ask_for_more_than_a_node_can_hold(changed):
    with pytest.raises(Invalid) as caught:
        programme(from_document(changed), FINDER)
    assert caught.value.code in ("parameters-wrong", "study-malformed")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"features": []}, "features"),
        ({"features": FEATURES * 2, "rounds": 0}, "rounds"),
        ({"base_rate": 0}, "base_rate"),
        ({"base_rate": 1.0}, "base_rate"),
        ({"clip": 0}, "clip"),
        ({"clip": float("inf")}, "clip"),
        ({"moments_share": 1}, "moments_share"),
        ({"clipp": 1}, "clipp"),
        ({"outcome": 5}, "outcome"),
    ],
)
def test_wrong_parameters_are_listed(parameters, said):
    with pytest.raises(Invalid) as caught:
        FINDER.find("linear-risk").plan(RISK | parameters)
    assert caught.value.code == "parameters-wrong"
    assert said in "".join(caught.value.faults)


@pytest.mark.parametrize(
    "name", ["unknown", "../os", "os", "__init__", "linear_risk", "", "Linear-risk", "evaluation\n"]
)
def test_only_computations_that_are_installed_can_be_named(name):
    with pytest.raises(Invalid) as caught:
        FINDER.find(name)
    assert caught.value.code == "computation-unknown"
