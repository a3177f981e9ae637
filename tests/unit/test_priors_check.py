"""Published figures that cannot be: each told by file and line, and nobody made of them."""

import shutil

import pytest

from privacy.errors import Invalid
from synthetic import generating
from synthetic.priors_check import BOUNDS, MOST_NAMED, check_priors
from synthetic.published import PRIORS
from synthetic.recipe import Recipe


@pytest.fixture
def priors(tmp_path):
    for name in BOUNDS:
        shutil.copy(PRIORS / f"{name}.csv", tmp_path)
    return tmp_path


def planted(priors, name, old, new):
    path = priors / f"{name}.csv"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def test_those_that_ship_can_be(priors):
    check_priors()
    check_priors(priors)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("conditions", "smoker,,18,120,18,0.14", "smoker,,18,120,18,1.5", "prevalence: from 0 to 1"),
        ("processes", "gp,gp,consultation,2.5", "gp,gp,consultation,-1", "a_head: from 0 to 50"),
        ("processes", "gp,gp,consultation,2.5", "gp,gp,consultation,many", "a_head: from 0 to 50"),
        ("processes", "gp,gp,consultation,2.5", "gp,gp,consultation,nan", "a_head: from 0 to 50"),
        ("processes", "gp,gp,consultation,2.5", "gp,gp,consultation,", "a_head: from 0 to 50"),
        ("processes", "gp-appointments-2019", "somebody-said", "sources.toml has no source of this name"),
        ("mortality", "1,0,0,1441,323790,0.0044502", "1,0,0,1441,323790,-0.1", "rate: from 0 to 5"),
        ("mortality", "1,0,0,1441,323790,0.0044502", "1,0,0,1441,323790", "has 5 cells, not 6"),
        ("prevalence", "# source: qof-2019-20\n", "# source: hearsay\n", "sources.toml has no hearsay"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_by_its_line(priors, name, old, new, said):
    line = planted(priors, name, old, new)
    with pytest.raises(Invalid, match="priors-impossible") as caught:
        check_priors(priors)
    assert caught.value.faults == (f"{name}.csv, line {line}: {said}",)


def test_of_a_table_that_is_all_wrong_some_lines_are_told(priors):
    text = (priors / "prevalence.csv").read_text()
    (priors / "prevalence.csv").write_text(text.replace(",0.", ",7."))
    with pytest.raises(Invalid) as caught:
        check_priors(priors)
    assert len(caught.value.faults) == MOST_NAMED + 1


def test_nobody_is_made_of_them(priors, tmp_path, monkeypatch):
    planted(priors, "trust_shares", "E06000001,Z2U,0.8971", "E06000001,Z2U,1.8971")
    monkeypatch.setattr(generating, "check_priors", lambda: check_priors(priors))
    with pytest.raises(Invalid, match="priors-impossible"):
        generating.generate(Recipe(people=10), tmp_path / "out", format="csv", processes=1, tell=lambda *_: None)
    assert not list(tmp_path.glob("out*"))
