"""The figures of made-up lives beside the published ones they were solved for: illness and death."""

from types import SimpleNamespace

import numpy as np
import pytest

from synthetic.draws import PEOPLE_A_BLOCK, draws
from synthetic.lives.conditions import conditions
from synthetic.lives.figures import OLDEST, figures
from synthetic.lives.simulator import ALIVE
from synthetic.lives.traits import NEVER, traits
from synthetic.population.people import people
from synthetic.population.priors import priors
from synthetic.published import rows, sources, table
from synthetic.recipe import Recipe
from tests.lived import lived

# Of about a thousand figures one in a thousand such tests would differ by chance, were the seeds not fixed.
SIGMAS = 4.9
SLACK = 0.1  # part of a figure: levels are solved on another sample than is drawn here
INDEX = Recipe().index_day


def ill(place, blocks):
    """Who has what in so many blocks, without their contacts."""
    recipe, known = Recipe(people=blocks * PEOPLE_A_BLOCK, seed=3, place=place), figures()
    who = [traits(people(recipe, priors(place), index), priors(place), known) for index in range(blocks)]
    onset = [conditions(each, known, draws(3, "conditions", index), INDEX) for index, each in enumerate(who)]
    return SimpleNamespace(
        has=np.concatenate(onset) != NEVER,
        years=np.concatenate([each.years(INDEX) for each in who]),
        decile=np.concatenate([each.decile for each in who]) + 1,
        authority=np.array(known.authorities)[np.concatenate([each.authority for each in who])],
    )


@pytest.fixture(scope="module")
def at_home():
    return ill("blmk", 16)


@pytest.fixture(scope="module")
def in_england():
    return ill("england", 16)


@pytest.fixture(scope="module")
def english():
    """Six blocks of England with all that happened to them."""
    return lived("england")


def near(count, expected, *, spread=1.0, slack=SLACK):
    """Return whether a count is near what was expected of it; ``spread`` is its variance beside that of a Poisson."""
    return abs(count - expected) <= SIGMAS * np.sqrt(spread * max(expected, 1)) + slack * expected


def registers(ill):
    """Each QOF register: its name, who is on it, and who of the ages that it counts."""
    for place, each in enumerate(figures().conditions):
        if each.register:
            has = ill.has[:, place].copy()
            if each.register == "DM":
                has |= ill.has[:, figures().condition("type-1-diabetes")]
            most = 74 if each.register == "CVDPP" else OLDEST
            yield each.register, has, (ill.years >= each.counted_from) & (ill.years <= most)


def test_every_figure_says_where_it_comes_from():
    for name in ("age_shapes", "conditions", "effects", "processes"):
        assert set(table(name).columns["source"]) <= set(sources())


@pytest.mark.parametrize("register", [each.register for each in figures().conditions if each.register])
def test_prevalence_is_the_published_one_in_each_authority_and_decile(at_home, in_england, register):
    by_authority = {row["local_authority"]: float(row[register]) for row in rows("prevalence")}
    by_decile = {int(row["imd_decile"]): float(row[register]) for row in rows("prevalence_deciles")}
    for ill, groups, published in ((at_home, "authority", by_authority), (in_england, "decile", by_decile)):
        has, counted = next((has, counted) for name, has, counted in registers(ill) if name == register)
        for group in np.unique(getattr(ill, groups)):
            who = counted & (getattr(ill, groups) == group)
            assert near(has[who].sum(), who.sum() * published[group]), (group, has[who].mean(), published[group])


def test_prevalence_in_england_is_the_published_one_where_no_register_counts(in_england):
    for place, each in enumerate(figures().conditions):
        if not each.register:
            counted = in_england.years >= each.counted_from
            assert near(in_england.has[counted, place].sum(), counted.sum() * each.prevalence), each.key


def test_prevalence_has_the_shape_over_age_that_the_table_says(in_england):
    for place, each in enumerate(figures().conditions):
        lines = [row for row in rows("age_shapes") if row["target"] == each.key]
        ages, logs = [float(row["age"]) for row in lines], np.log([float(row["relative"]) for row in lines])
        can = (in_england.years >= each.least_age) & (in_england.years <= each.most_age)
        shape = np.exp(np.interp(in_england.years, ages, logs)) * can
        has = in_england.has[:, place]
        shape *= has.sum() / shape.sum()
        for low in range(0, 100, 10):
            who = (in_england.years >= low) & (in_england.years < low + 10)
            assert near(has[who].sum(), shape[who].sum(), spread=2.0), (each.key, low, has[who].sum(), shape[who].sum())


def test_conditions_go_together_as_they_should(in_england):
    """Each pair that the tables bind together is found together more often than chance, among those of 60 to 79."""
    old = (in_england.years >= 60) & (in_england.years < 80)
    known, has = figures(), in_england.has[old]
    for cause, effect in (
        ("obesity", "type-2-diabetes"),
        ("hypertension", "coronary-heart-disease"),
        ("smoking", "copd"),
        ("atrial-fibrillation", "heart-failure"),
        ("mobility-problem", "frailty"),
        ("depression", "smi"),
    ):
        with_it, other = has[:, known.condition(cause)], has[:, known.condition(effect)]
        assert other[with_it].mean() > 1.3 * other[~with_it].mean(), (cause, effect)


def test_people_die_at_the_published_rates_by_sex_and_age(english):
    sex = np.concatenate([each.people.sex for each in english])
    years = (INDEX - np.concatenate([each.people.born for each in english])) / 365.25
    died = np.concatenate([each.died for each in english]) != ALIVE
    made = wanted = 0.0
    for row in rows("mortality"):
        who = (sex == int(row["sex"])) & (years >= int(row["from_age"])) & (years < int(row["to_age"]) + 1)
        expected = who.sum() * -np.expm1(-float(row["rate"]))
        assert near(died[who].sum(), expected), row
        if int(row["from_age"]) >= 65:
            made, wanted = made + died[who].sum(), wanted + expected
    # old people one by one are too few to tell half from all; together they are some 400 deaths: a fifth is noticed
    assert abs(made - wanted) < 4 * np.sqrt(wanted)


def test_a_life_has_about_thirty_events(english):
    events = sum(len(each.events) for each in english) / sum(len(each.people) for each in english)
    assert 25 < events < 40
