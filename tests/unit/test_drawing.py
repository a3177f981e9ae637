"""Rows drawn from a model: every one satisfies the contract, whatever the noise, and the same draws are the same."""

import tomllib

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.variables import Table
from privacy.contract_file import contract_of
from privacy.errors import Invalid
from privacy.noise import discrete_gaussian
from synthetic.fitted.constraints import allowed_by
from synthetic.fitted.drawing import Drawn
from synthetic.fitted.fitting import Released, drawn_from
from synthetic.fitted.measured import measured
from synthetic.fitted.values import field_of
from synthetic.provenance import Fitted
from tests.builders import FINDER, small_study
from tests.rehearsal import rehearse

CONTRACT = """
[contract]
name = "visits"
version = 1
title = "Stays"
owner = "A trust"
legal_basis = "None"
source = "made up"
purpose = "Tests"
recipient = "Nobody"
table = "person"
key = ["nhs_number"]

[columns.nhs_number]
kind = "direct-identifier"
type = "nhs-number"
treatment = "pseudonym"

[columns.came]
kind = "measure"
type = "date"
low = 2020-01-01
high = 2020-12-31

[columns.left]
kind = "measure"
type = "date"
low = 2020-01-01
high = 2021-03-31
may_be_missing = true

[columns.state]
kind = "measure"
type = "code"
codes = ["in", "out", "dead", "moved"]

[columns.score]
kind = "measure"
type = "integer"
low = 0
high = 9
may_be_missing = true

[columns.cost]
kind = "measure"
type = "number"
low = 0
high = 1000

[[checks]]
name = "leaves-after"
column = "left"
relation = "at-least"
other = "came"

[[checks]]
name = "gone"
when = "state"
codes = ["out", "dead"]
column = "left"
then = "present"

[[checks]]
name = "still-here"
when = "state"
codes = ["in"]
column = "left"
then = "missing"
"""
FIRST, LAST = 18262, 18627  # 2020-01-01 and 2020-12-31, days since 1970-01-01
VARIABLES = [
    {"name": "came", "column": "came", "transform": "band", "low": FIRST, "high": LAST, "bands": 6},
    {"name": "left", "column": "left", "transform": "band", "low": FIRST, "high": LAST + 90, "bands": 7},
    {"name": "state", "column": "state", "transform": "code", "codes": ["in", "out", "dead"]},
    {"name": "score", "column": "score", "transform": "band", "low": 0, "high": 9, "edges": [0.5, 0.7, 4]},
    {"name": "cost", "column": "cost", "transform": "band", "low": 0, "high": 1000, "edges": [10, 100]},
]
BY = [v["name"] for v in VARIABLES]
STEP = {"name": "margins", "use": "marginals", "people": "everyone", "parameters": {"by": BY}}
STUDY = small_study(variables=VARIABLES, steps=[STEP], privacy={"epsilon": 1.0, "quorum": 1})


def people(n, *, seed=1):
    rng = np.random.default_rng(seed)
    came = rng.integers(FIRST, LAST, n)
    state = rng.choice(3, n, p=[0.3, 0.6, 0.1])
    left = np.where(state == 0, np.nan, np.minimum(came + rng.integers(0, 60, n), LAST + 90))
    score = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 10, n))
    columns = {
        "came": came * 1.0,
        "left": left,
        "code.state": state * 1.0,
        "score": score,
        "cost": rng.uniform(0, 999, n),
    }
    return Table(np.arange(n), np.zeros(n, np.int64), columns)


def released(n=3000, **changes):
    found = measured(rehearse(STUDY, FINDER, [{"everyone": people(n)}], discrete_gaussian)["margins"])
    facts = {"rows": (), "sequence": "", "own": (), **changes}
    return Released(STUDY, "margins", found, provenance=Fitted("", (), 1.0, 1.0, 1e-5, ""), sha256="", **facts)


def contract(text=CONTRACT):
    return contract_of(tomllib.loads(text))


@pytest.fixture(scope="module")
def source():
    return drawn_from(released(), contract(), people=20_000, seed=5)


def frame(source, table="visits"):
    parts = [batch for number in range(source.parts()) for name, batch in source.part(number) if name == table]
    return pa.Table.from_batches(parts).to_pandas()


