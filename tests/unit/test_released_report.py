"""Fitted data beside released margins: perfect data are told from data that lack a relation, noise and all."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest

from privacy.errors import HedgerowError
from synthetic.fitted.fitting import Released
from synthetic.fitted.measured import Workload, cliques_of, interaction, measured_by
from synthetic.formats import format_of
from synthetic.judged.fidelity import drawn, shuffled
from synthetic.judged.keyed import Keyed, joined
from synthetic.manifest import Plan
from synthetic.provenance import Fitted, PublicPriors, to_document
from synthetic.report.making import make_report
from synthetic.report.released import exported_for, released_report
from synthetic.report.released_page import released_page
from synthetic.written.reading import open_data_set
from synthetic.written.writing import write
from tests.builders import small_study
from tests.keyed_people import parted, rand_people

CHOSEN = [0, 1, 3, 7, 8, 12]
ROWS = 20_000


@pytest.fixture(scope="module")
def people():
    """Six columns of people used, and of people held back."""
    everybody = rand_people()
    return parted(Keyed.of([everybody.attributes[j] for j in CHOSEN], everybody.places[:, CHOSEN]))


def study_of(attributes, *, people="held-back"):
    """Return a study whose bands are the attributes' keys: place i is any number from i to i + 1."""
    variables = [
        {"name": a.name, "column": a.name, "transform": "band", "low": 0, "high": len(a.keys) - 1,
         "edges": list(map(float, range(1, len(a.keys) - 1)))}
        for a in attributes
    ]  # fmt: skip
    steps = [
        {"name": "fidelity", "use": "marginals", "people": people, "parameters": {"by": [a.name for a in attributes]}}
    ]
    return small_study(variables=variables, steps=steps)


def released(rows, *, sd, seed=1, ways=2, **changes):
    """Return what a study would have released of these people, with noise of about ``sd`` in a cell of a pair."""
    attributes, rng = rows.attributes, np.random.default_rng(seed)
    shape, study = tuple(len(a.keys) for a in attributes), study_of(attributes, **changes)
    cliques = cliques_of(len(attributes), ways)
    workload, figures = Workload(shape, cliques), []
    noise = sd * np.median([w for w, c in zip(workload.weights, cliques, strict=True) if len(c) == 2])
    for clique, weight in zip(cliques, workload.weights, strict=True):
        counts = (rows.marginal(clique) * len(rows)).reshape([shape[i] for i in clique])
        figures.append(weight * (counts if len(clique) == 1 else interaction(counts)).ravel())
    noisy = np.concatenate(figures) + rng.normal(0, noise, workload.width)
    columns = {a.name: tuple(a.keys) for a in attributes}
    margins = measured_by(columns, (0,) * len(shape), workload, noisy, noise)
    paid = Fitted(study.hash, ("r",), 1.0, 1.0, 1e-6, "c" * 40)
    return Released(study, "fidelity", margins, (), "", (), paid, "sha256:0")


class Rows:
    """One table of numbers within the bands; missing ones are nothing."""

    def __init__(self, keyed):
        self.keyed = keyed
        self.schema = pa.schema([(a.name, pa.float64()) for a in keyed.attributes])

    def schemas(self):
        return {"rows": self.schema}

    def parts(self):
        return 1

    def part(self, _):
        columns = []
        for j, attribute in enumerate(self.keyed.attributes):
            place = self.keyed.places[:, j]
            missing = place == len(attribute.keys) - 1
            columns.append(pa.array(np.where(missing, 0, place) + 0.5, mask=missing))
        yield "rows", pa.record_batch(columns, schema=self.schema)


def data_set(out, keyed, provenance, groups=()):
    plan = Plan(provenance, "by hand", 1, {"groups": list(groups)}, "parquet",
                {"rows": {a.name: "number" for a in keyed.attributes}},
                dict.fromkeys(("hedgerow", "package", "numpy", "pyarrow"), "0"))  # fmt: skip
    write(source=Rows(keyed), plan=plan, out=out, format=format_of("parquet"), processes=1, tell=lambda *_: None)
    return open_data_set(out)


@pytest.mark.parametrize("sd", [1e-6, 15.0])
def test_data_drawn_from_the_population_are_as_far_off_as_noise_and_chance_say(tmp_path, people, sd):
    """21 margins at four deviations: one in a thousand seeds would point at one; the seed is fixed."""
    told = released(people[1], sd=sd)
    data = data_set(tmp_path / "data", drawn(people[0], ROWS, np.random.default_rng(3)), told.provenance)
    found = released_report(data, told)
    assert len(found["margins"]) == 6 + 15
    assert [each["columns"] for each in found["margins"] if each["off"]] == []
    for mean in found["means"]:  # the people used are a sample too, and families are alike: further than people apart
        assert mean["perfect"] * 0.8 < mean["data"] < mean["perfect"] * 1.6
    assert (found["means"][1]["noise"] > 0.5 * found["means"][1]["perfect"]) == (sd > 1)
    assert found["people_of_margins"] == pytest.approx(len(people[1]), rel=0.1)


def test_columns_that_know_nothing_of_each_other_are_pointed_at_and_lie_at_their_line(tmp_path, people):
    told = released(people[1], sd=3.0)
    data = data_set(tmp_path / "data", shuffled(people[0], ROWS, np.random.default_rng(3)), told.provenance)
    found = released_report(data, told)
    single, pairs = found["means"]
    assert single["data"] < single["perfect"] * 1.6
    assert pairs["data"] == pytest.approx(pairs["independent"], rel=0.02)
    off = [set(each["columns"]) for each in found["margins"] if each["off"]]
    assert {"xage", "disea"} in off
    more = {"tried": [], "trained": None, "provenance": to_document(told.provenance)}
    page = released_page(found | more, title="t",
                         use={"says": "s", "may": ["a"], "may_not": ["b"]}, foot="f").decode()  # fmt: skip
    assert re.search(r"xage × disea", page)
    assert page.count("look at") == min(len(off), 15)
    assert page.count("<svg") == 2 <= page.count("<table")


