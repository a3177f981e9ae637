"""What was planted is found by who knows only the records: the effect of a programme, and an inequality of service."""

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from synthetic.draws import PEOPLE_A_BLOCK
from synthetic.lives.records import METHODS, STREAM
from synthetic.lives.simulator import block
from synthetic.lives.traits import NEVER
from synthetic.population.priors import priors
from synthetic.recipe import Inequality, Recipe
from tests.statistical.test_attainable import features

SIGMAS = 3.3  # one estimate in a thousand is further off by chance, were the seeds not fixed
OLD_PLACE = "dorset"  # where many are old, so that fewer people are needed
FIRST_DECILE = 1 + 13 + 3  # where the columns of deciles begin: behind sex, ages and ethnic groups


def weighted_risk(happened, weight):
    """The risk of a weighted group and its standard error (Hajek)."""
    risk = np.average(happened, weights=weight)
    return risk, np.sqrt((weight**2 * (happened - risk) ** 2).sum()) / weight.sum()


@pytest.mark.slow
def test_the_effect_of_a_programme_is_found_by_weighing_and_not_by_a_plain_comparison():
    """Each is weighed by the inverse of the chance to be in the arm, as the truth has it."""
    recipe = Recipe(people=24 * PEOPLE_A_BLOCK, seed=5, place=OLD_PLACE, intervention=0.5)
    truth = [block(recipe, priors(OLD_PLACE), index).truth for index in range(24)]

    def of(name, field):
        return np.concatenate([getattr(each[name], field)[each["intervention"].eligible] for each in truth])

    fell, offered = of("intervention", "happened"), of("intervention-offered", "happened")
    chance = of("intervention-offered", "probability").astype(float)
    treated, spared = (of(f"intervention-{arm}", "probability").astype(float).mean() for arm in ("with", "without"))
    ones = np.ones(len(fell))
    found, plain = [], []
    for weights, into in ((np.where(offered, 1 / chance, 1 / (1 - chance)), found), (ones, plain)):
        for arm in (offered, ~offered):
            into.append(weighted_risk(fell[arm], weights[arm]))
    effect, error = found[0][0] - found[1][0], np.hypot(found[0][1], found[1][1])
    assert abs(effect - (treated - spared)) < SIGMAS * error
    assert effect < -SIGMAS * error  # it is there at all
    misled = plain[0][0] - plain[1][0]
    assert abs(misled - (treated - spared)) > SIGMAS * np.hypot(plain[0][1], plain[1][1])  # the control: confounded


@pytest.mark.slow
def test_an_inequality_of_service_is_found_by_a_regression_on_what_the_records_hold():
    """Half of planned contacts in the two most deprived tenths: their outpatient appointments, all else being equal."""
    recipe = Recipe(people=12 * PEOPLE_A_BLOCK, seed=5, inequality=Inequality("most-deprived", served=0.5))
    made = [block(recipe, priors("blmk"), index) for index in range(12)]
    decile = np.concatenate([priors("blmk").areas.imd_decile[each.people.area] for each in made])
    matrix = np.concatenate([features(each, recipe.index_day) for each in made])
    matrix[:, FIRST_DECILE : FIRST_DECILE + 10] = 0  # one slope, and a step where the planted group ends
    matrix[:, FIRST_DECILE], matrix[:, FIRST_DECILE + 1] = (10 - decile) / 9, decile <= 2
    had = np.concatenate(
        [
            np.bincount(
                each.events.person[(each.events.stream == STREAM["op"]) & (each.events.day >= recipe.index_day)],
                minlength=len(each.people),
            )
            for each in made
        ]
    )
    model = PoissonRegressor(alpha=1e-6, max_iter=500).fit(matrix, had)
    expected = model.predict(matrix)
    x = matrix.astype(float)
    curvature = np.linalg.pinv((x * expected[:, None]).T @ x)
    error = np.sqrt(curvature[FIRST_DECILE + 1, FIRST_DECILE + 1] * ((had - expected) ** 2 / expected).mean())
    assert abs(model.coef_[FIRST_DECILE + 1] - np.log(0.5)) < SIGMAS * error
    assert error < 0.05


@pytest.mark.slow
def test_a_part_of_conditions_goes_unrecorded_in_the_group_and_nowhere_else():
    recipe = Recipe(people=4 * PEOPLE_A_BLOCK, seed=5, inequality=Inequality("asian", recorded=0.7))
    made = [block(recipe, priors("blmk"), index) for index in range(4)]
    group = np.concatenate([np.isin(each.people.ethnicity, (7, 8, 9, 10)) for each in made])
    truly = np.concatenate([(each.conditions != NEVER).sum(axis=1) for each in made])
    recorded = np.concatenate(
        [
            np.bincount(
                each.events.person[each.events.method == METHODS.index("diagnosis")], minlength=len(each.people)
            )
            for each in made
        ]
    )
    assert (recorded[~group] == truly[~group]).all()
    share = recorded[group].sum() / truly[group].sum()
    assert abs(share - 0.7) < SIGMAS * np.sqrt(0.21 / truly[group].sum())