def test_every_row_satisfies_every_check_and_bound(source):
    """Twenty thousand rows at epsilon 1, where the noisy margins say things that cannot be."""
    rows = frame(source)
    came, left = pd.to_datetime(rows.came), pd.to_datetime(rows.left)
    assert len(rows) == 20_000
    assert came.between("2020-01-01", "2020-12-31").all()
    assert left.dropna().between("2020-01-01", "2021-03-31").all()
    assert (left.isna() | (left >= came)).all()
    assert left[rows.state.isin(["out", "dead"])].notna().all()
    assert left[rows.state == "in"].isna().all()
    assert rows.state.notna().all()
    assert set(rows.state) <= {"in", "out", "dead", "moved"}
    assert rows.score.dropna().between(0, 9).all()
    assert (rows.score.dropna() % 1 == 0).all()
    assert rows.cost.between(0, 1000).all()
    assert rows.nhs_number.is_unique
    assert rows.nhs_number.str.fullmatch("999[0-9]{7}").all()


def test_control_without_the_contract_s_checks_rows_break_them():
    text = CONTRACT.partition("[[checks]]")[0]
    rows = frame(drawn_from(released(), contract(text), people=20_000, seed=5))
    left = pd.to_datetime(rows.left)
    assert (left < pd.to_datetime(rows.came)).any()
    assert left[rows.state == "in"].notna().any()


def test_relations_are_kept(source):
    """3,000 people at epsilon 1: shares within 0.12."""
    rows, true = frame(source), people(3000).columns
    assert (rows.state == "out").mean() == pytest.approx((true["code.state"] == 1).mean(), abs=0.12)
    stay = (pd.to_datetime(rows.left) - pd.to_datetime(rows.came)).dt.days
    assert stay.median() < 90  # of independent columns it would be some four months


def test_blocks_do_not_depend_on_each_other_nor_on_how_many_people_there_are(source):
    alone = dict(source.block(1))["visits"]
    whole = [batch for _, batch in source.part(0)]
    assert alone.equals(whole[1])
    assert source.parts() == 1
    fewer = Drawn(**{**{f: getattr(source, f) for f in source.__dataclass_fields__}, "people": 9000})
    assert [b.num_rows for _, b in fewer.part(0)] == [8192, 808]


def test_a_band_without_a_whole_number_is_never_drawn():
    field = field_of(STUDY.variable("score"), contract().column("score"))
    assert field.possible.tolist() == [True, False, True, True, True]
    assert [allowed.clique for allowed in allowed_by((), [field])] == [(0,)]


def test_codes_that_were_not_listed_stand_for_what_is_other_when_nothing_may_be_missing():
    field = field_of(STUDY.variable("state"), contract().column("state"))
    values = field.drawn(np.array([0, 1, 2, 3]), np.random.default_rng(1))
    assert field.written(values).to_pylist() == ["in", "out", "dead", "moved"]


def test_checks_that_exclude_each_other_are_said_to():
    both = (
        CONTRACT
        + """
[[checks]]
name = "never-there"
when = "state"
codes = ["in", "out", "dead", "moved"]
column = "score"
then = "missing"

[[checks]]
name = "always-there"
when = "state"
codes = ["in", "out", "dead", "moved"]
column = "score"
then = "present"
"""
    )
    with pytest.raises(Invalid, match="fit-contradiction"):
        drawn_from(released(), contract(both), people=10, seed=1)


@pytest.mark.parametrize(("one", "other"), [("cost", "score"), ("left", "came")])
def test_checks_that_leave_only_what_is_missing_are_said_to_exclude_each_other(one, other):
    """Nothing is above and below one other thing, but what is missing breaks neither check."""
    above = '\n[[checks]]\nname = "{0}-above"\ncolumn = "{0}"\nrelation = "above"\nother = "{1}"\n'
    once = CONTRACT + above.format(one, other)
    assert len(frame(drawn_from(released(), contract(once), people=500, seed=1))) == 500
    with pytest.raises(Invalid, match="fit-contradiction"):
        frame(drawn_from(released(), contract(once + above.format(other, one)), people=500, seed=1))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CONTRACT.replace("[columns.cost]", "[columns.price]"), "cost"),
        (CONTRACT.replace('name = "visits"', 'name = "others"'), "others"),
    ],
)
def test_what_cannot_become_a_column_is_named(text, told):
    with pytest.raises(Invalid, match="fit-variable") as caught:
        drawn_from(released(), contract(text), people=10, seed=1)
    assert told in caught.value.detail
