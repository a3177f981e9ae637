"""Two studies differ in what they say: field by field, in words, with what it does to a person's protection."""

from coordinator.comparing import OTHER, STRONGER, WEAKER, compare
from privacy.study import from_document
from tests.builders import DOCUMENT, FINDER, RISK, document, small_study


def differences(**changes):
    found = compare(small_study(), small_study(**changes), FINDER)
    return {d.what: (d.before, d.after, d.privacy) for d in found.differences}


def test_the_same_study_does_not_differ_and_costs_the_same():
    found = compare(small_study(), small_study(), FINDER)
    assert found.differences == ()
    assert all(figure.before == figure.after for figure in found.price)
    assert (found.before, found.after) == ("small (1)", "small (2)")


def test_more_epsilon_is_weaker_and_more_nodes_stronger():
    found = differences(privacy__epsilon=4.0, privacy__quorum=3)
    assert found == {
        "epsilon, what each person spends at most": ("3", "4", WEAKER),
        "quorum, least number of nodes in a sum": ("2", "3", STRONGER),
    }
    assert differences(privacy__epsilon=2.0)["epsilon, what each person spends at most"][2] == STRONGER


def test_words_that_bear_on_nobodys_privacy_are_told_apart():
    found = differences(title="Another", purpose="research")
    assert found == {"title": ("A small study", "Another", ""), "purpose": ("testing", "research", OTHER)}


def test_variables_steps_and_nodes_are_named():
    steps = [{**DOCUMENT["steps"][0], "parameters": {**RISK, "features": ["visits"], "rounds": 3}}]
    variables = [{**DOCUMENT["variables"][0], "high": 90}, *DOCUMENT["variables"][1:]]
    found = differences(steps=steps, variables=variables, invited=DOCUMENT["invited"][1:])
    assert found["step risk: features"] == ("also age", "without these", OTHER)
    assert found["step risk: rounds"] == ("5", "3", OTHER)
    assert found["step evaluation"] == ("evaluation on held-back", "–", OTHER)
    assert "kept within 0 to 100" in found["variable age"][0]
    assert "kept within 0 to 90" in found["variable age"][1]
    assert found["invited site 1 000000000000"][1:] == ("–", OTHER)
    assert differences(steps=[{**DOCUMENT["steps"][0], "parameters": {**RISK, "features": ["visits", "age"]}},
                              DOCUMENT["steps"][1]]) == {
        "step risk: features": ("age, visits", "visits, age", OTHER)
    }  # fmt: skip


def test_a_default_that_only_one_writes_out_is_no_difference():
    risk, evaluation = DOCUMENT["steps"]
    written = [{**risk, "parameters": {**RISK, "rounds": 5}}, {**evaluation, "parameters": {"bins": 10, "high": 0}}]
    assert compare(small_study(), small_study(steps=written), FINDER).differences == ()


def test_the_price_says_what_the_difference_costs():
    figures = {f.what: f for f in compare(small_study(), small_study(privacy__spares=0), FINDER).price}
    assert figures["sums"].after < figures["sums"].before
    assert (
        figures["noise sd of a quorum's risk: gradient 1"].after
        < figures["noise sd of a quorum's risk: gradient 1"].before
    )
    assert figures["noise sd of a quorum's evaluation: scores-by-outcome 2"].after is None


def test_software_counts_only_where_both_were_submitted():
    submitted = [from_document({**document(), "software": {"package": p, "computations": {}}}) for p in ("a", "b")]
    assert [d.what for d in compare(*submitted, FINDER).differences] == ["software"]
    assert compare(small_study(), submitted[0], FINDER).differences == ()