def test_within_groups_perfect_data_are_as_far_off_as_noise_and_chance_say(tmp_path, people):
    everybody, rng = joined(*people), np.random.default_rng(3)
    told = released(drawn(everybody, 3000, rng), sd=2.0, ways=3)
    data = data_set(tmp_path / "data", drawn(everybody, ROWS, rng), told.provenance, ["xage"])
    found = released_report(data, told)
    known = [g for g in found["groups"] if g["told"]]
    assert len(known) >= 3
    for group in known:
        assert not group["share_off"]
        assert [within["off"] for within in group["within"] if within["off"]] == []
    for ways in (0, 1):
        those = [group["within"][ways] for group in known if len(group["within"]) > ways]
        ratio = np.mean([within["data"] for within in those]) / np.mean([within["perfect"] for within in those])
        assert 0.8 < ratio < 1.25
        assert all(within["everybody"] > within["perfect"] for within in those)
    assert {len(group["within"]) for group in known} == {2}
    noisier = released_report(data, released(drawn(everybody, 3000, rng), sd=15.0, ways=3))
    assert 1 in {len(group["within"]) for group in noisier["groups"] if group["told"]}  # threes of some are not told
    missing = found["groups"][-1]
    assert (missing["told"], missing["within"]) == (False, [])  # nobody's age is missing: it is all noise


def test_a_group_of_which_the_data_know_nothing_is_pointed_at_and_small_ones_are_said_to_be(tmp_path, people):
    """Rows of the last band of one column are those of everybody: within it they are as far off as everybody's."""
    everybody, rng = joined(*people), np.random.default_rng(3)
    names = [a.name for a in everybody.attributes]
    told, column = released(drawn(everybody, 3000, rng), sd=2.0), names.index("xage")
    rows = drawn(everybody, ROWS, rng)
    place = int(np.bincount(rows.places[:, column]).nonzero()[0][-1])
    at = np.flatnonzero(rows.places[:, column] == place)
    others = [j for j in range(len(names)) if j != column]
    rows.places[np.ix_(at, others)] = rows.places[rng.choice(len(rows), len(at))][:, others]
    data = data_set(tmp_path / "data", rows, told.provenance, ["xage", "nothing"])
    found = released_report(data, told)
    group = found["groups"][place]
    (within,) = group["within"]
    assert ["disea"] in within["off"]
    assert within["data"] == pytest.approx(within["everybody"], rel=0.2)
    assert within["data"] > 2 * within["perfect"]
    assert not any(g["within"][0]["off"] for g in found["groups"] if g["told"] and g is not group)
    noisy = released_report(data, released(people[1], sd=60.0))
    assert not any(g["told"] or g["within"] for g in noisy["groups"])
    more = {"tried": [], "trained": None, "provenance": to_document(told.provenance)}
    said = {"title": "t", "use": {"says": "s", "may": ["a"], "may_not": ["b"]}, "foot": "f"}
    assert re.search("look at [a-z, ]*disea", released_page(found | more, **said).decode())
    assert "past telling" in released_page(noisy | more, **said).decode()


def test_the_rows_of_one_made_up_person_weigh_one_together(tmp_path, people):
    told = released(people[1], sd=1.0)
    thrice = Keyed.of(people[0].attributes, np.repeat(people[0].places, 3, axis=0))
    once = released_report(data_set(tmp_path / "once", people[0], told.provenance), told)
    more = released_report(data_set(tmp_path / "more", thrice, told.provenance), told)
    assert [m["data"] for m in once["means"]] == pytest.approx([m["data"] for m in more["means"]])


def test_fitted_data_need_a_result_and_the_right_one(tmp_path, people):
    data_set(
        tmp_path / "data", people[0].take(np.arange(50)), Fitted("sha256:" + "1" * 64, ("r",), 1.0, 1.0, 1e-6, "c" * 40)
    )
    for given, code in (((), "report-result-absent"), ([tmp_path / "none.json"], "file-unreadable")):
        with pytest.raises(HedgerowError, match=code):
            make_report(tmp_path / "data", given)
    (tmp_path / "other.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(HedgerowError, match="result-malformed"):
        make_report(tmp_path / "data", [tmp_path / "other.json"])
    assert not (tmp_path / "data" / "report.html").exists()


def test_data_that_lack_a_column_are_refused(tmp_path, people):
    told = released(people[1], sd=1.0)
    less = Keyed.of(people[0].attributes[1:], people[0].places[:50, 1:])
    with pytest.raises(HedgerowError, match="report-columns-absent") as refused:
        released_report(data_set(tmp_path / "data", less, told.provenance), told)
    assert refused.value.faults == ("mdvis",)


def test_simulated_data_are_never_taken_for_fitted_ones(tmp_path, people):
    data = data_set(tmp_path / "data", people[0].take(np.arange(9)), PublicPriors("0" * 64))
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(HedgerowError, match="report-result-other"):
        exported_for(data, [tmp_path / "result.json"])
    with pytest.raises(HedgerowError, match="report-result-other"):
        make_report(tmp_path / "data", outcome="sex")
