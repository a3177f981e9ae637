"""Against whom, and known to how many nodes: price, explanation, dossier and card say the same four epsilons."""

import dataclasses
import re

import pytest

from coordinator.comparing import compare
from coordinator.pricing import price_of
from models.card import Subject, card
from models.pages import as_markdown
from privacy import accountant
from privacy.computation import Finder
from privacy.dossier import dossier
from privacy.dossier_page import dossier_page
from privacy.explain import explain
from privacy.lineage import check_plan, epsilons
from privacy.observers import apart, known
from privacy.programme import NODES_A_PERSON, OBSERVERS
from privacy.terms import MASKED
from tests.builders import FINDER, plan_of
from tests.finished import finished, study

TERMS = {"epsilon": 1.0, "delta": 1e-5, "quorum": 5, "masking": MASKED, "spares": 1}

SUMS = [("risk", "second-moments"), ("risk", "gradient"), ("evaluation", "scores-by-outcome")]


def masked(**terms):
    invited = [*({"name": i.name, "fingerprint": i.fingerprint} for i in study().invited)]
    invited += [{"name": f"more {i}", "fingerprint": f"{i:040x}"} for i in range(3)]
    return study(privacy=TERMS | terms, invited=invited)


@pytest.fixture
def plan():
    return plan_of(masked())


def test_four_who_look_learn_more_one_after_the_other(plan):
    for m in NODES_A_PERSON:
        learned = [each.epsilon[m] for each in known(plan)]
        assert learned == sorted(learned)
        assert len(set(learned)) == len(OBSERVERS) - 1  # of a single colluder, a node in the study is the same
        assert all(each.if_continuous[m] <= each.epsilon[m] for each in known(plan))
    outsider, participant, colluders, coordinator = known(plan)
    assert participant.epsilon == colluders.epsilon
    assert 0.99 < colluders.epsilon[1] <= 1.0 < coordinator.epsilon[1]
    assert outsider.epsilon[1] < 1.0


def test_two_colluders_learn_more_than_one_node():
    four = known(plan_of(masked(colluders=2)))
    assert [each.epsilon[1] for each in four] == sorted({each.epsilon[1] for each in four})


def test_an_outsider_of_a_person_at_two_nodes_pays_four_times_for_all_but_the_node_s_own_look(plan):
    (outsider, *_), own = known(plan), plan.places[0].mechanism.cost
    behind = [sum(p.mechanism.cost_behind(5) for p in plan.of(step, name)) for step, name in SUMS]
    paid = 2 * own + 4 * max(sum(behind[:-1]), behind[-1])  # who is trained on, or who is held back
    assert outsider.epsilon[2] == accountant.epsilon(paid, 1e-5)


def test_the_price_the_dossier_and_the_explanation_say_the_same(plan):
    price, four = price_of(plan.study, FINDER), known(plan)
    assert price.epsilon_against == {each.observer: each.epsilon for each in four}
    assert price.epsilon == price.epsilon_against["colluders"][1]
    assert price.epsilon_against["coordinator"][1] <= 8.0
    told = dossier(plan, FINDER)
    assert [k["observer"] for k in told["privacy"]["known_to"]] == list(OBSERVERS)
    page, text = str(dossier_page(told)), explain(plan, FINDER)
    for each in four:
        assert each.who in text
        assert each.who in page
        for epsilon in each.epsilon.values():
            assert re.search(rf"{re.escape(each.who)}: +{each.epsilon[1]:.2f}", text)
            assert f"{epsilon:.2f}" in text
    assert "all of the noise" not in text
    assert "all of the noise" in explain(plan_of(study()), FINDER)


def test_under_masks_nobody_is_told_that_an_organisation_s_own_totals_leave(plan):
    """It is the masks that hide an organisation; without them the noise hides a person only, and approvers read so."""
    in_clear = plan_of(study())
    hidden = "hides a person, not an organisation"
    for masked_plan, said in ((plan, False), (in_clear, True)):
        may = " ".join(dossier(masked_plan, FINDER)["may_reveal"])
        assert (hidden in " ".join(explain(masked_plan, FINDER).split()), hidden in may) == (said, said)
        assert ("Masks" in may) != said


def test_without_masks_one_line_is_for_all():
    plan = plan_of(study())
    assert apart(plan.study.privacy) == ("coordinator",)
    assert len({tuple(each.epsilon.values()) for each in known(plan)}) == 1


def test_a_quorum_s_total_is_less_noisy_under_masks_and_the_comparison_says_so():
    bare, shared = masked(masking="none"), masked()
    price = {figure.what: (figure.before, figure.after) for figure in compare(bare, shared, FINDER).price}
    before, after = price["noise sd of a quorum's risk: gradient 1"]
    assert after == pytest.approx(before / 2, rel=1e-3)  # of five shares four are sure to be honest
    assert price["epsilon if masks were broken"][0] < price["epsilon if masks were broken"][1]
    said = {d.what: (d.before, d.after, d.privacy) for d in compare(bare, shared, FINDER).differences}
    assert said["colluders, nodes that may work together"] == ("–", "1", "matters")
    weaker = compare(shared, masked(epsilon_unmasked=9.0), FINDER).differences
    assert [(d.before, d.after, d.privacy) for d in weaker] == [("8", "9", "weaker")]


def test_a_card_says_what_was_spent_against_each(tmp_path):
    model = finished(tmp_path, made_by=masked())
    assert check_plan(model.study, model.receipts, FINDER) is not None
    assert check_plan(model.study, model.receipts, Finder("synthetic.computations")) is None  # it did not plan these
    spent = epsilons(model.study, model.receipts)
    assert list(spent) == list(OBSERVERS)
    for m in NODES_A_PERSON:
        assert [spent[o][m] for o in OBSERVERS] == sorted(spent[o][m] for o in OBSERVERS)
    for observer in OBSERVERS:
        assert spent[observer][1] < {k.observer: k for k in known(plan_of(model.study))}[observer].epsilon[1]
    text = as_markdown(*card(Subject(model, "v", "ab" * 20)))
    (line,) = [line for line in text.splitlines() if "if masks were broken" in line]
    assert [cell.strip() for cell in line.split("|")[2:6]] == [
        "8",
        *(f"{e:.4f}" for e in spent["coordinator"].values()),
    ]


def test_a_receipt_that_says_a_cheaper_coordinator_is_not_of_the_plan(tmp_path):
    model = finished(tmp_path, made_by=masked())
    first, *rest = model.signed
    cheaper = dataclasses.replace(first.receipt, cost_coordinator=first.receipt.cost_outside)
    forged = dataclasses.replace(model, signed=(dataclasses.replace(first, receipt=cheaper), *rest))
    with pytest.raises(Exception, match="receipt-unplanned"):
        check_plan(forged.study, forged.receipts, FINDER)
