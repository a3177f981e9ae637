"""Simulated figures beside published ones: each within its tolerance, what is off pointed at, and a page that holds."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from privacy.errors import HedgerowError
from synthetic.command.program import app
from synthetic.generating import generate, recipe_of
from synthetic.geography import geography
from synthetic.published import rows
from synthetic.recipe import Recipe
from synthetic.report.beside import Figure
from synthetic.report.beside_page import beside_what
from synthetic.report.counts import Counts, Sought
from synthetic.report.expected import expected_contacts
from synthetic.report.making import JSON, PAGE, make_report
from synthetic.report.plots import _ticks
from synthetic.report.spread import Spread
from synthetic.written.reading import open_data_set

PEOPLE = 20_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small data set with its report."""
    out = tmp_path_factory.mktemp("simulated") / "people"
    recipe = recipe_of("blmk", {"people": PEOPLE, "seed": 5})
    generate(recipe, out, format="parquet", processes=1, tell=lambda *_: None)
    return out, make_report(out)


def figures(report, key):
    return {f["name"]: f for c in report["comparisons"] if c["key"] == key for f in c["figures"]}


@pytest.mark.parametrize("key", ["ages-male", "ages-female", "authorities", "ethnicities", "deciles"])
def test_who_lives_in_the_place_is_as_published(made, key):
    """Four deviations and a tenth on some sixty figures: by chance alone one in several hundred runs points at one."""
    found = figures(made[1], key)
    assert len(found) >= 4
    assert [name for name, f in found.items() if f["off"]] == []
    assert all(f["published"] is not None for f in found.values())


@pytest.mark.parametrize("key", ["prevalence", "attendances", "contacts"])
def test_what_is_on_record_is_as_published(made, key):
    """Contacts are England's for the ages of the place, whose people are younger, and its own emergencies."""
    assert [name for name, f in figures(made[1], key).items() if f["off"]] == []
    assert len(figures(made[1], key)) == {"prevalence": 36, "attendances": 4, "contacts": 11}[key]


def test_contacts_of_england_are_expected_in_england_and_fewer_where_people_are_younger():
    england, here = expected_contacts(geography("england")), expected_contacts(geography("blmk"))
    assert england == pytest.approx({row["process"]: float(row["a_head"]) for row in rows("processes")})
    assert here["fall"] < 0.95 * england["fall"]
    assert here["emergency"] < 0.9 * england["emergency"]
    assert here["mental-health"] == pytest.approx(england["mental-health"], rel=0.02)


def test_plots_of_conditions_rise_with_age_and_with_deprivation_as_they_should(made):
    curves = made[1]["curves"]
    assert curves["by_age"]["Hypertension"][7] > 5 * curves["by_age"]["Hypertension"][3]
    assert curves["by_age"]["Dementia"][3] == 0
    smokers = curves["by_decile"]["Current smoker"]
    assert sum(smokers[:3]) > 1.2 * sum(smokers[7:])
    assert 10 < curves["events_a_person"] < 60
    shares = [f["simulated"] for f in figures(made[1], "events").values()]
    assert sum(shares) == pytest.approx(1)


def test_shares_are_those_of_the_rows_counted_one_by_one(made):
    rows = pa.Table.from_batches(open_data_set(made[0]).batches("people")).to_pylist()
    assert made[1]["people"] == len(rows) == PEOPLE
    place = geography("blmk").authorities
    for code, name in zip(place.code, place.name, strict=True):
        share = sum(row["local_authority"] == code for row in rows) / PEOPLE
        assert figures(made[1], "authorities")[name]["simulated"] == pytest.approx(share)
    day = open_data_set(made[0]).manifest.plan.recipe["index_date"]
    over_90 = sum(
        row["sex"] == "female" and (np.datetime64(day) - np.datetime64(row["birth_date"])).astype(int) >= 90 * 365.25
        for row in rows
    )
    assert figures(made[1], "ages-female")["90+"]["simulated"] == pytest.approx(over_90 / PEOPLE)


def test_events_are_counted_once_and_on_the_right_side_of_the_index_date():
    sought = Sought(
        100,
        ("E1", "E2"),
        (("dm", 18, 90), ("htn", 0, 90)),
        (("emergency", "emergency"), ("primary-care", "consultation")),
    )
    people = pa.table(
        {
            "nhs_number": ["9990000018", "9990000026", "9990000034"],
            "birth_date": pa.array([-20_000, -9_000, 90], pa.int32()).cast(pa.date32()),
            "sex": ["female", "male", "male"],
            "ethnicity": ["A", "B", None],
            "imd_decile": pa.array([1, 10, None], pa.int8()),
            "local_authority": ["E2", "E1", "E1"],
            "died_on": pa.array([120, None, 90], pa.int32()).cast(pa.date32()),
        }
    )
    rows = [
        ("9990000034", 99, "emergency", "emergency", None),
        ("9990000018", 5, "primary-care", "diagnosis", "dm"),
        ("9990000018", 50, "primary-care", "diagnosis", "dm"),
        ("9990000018", 100, "primary-care", "diagnosis", "htn"),  # on the index date: not known on it
        ("9990000018", 99, "primary-care", "consultation", "dm"),
        ("9990000018", -300, "emergency", "emergency", None),  # more than a year before
        ("9990000026", 150, "emergency", "emergency", None),
    ]
    columns = list(zip(*rows, strict=True))
    events = pa.RecordBatch.from_arrays(
        [pa.array(columns[0]), pa.array(columns[1], pa.int32()).cast(pa.date32()), *map(pa.array, columns[2:4]),
         pa.array(columns[4], pa.string())],
        names=["nhs_number", "date", "setting", "method", "code"],
    )  # fmt: skip
    counts = Counts(sought)
    counts.add(people, iter([events.slice(0, 3), events.slice(3)]))
    assert counts.has.sum(axis=(1, 2, 3)).tolist() == [1, 0]
    assert counts.has[0, 1, 55, 0] == 1
    assert counts.contacts.tolist() == [[1, 0], [0, 1]]
    assert counts.events[:6].tolist() == [1, 1, 0, 0, 1, 0]
    assert (counts.deaths.sum(), counts.deaths[55, 1]) == (1, 1)
    assert (counts.ages.sum(), counts.ages[1, 55, 1]) == (3, 1)


