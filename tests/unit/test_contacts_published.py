"""Contacts of made-up lives beside the published figures: how many, by whom, when, where, and at what cost."""

from types import SimpleNamespace

import numpy as np
import pytest

from synthetic.geography import geography
from synthetic.lives.codes import place_of
from synthetic.lives.contacts import DID_NOT_ATTEND
from synthetic.lives.figures import YEARS_BACK, figures
from synthetic.lives.hazards import VIA_ED, hazards
from synthetic.lives.providers import organisations
from synthetic.lives.records import METHODS, STREAM
from synthetic.population.priors import priors
from synthetic.published import PRIORS, rows
from synthetic.recipe import Recipe
from tests.lived import FALLS, lived

# One figure in a million would be further off by chance, of some two hundred, were the seeds not fixed: deviations are
# those of sums over people, who differ in how many contacts they have.
SIGMAS = 4.9
SLACK = 0.05  # part of a figure: levels are solved on another sample than is drawn here
INDEX = Recipe().index_day
HISTORY, FOLLOW_UP = (INDEX - 365, INDEX), (INDEX, INDEX + 365)
CONTACTS = (
    ("gp", "gp", ("consultation",)),
    ("ed", "ecds", ("emergency",)),
    ("emergency", "apc", ("emergency",)),
    ("elective", "apc", ("elective",)),
    ("op", "op", ("attended", "did-not-attend")),
    ("mental-health", "mental-health", ("contact",)),
    ("community", "community", ("contact",)),
    ("social-care", "social-care", ("assessment",)),
    ("housing", "housing", ("assessment",)),
    ("police", "police", ("report",)),
    ("fire", "fire", ("visit",)),
)
# Codes of an admission after a fall
FALLS_ADMITTED = (("icd-10", "S72.0"), ("icd-10", "S52.5"), ("icd-10", "S09.9"), ("icd-10", "W19"))
NEIGHBOURHOODS = (
    "test_made_up_homes.test_people_live_in_each_neighbourhood_as_often_as_published_and_where_their_age_does"
)
# Every table of figures, and the test that holds people against it; "": it is no figure, or is solved for from others
TABLES = {
    "age_shapes": "test_lives_published.test_prevalence_has_the_shape_over_age_that_the_table_says",
    "ages": "test_made_up_people.test_ages_in_each_authority_are_the_published_ones",
    "area_ages": NEIGHBOURHOODS,
    "areas": NEIGHBOURHOODS,
    "attendances": "test_contacts_published.test_attendances_and_admissions_in_each_authority_are_the_published_ones",
    "codes": "test_contacts_published.test_measurements_have_the_values_of_the_table",
    "conditions": "test_lives_published.test_prevalence_in_england_is_the_published_one_where_no_register_counts",
    "effects": "test_contacts_published.test_rates_are_higher_by_the_ratios_of_the_table",
    "ethnic_groups": "",
    "ethnicities": "test_made_up_people.test_ethnic_groups_in_each_authority_are_the_published_ones",
    "household_weights": "test_made_up_homes.test_weights_give_each_authority_its_published_ages",
    "list_sizes": "test_made_up_homes.test_lists_are_as_long_as_published_ones_and_networks_as_large_as_they_are",
    "living": "",
    "living_shares": "test_made_up_homes.test_england_s_households_have_the_census_figures",
    "local_authorities": "test_made_up_people.test_the_default_place_is_four_authorities_and_england_is_all",
    "months": "test_contacts_published.test_emergencies_keep_the_published_seasons",
    "mortality": "test_lives_published.test_people_die_at_the_published_rates_by_sex_and_age",
    "places": "test_made_up_people.test_the_default_place_is_four_authorities_and_england_is_all",
    "prevalence": "test_lives_published.test_prevalence_is_the_published_one_in_each_authority_and_decile",
    "prevalence_deciles": "test_lives_published.test_prevalence_is_the_published_one_in_each_authority_and_decile",
    "processes": "test_contacts_published.test_contacts_a_head_are_the_published_ones",
    "sexes": "test_made_up_people.test_the_sexes_are_born_and_outlive_each_other_as_published",
    "solved_ages": "",
    "solved_deciles": "",
    "solved_places": "",
    "solved_years": "test_contacts_published.test_every_year_of_the_longest_history_has_its_level",
    "trust_shares": "test_contacts_published.test_people_go_to_the_trusts_that_their_neighbours_go_to",
    "trusts": "",
}


def joined(blocks):
    """All blocks as one: who people are, and their events by the row of each person."""
    starts = np.cumsum([0, *(len(each.people) for each in blocks)])
    events = {
        name: np.concatenate([getattr(each.events, name) for each in blocks])
        for name in ("day", "stream", "method", "code", "value", "provider", "cost")
    }
    events["person"] = np.concatenate([e.events.person + s for e, s in zip(blocks, starts[:-1], strict=True)])
    people = {n: np.concatenate([getattr(each.people, n) for each in blocks]) for n in ("born", "area")}
    return SimpleNamespace(heads=int(starts[-1]), **events, **people)


