"""A node's own report on synthetic data: what it says, and a page that stands alone with a table for every chart."""

import json
import re

import pytest

from synthetic.judged.keyed import Keyed
from synthetic.report.inside import inside_report
from synthetic.report.inside_page import VERDICTS, inside_page
from tests.keyed_people import chained, parted, rand_people


@pytest.fixture(scope="module")
def people():
    """Nine columns are enough for every attack here, and quicker."""
    everybody = rand_people()
    chosen = [0, 1, 2, 3, 4, 5, 6, 7, 11]
    return parted(Keyed.of([everybody.attributes[j] for j in chosen], everybody.places[:, chosen]))


def report(data, people):
    return inside_report(data, *people, single=people, groups=("female",))


@pytest.fixture(scope="module")
def honest(people):
    return report(chained(people[0], 3000, seed=1), people)


def test_the_report_is_plain_data_and_says_what_was_found(honest, people):
    again = json.loads(json.dumps(honest))
    assert again["verdict"] == "passes"
    assert again["people"] == {"used": len(people[0]), "held_back": len(people[1])}
    assert [m["columns"] for m in again["distances"]["means"]] == [1, 2, 3]
    assert {a["attack"]: a["verdict"] for a in again["attacks"]} == dict.fromkeys(
        ["copies", "closeness", "membership", "singling-out", "linkage", "inference", "strangers"], "passes"
    )
    assert [g["key"] for g in again["groups"]] == ["no", "yes"]


def test_the_page_stands_alone_and_every_chart_has_a_table(honest):
    page = inside_page(honest, title="Made-up visits", foot="foot").decode()
    said = [text in page for text in ("must not leave", VERDICTS["passes"])]
    assert said == [True, True]
    assert not re.search(r"<script|https?://|src=|<link", page)
    assert page.count("<svg") == 4 <= page.count("<table")
    keys = re.findall(r'aria-labelledby="(\w+)-title', page)
    assert len(keys) == len(set(keys)) == 4


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_page_says_what_each_verdict_means(honest, verdict):
    page = inside_page({**honest, "verdict": verdict}, title="t", foot="f").decode()
    assert [each for each in VERDICTS if VERDICTS[each] in page] == [verdict]


def test_names_of_columns_cannot_be_markup(honest):
    hostile = json.loads(json.dumps(honest).replace("female", "<script>alert(1)</script>"))
    page = inside_page(hostile, title="t", foot="f").decode()
    assert (page.count("<script"), page.count("&lt;script") > 0) == (0, True)