def test_households_that_are_alike_make_chance_larger_by_their_design_effect():
    """Ten thousand homes of three: whole homes of a kind, and people of a kind whoever they live with."""
    rng, home = np.random.default_rng(4), np.repeat(np.arange(10_000), 3)
    alike, apart = Spread(2), Spread(2)
    alike.add_people(home, (rng.random(10_000) < 0.1).astype(int)[home])
    apart.add_people(home, (rng.random(30_000) < 0.1).astype(int))
    share = np.array([0.9, 0.1])
    alone = np.sqrt(0.1 * 0.9 / 30_000)
    assert alike.deviations(share)[1] == pytest.approx(np.sqrt(3) * alone, rel=0.1)
    assert apart.deviations(share)[1] == pytest.approx(alone, rel=0.1)
    none = Spread(2)
    none.add_people(home[:30], np.zeros(30, int))
    assert none.deviations(np.array([0.99, 0.01]))[1] > 0  # a kind that nobody is of can be chance


@pytest.mark.parametrize("seed", range(4))
def test_small_data_sets_are_not_said_to_be_off(tmp_path, seed):
    """Some hundred and twenty figures of 1,500 people: four deviations point at one in fifteen thousand."""
    generate(Recipe(people=1500, seed=seed), tmp_path / "few", format="parquet", processes=1, tell=lambda *_: None)
    report = make_report(tmp_path / "few")
    found = [(c["key"], f["name"]) for c in report["comparisons"] for f in c["figures"] if f["off"]]
    assert found == []


def test_a_figure_that_is_off_is_pointed_at():
    assert not Figure("a", 0.109, 0.1, 0.0).off
    assert Figure("a", 0.12, 0.1, 0.001).off
    assert not Figure("a", 0.12, 0.1, 0.01).off
    assert not Figure("nobody published it", 0.5).off


def test_the_page_stands_alone_says_its_use_and_is_the_same_every_time(made):
    out, report = made
    page, document = (out / PAGE).read_bytes(), (out / JSON).read_bytes()
    assert json.loads(document) == report
    make_report(out)
    assert ((out / PAGE).read_bytes(), (out / JSON).read_bytes()) == (page, document)
    text = page.decode()
    assert not re.search(r"<script|src=|<link", text)
    said = [said in text for said in ("These people never were", "You may not", report["command"], report["manifest"])]
    assert said == [True] * 4
    assert "…" not in text  # every name stands whole beside its bar, or over it
    charts = re.findall(r'aria-labelledby="([\w-]+)-title', text)
    assert len(charts) == len(set(charts)) <= text.count("<table")
    assert all(source["basis"] in ("taken", "cited", "assumed") for source in report["sources"].values())


def test_each_figure_names_its_source_and_what_we_assumed_is_not_called_published(made):
    report = made[1]
    own = [c for c in report["comparisons"] if any(f["published"] is not None for f in c["figures"])]
    assert all(set(c["sources"]) <= set(report["sources"]) and c["sources"] for c in own)
    for comparison in own:
        assert {f["source"] for f in comparison["figures"]} <= {"", *comparison["sources"]}
    basis = {name: report["sources"][f["source"]]["basis"] for name, f in figures(report, "prevalence").items()}
    assert (basis["Osteoarthritis"], basis["Hypertension"], basis["Autism"]) == ("assumed", "taken", "cited")
    published, assumed = beside_what(report)
    assert assumed == sum(each == "assumed" for each in basis.values()) + 2  # of contacts: community and police
    page = (made[0] / PAGE).read_text()
    assert f"<dd>{published:,}</dd>" in page
    numbers = dict(
        re.findall(r'>(\d+)</th><td class="[^"]+">([^<]+)', page.partition("Where the published figures")[2])
    )
    cell = re.search(r">Osteoarthritis</th>.*?>(\d+), assumed<", page)
    assert numbers[cell[1]] == report["sources"]["assumed-prevalence"]["title"]


def test_axes_count_in_round_steps():
    assert _ticks(0.142, 5) == (pytest.approx([0, 0.05, 0.1, 0.15]), "{:.0%}")
    assert _ticks(0.56, 5) == (pytest.approx([0, 0.2, 0.4, 0.6]), "{:.0%}")
    assert _ticks(0.012, 5) == (pytest.approx([0, 0.005, 0.01, 0.015]), "{:.1%}")
    assert _ticks(0.5, 5) == (pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5]), "{:.0%}")


def test_the_command_writes_it_and_names_what_is_off(made):
    told = CliRunner().invoke(app, ["report", str(made[0])])
    assert told.exit_code == 0
    assert "figures beside published ones" in told.stdout
    found = json.loads(CliRunner().invoke(app, ["report", str(made[0]), "--json"]).stdout)
    assert found["page"].endswith(PAGE)
    assert found["figures"] > 40


def test_a_changed_data_set_gets_no_report(made, tmp_path):
    with pytest.raises(HedgerowError, match="manifest-absent"):
        make_report(tmp_path)