@pytest.fixture(scope="module")
def english():
    """Six blocks of England with all that happened to them."""
    return joined(lived("england"))


@pytest.fixture(scope="module")
def at_home():
    return joined(lived())


def of_kind(made, stream, methods, year):
    """Which events are of a kind, and of a year."""
    known = np.isin(made.method, [METHODS.index(method) for method in methods])
    return (made.stream == STREAM[stream]) & known & (made.day >= year[0]) & (made.day < year[1])


def each_has(made, which):
    """How many of these events each person has."""
    return np.bincount(made.person[which], minlength=made.heads)


def near(counts, expected, *, slack=SLACK):
    """Return whether a sum over people is near what was expected of it; it varies as people do."""
    spread = np.sqrt(max(len(counts) * counts.var(), 1.0))
    return abs(counts.sum() - expected) <= SIGMAS * spread + slack * expected


def test_every_table_of_figures_has_its_test():
    assert set(TABLES) == {path.stem for path in PRIORS.glob("*.csv")}
    for file, name in (test.split(".") for test in TABLES.values() if test):
        assert f"def {name}(" in (PRIORS.parents[1] / "tests" / "unit" / f"{file}.py").read_text()


@pytest.mark.parametrize("year", [HISTORY, FOLLOW_UP], ids=["history", "follow-up"])
def test_contacts_a_head_are_the_published_ones(english, year):
    """Of the last year before the index date, and of the one that begins with it, in which people die."""
    a_head = {row["process"]: float(row["a_head"]) for row in rows("processes")}
    for key, stream, methods in CONTACTS:
        counts = each_has(english, of_kind(english, stream, methods, year))
        assert near(counts, english.heads * a_head[key]), (key, counts.mean(), a_head[key])
    falls = np.isin(english.code, [place_of(*fall) for fall in FALLS])
    counts = each_has(english, falls & (english.day >= year[0]) & (english.day < year[1]))
    assert near(counts, english.heads * a_head["fall"]), ("fall", counts.mean(), a_head["fall"])


def test_every_year_of_the_longest_history_has_its_level(english):
    """And history does not drift: three years back people had nearly as many contacts as in the last one."""
    assert sorted(int(row["years_before"]) for row in rows("solved_years")) == list(range(1, YEARS_BACK + 1))
    for key, stream, methods in CONTACTS:
        first, last = (
            each_has(english, of_kind(english, stream, methods, (INDEX - days, INDEX - days + 365)))
            for days in (3 * 365, 365)
        )
        assert near(first - last, 0.0) or abs(first.mean() / last.mean() - 1) < 0.1, (key, first.mean(), last.mean())


def test_a_control_finds_contacts_that_are_a_quarter_too_few(english):
    found = []
    for key, stream, methods in CONTACTS:
        counts = each_has(english, of_kind(english, stream, methods, HISTORY))
        found += [key] if not near(counts, counts.sum() / 0.75) else []
    assert {"gp", "ed", "emergency", "op", "mental-health", "community"} <= set(found)


def test_admissions_for_falls_among_the_old_are_the_published_ones(english):
    """2,200 in 100,000 people of 65 and over (Public Health Outcomes Framework, 2019/20)."""
    old = (INDEX - english.born) / 365.25 >= 65
    falls = np.isin(english.code, [place_of(*code) for code in FALLS_ADMITTED]) & (english.stream == STREAM["apc"])
    counts = each_has(english, falls & (english.day >= HISTORY[0]) & (english.day < HISTORY[1]))[old]
    # a part of recorded falls, which is ours, and of another year: within a quarter
    assert near(counts, 0.022 * old.sum(), slack=0.25), counts.mean()


def test_contacts_have_the_shape_over_age_that_the_table_says(english):
    """Of the follow-up, by age when it begins; those who die in it are not there to its end."""
    years = np.floor((INDEX - english.born) / 365.25)
    limits = {each.key: (each.least_age, each.most_age) for each in figures().processes}
    for key, stream, methods in CONTACTS:
        lines = [row for row in rows("age_shapes") if row["target"] == key]
        ages, logs = [float(row["age"]) for row in lines], np.log([float(row["relative"]) for row in lines])
        shape = np.exp(np.interp(years, ages, logs)) * (years >= limits[key][0]) * (years <= limits[key][1])
        counts = each_has(english, of_kind(english, stream, methods, FOLLOW_UP))
        shape *= counts.sum() / shape.sum()
        for low, high in ((0, 5), (5, 18), (18, 40), (40, 65), (65, 80), (80, 120)):
            who = (years >= low) & (years < high)
            assert near(counts[who], shape[who].sum(), slack=0.15), (key, low, counts[who].sum(), shape[who].sum())


