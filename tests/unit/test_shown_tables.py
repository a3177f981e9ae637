"""Tables leave as files of what people are shown: alike on the page, on the screen, as CSV and JSON, and no more."""

import csv
import io
import json

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.charts import BARS, LONGEST_NAME, NAMES, histogram_chart
from coordinator.command.findings import result_lines
from coordinator.exports import csv_of, export_of, json_of, tables_of
from coordinator.reports import result_of
from coordinator.result_page import result_page
from privacy.charts import LETTER, WIDTH
from privacy.figures import figures_of
from privacy.signing import PublicKey
from tests.rehearsal import no_noise
from tests.tabled import counted_model, shown, site, table_study

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return counted_model(tmp_path_factory.mktemp("books"), [site(300, seed=s) for s in range(2)])


def found_of(model, profile="hes-like"):
    sealed = model.seal(KEY)
    return sealed, result_of(sealed, model, None, shown([model], profile))


@pytest.fixture(scope="module")
def exported(model):
    sealed, found = found_of(model)
    return export_of(found, sealed, model, coordinator=PublicKey.of(KEY))


def test_no_figure_that_is_withheld_is_in_any_file(model, exported):
    """Every float of the model's arrays has its many digits; not one of them is written anywhere."""
    pages = [json_of(exported), result_page(exported, model), *map(csv_of, tables_of(exported, model))]
    arrays = [each for result in model.results.values() for each in result.arrays.values()]
    raw = {repr(float(v)).encode() for each in arrays for v in each.ravel() if np.isfinite(v) and v != int(v)}
    said = json.dumps([exported["steps"][1]["quantiles"], [
        row["means"] for table in exported["steps"][0]["tables"] for row in table["rows"]]]).encode()  # fmt: skip
    kept = [number for number in raw if number not in said]
    assert len(kept) > 150
    assert [number for number in kept for page in pages if number in page] == []
    arrays = json_of({"arrays": [each.tolist() for each in model.results["groups"].arrays["people"]]})
    assert sum(number in arrays for number in kept) > 50  # control: in a file of the arrays they would be found


def test_counts_are_rounded_and_withheld_alike_everywhere(exported, model):
    rows = [row for step in exported["steps"] for table in step["tables"] for row in table["rows"]]
    notes = {row["people"]["reason"] for row in rows}
    assert notes >= {"", "suppressed"}
    for row in rows:
        people = row["people"]
        assert (people["value"] is None) == (people["reason"] not in ("", "zero"))
        assert people["value"] is None or people["value"] % 5 == 0
        assert people["value"] is None or people["low"] <= people["value"] <= people["high"]
    tables = {t.name: t for t in tables_of(exported, model)}
    wanted = tables["groups-by-sex.age_band"]
    lines = list(csv.reader(io.StringIO(csv_of(wanted).decode(), newline="")))
    assert lines[0] == [
        "sex",
        "age_band",
        "people",
        "low",
        "high",
        "note",
        "visits",
        "visits low",
        "visits high",
        "visits note",
    ]
    told = next(t for t in exported["steps"][0]["tables"] if t["by"] == ["sex", "age_band"])
    assert [line[2] for line in lines[1:]] == [
        "" if r["people"]["value"] is None else str(r["people"]["value"]) for r in told["rows"]
    ]
    page, screen = result_page(exported, model).decode(), "\n".join(result_lines(exported))
    assert page.count("suppressed") > 5
    assert "groups: people by sex and age band" in page
    assert "groups: people by sex and age band" in screen
    assert "<svg" in page


def test_profiles_differ(model):
    zeros = {}
    for profile in ("opensafely-like", "hes-like", "tre"):
        _, found = found_of(model, profile)
        assert found["steps"][0]["disclosure"]["profile"] == profile
        zeros[profile] = sum(r["people"]["reason"] == "zero" for t in found["steps"][0]["tables"] for r in t["rows"])
    assert zeros["opensafely-like"] == 0
    assert zeros["hes-like"] > 0


def test_without_a_decision_no_table_is_shown(model):
    sealed = model.seal(KEY)
    found = result_of(sealed, model, None)
    assert [step["facts"] for step in found["steps"]] == [{}, {}]
    assert "people" not in json.dumps(found["steps"])


def test_the_same_history_shows_the_same_and_a_later_study_is_held_against_it(tmp_path):
    sites = [site(900, seed=1)]
    first = counted_model(tmp_path, sites, noise=no_noise)
    alone = shown([first], "hes-like")
    assert shown([first], "hes-like") == alone
    (tmp_path / "second").mkdir()
    moved = [dict(v) for v in table_study().document()["variables"]]
    moved = [{**v, "edges": [17.9, 40, 65]} if v["name"] == "age_band" else v for v in moved]
    second = counted_model(tmp_path / "second", sites, noise=no_noise, name="moved", variables=moved)
    people = figures_of(second.results["groups"])
    assert people[2].by == ("age_band",)
    held = next(t for t in shown([first, second], "hes-like")["groups"]["tables"] if t["by"] == ["age_band"])
    free = next(t for t in shown([second], "hes-like")["groups"]["tables"] if t["by"] == ["age_band"])
    few = abs(people[2].people.value[0] - figures_of(first.results["groups"])[2].people.value[0])
    assert 0.5 < few < 7.5
    assert [row["people"]["reason"] for row in free["rows"]] == [""] * 5
    assert [row["people"]["reason"] for row in held["rows"]][:2] == ["refused", "refused"]


def test_a_band_s_name_beside_its_bar_is_whole_and_within_the_picture():
    """One that was cut at the left said 0.5 for 10.5."""
    figure = {"value": 1010.0, "low": 990.0, "high": 1_000_000.0, "reason": ""}
    drawn = str(histogram_chart([("10.5 to under 12.4", figure)], key="t", title="t"))
    assert ">10.5 to under 12.4<" in drawn
    assert LETTER * LONGEST_NAME <= NAMES - 6
    assert NAMES + BARS + 5 + LETTER * len("1000000") <= WIDTH