@pytest.mark.parametrize(
    ("column", "stream", "method"), [("attendances", "ecds", "emergency"), ("admissions", "apc", "emergency")]
)
def test_attendances_and_admissions_in_each_authority_are_the_published_ones(at_home, column, stream, method):
    """Admissions are more than those through A&E, by one factor everywhere."""
    published = {row["local_authority"]: float(row[column]) for row in rows("attendances")}
    key = {"ecds": "ed", "apc": "emergency"}[stream]
    a_head = next(float(row["a_head"]) for row in rows("processes") if row["process"] == key)
    england = geography("england").authorities
    mean = np.average([published[code] for code in england.code], weights=england.ages.sum(axis=1))
    counts = each_has(at_home, of_kind(at_home, stream, (method,), FOLLOW_UP))
    authority = priors("blmk").areas.authority[at_home.area]
    for place, code in enumerate(priors("blmk").authorities.code):
        here = authority == place
        assert near(counts[here], here.sum() * published[code] * a_head / mean), (code, counts[here].mean())


def test_emergencies_keep_the_published_seasons(english):
    """Four years of emergency admissions by month, beside how many a day each month has."""
    pace = {int(row["month"]): float(row["pace"]) for row in rows("months")}
    which = of_kind(english, "apc", ("emergency",), (INDEX - 3 * 365, INDEX + 365))
    months = english.day[which].astype("M8[D]").astype("M8[M]").astype(int) % 12 + 1
    days = np.arange(INDEX - 3 * 365, INDEX + 365).astype("M8[D]").astype("M8[M]").astype(int) % 12 + 1
    expected = np.array([pace[month] * (days == month).sum() for month in range(1, 13)])
    counts = np.bincount(months, minlength=13)[1:]
    expected *= counts.sum() / expected.sum()
    assert (np.abs(counts - expected) < SIGMAS * np.sqrt(expected) + 0.01 * expected).all()


def test_appointments_are_missed_and_admissions_come_through_a_and_e_as_published(english):
    op = (english.stream == STREAM["op"]).sum()
    missed = ((english.stream == STREAM["op"]) & (english.method == METHODS.index("did-not-attend"))).sum()
    assert abs(missed / op - DID_NOT_ATTEND) < SIGMAS * np.sqrt(DID_NOT_ATTEND / op)
    falls = np.isin(english.code, [place_of(*code) for code in FALLS_ADMITTED])
    emergency = of_kind(english, "apc", ("emergency",), HISTORY) & ~falls
    ed = of_kind(english, "ecds", ("emergency",), HISTORY)
    person_days = [english.person[w].astype(np.int64) * 100_000 + english.day[w] for w in (emergency, ed)]
    through = np.isin(*person_days).mean()
    assert abs(through - VIA_ED) < SIGMAS * np.sqrt(0.25 / emergency.sum()) + 0.005  # another visit of the same day


def test_people_go_to_the_trusts_that_their_neighbours_go_to(at_home):
    authority, held = priors("blmk").areas.authority[at_home.area], np.array(organisations(priors("blmk"), "ecds"))
    which = at_home.stream == STREAM["ecds"]
    for place, code in enumerate(priors("blmk").authorities.code):
        here = which & (authority[at_home.person] == place)
        for row in rows("trust_shares"):
            if row["local_authority"] == code:
                share = float(row["part"])
                there = np.bincount(at_home.person[here & (held[at_home.provider] == row["trust"])],
                                    minlength=at_home.heads)[authority == place]  # fmt: skip
                assert near(there, share * here.sum(), slack=0.02), (code, row["trust"], there.sum() / here.sum())


def test_contacts_cost_what_their_kind_costs_on_average(english):
    for row in rows("processes"):
        these = (english.stream == STREAM[row["stream"]]) & (english.method == METHODS.index(row["method"]))
        if row["cost"]:
            assert abs(english.cost[these].mean() / float(row["cost"]) - 1) < 0.1, row["process"]
        else:
            assert np.isnan(english.cost[these]).all()


def test_measurements_have_the_values_of_the_table(english):
    """Of people with and without what shifts them: the mean lies between the two of the table."""
    valued = [row for row in rows("codes") if row["value"]]
    for system, code in {(row["system"], row["code"]) for row in valued}:
        means = [
            (float(r["value"]), float(r["shift"] or 0)) for r in valued if (r["system"], r["code"]) == (system, code)
        ]
        values = english.value[english.code == place_of(system, code)]
        low, high = min(v + min(s, 0) for v, s in means), max(v + max(s, 0) for v, s in means)
        assert low < values.mean() < high, code


def test_rates_are_higher_by_the_ratios_of_the_table():
    """Each effect on a rate, alone, on somebody whom nothing else affects."""
    known = figures()
    first = len(known.conditions)
    for row in rows("effects"):
        target = known.targets.index(row["target"])
        if target >= first:
            matrix = np.zeros((2, len(known.terms)), np.float32)
            matrix[1, known.term(row["term"])] = 1
            nothing = SimpleNamespace(
                levels=lambda *_: np.full((2, len(known.targets) - first), -5.0, np.float32),
                years=lambda _: np.array([50, 50]),
            )
            rates = hazards(nothing, known, matrix, INDEX)
            both = rates.death if row["target"] == "death" else rates.contacts[:, target - first]
            assert both[1] / both[0] == pytest.approx(float(row["ratio"]), rel=1e-5), row
