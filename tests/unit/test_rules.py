"""Checks beyond a cell: what a contract may declare, and which rows break it."""

import datetime
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.quality.rules import CHECK_FAILED, Rules
from privacy.contract_file import contract_of
from privacy.errors import Invalid

DAY = datetime.date
COLUMNS = {
    "nhs_number": {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"},
    "came": {"kind": "measure", "type": "date", "low": "2000-01-01", "high": "2030-01-01", "may_be_missing": True},
    "left": {"kind": "measure", "type": "date", "low": "2000-01-01", "high": "2030-01-01", "may_be_missing": True},
    "how": {"kind": "measure", "type": "code", "codes": ["home", "died"], "may_be_missing": True},
    "cause": {"kind": "sensitive", "type": "code", "codes": ["I21", "J18"], "may_be_missing": True},
    "spell": {"kind": "measure", "type": "integer", "low": 0, "high": 1000, "may_be_missing": True},
    "born": {"kind": "quasi-identifier", "type": "date", "low": "1900-01-01", "high": "2030-01-01",
             "treatment": "month", "role": "birth"},
}  # fmt: skip
AFTER = {"name": "leaves-after-coming", "column": "left", "relation": "at-least", "other": "came"}
CAUSE = {"name": "cause-if-died", "when": "how", "codes": ["died"], "column": "cause"}
NO_CAUSE = {"name": "no-cause-if-home", "when": "how", "codes": ["home"], "column": "cause", "then": "missing"}
ONCE = {"name": "spell-once", "unique": ["spell"]}
BORN = {"name": "not-before-birth", "column": "came", "relation": "at-least", "other": "born"}


def contract(*checks, **head):
    return contract_of(
        {
            "contract": {
                "name": "spells", "version": 1, "title": "t", "owner": "o", "legal_basis": "l", "source": "s",
                "table": "event", "key": ["nhs_number"], **head,
            },
            "columns": COLUMNS,
            **({"checks": list(checks)} if checks else {}),
        }
    )  # fmt: skip


def batch(**columns):
    rows = max(len(v) for v in columns.values())
    types = {"came": pa.date32(), "left": pa.date32(), "born": pa.date32(), "spell": pa.int64()}
    made = {n: pa.array(columns.get(n, [None] * rows), types.get(n, pa.string())) for n in (*COLUMNS, "person")}
    coded = {n: v.dictionary_encode() if pa.types.is_string(v.type) else v for n, v in made.items()}
    return pa.record_batch(coded)


def failing(rules, rows, judge="judge"):
    return {name: np.flatnonzero(mask).tolist() for code, name, mask in getattr(rules, judge)(rows)}


def test_a_row_that_leaves_before_it_came_is_found_and_one_with_a_day_missing_is_not():
    rows = batch(
        came=[DAY(2020, 1, 2), DAY(2020, 1, 2), DAY(2020, 1, 2), None],
        left=[DAY(2020, 1, 2), DAY(2020, 1, 1), None, DAY(2020, 1, 1)],
    )
    found = list(Rules(contract(AFTER)).judge(rows))
    assert [(code, name, mask.tolist()) for code, name, mask in found] == [
        (CHECK_FAILED, "leaves-after-coming", [False, True, False, False])
    ]


def test_what_a_code_calls_for_must_be_there_or_must_not():
    rows = batch(how=["died", "died", "home", "home", None], cause=["I21", None, None, "J18", "J18"])
    assert failing(Rules(contract(CAUSE, NO_CAUSE)), rows) == {"cause-if-died": [1], "no-cause-if-home": [3]}


def test_all_rows_of_a_person_that_share_what_is_unique_are_found_and_other_people_s_are_not():
    rules = Rules(contract(ONCE))
    rows = batch(person=["a", "a", "a", "b", "a", "a"], spell=[1, 1, 2, 1, None, None])
    assert failing(rules, rows, "judge_people") == {"spell-once": [0, 1]}
    assert failing(rules, rows) == {}


def test_a_day_in_the_month_of_birth_is_not_before_birth_whatever_the_day_was():
    born = [DAY(2020, 3, 1)] * 3  # stored as the month: the true day may be any of it
    rows = batch(born=born, came=[DAY(2020, 3, 1), DAY(2020, 3, 31), DAY(2020, 2, 29)])
    assert failing(Rules(contract(BORN)), rows) == {"not-before-birth": [2]}


days = st.lists(st.tuples(*[st.none() | st.dates(DAY(2019, 12, 1), DAY(2020, 2, 1))] * 2), min_size=1, max_size=30)


@given(days)
def test_comparisons_agree_with_plain_python(pairs):
    rows = batch(came=[c for c, _ in pairs], left=[left for _, left in pairs])
    for relation, breaks in (
        ("at-least", lambda c, left: left < c),
        ("above", lambda c, left: left <= c),
        ("equal", lambda c, left: left != c),
        ("different", lambda c, left: left == c),
    ):
        expected = [i for i, (c, left) in enumerate(pairs) if c and left and breaks(c, left)]
        found = failing(Rules(contract({**AFTER, "relation": relation})), rows)
        assert found == ({"leaves-after-coming": expected} if expected else {})


def test_checks_cannot_be_turned_off_from_the_environment(monkeypatch):
    monkeypatch.setenv("PANDERA_VALIDATION_ENABLED", "False")
    monkeypatch.setattr("pandera.config.CONFIG.validation_enabled", False)
    rows = batch(came=[DAY(2020, 1, 2)], left=[DAY(2020, 1, 1)])
    assert failing(Rules(contract(AFTER)), rows) == {"leaves-after-coming": [0]}


def test_a_check_that_cannot_be_judged_stops_the_load(monkeypatch):
    monkeypatch.setattr("node.quality.rules._holds", lambda check, frame: 1 / 0)
    with pytest.raises(RuntimeError, match="leaves-after-coming"):
        failing(Rules(contract(AFTER)), batch(came=[DAY(2020, 1, 2)]))


def test_without_checks_nothing_is_imported():
    code = (
        "import sys; from node.quality.rules import Rules; from tests.unit.test_rules import contract, batch\n"
        "for name in [n for n in sys.modules if n.startswith('pandera')]: del sys.modules[name]\n"
        "assert list(Rules(contract()).judge(batch(how=['home']))) == []; assert 'pandera' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_contract_with_checks_reads_back_as_itself_and_one_without_keeps_its_hash():
    declared = contract(AFTER, CAUSE, ONCE)
    assert contract_of(declared.document()) == declared
    assert "checks" not in contract().document()


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ({**AFTER, "other": "gone"}, "checks[1]: gone is no column that is kept"),
        ({**AFTER, "other": "nhs_number"}, "checks[1]: nhs_number is no column that is kept"),
        ({**AFTER, "other": "left"}, "checks[1].other: is another column"),
        ({**AFTER, "other": "spell"}, "checks[1].other: is of the type of left"),
        ({**AFTER, "column": "how", "other": "cause"},
         "checks[1].relation: only numbers and dates have an order; use equal or different"),
        ({**BORN, "relation": "above"},
         "checks[1].relation: days that are cut to months or years can only be compared by at-least"),
        ({**CAUSE, "when": "spell"}, "checks[1].when: is a column of type code"),
        ({**CAUSE, "codes": []}, "checks[1].codes: is a list of texts, at least one"),
        ({**AFTER, "relation": "below"}, "checks[1].relation: is one of above, at-least, different, equal"),
        ({**AFTER, "more": 1}, "checks[1].more: is not known"),
        ({"name": "n", "unique": []}, "checks[1].unique: is a list of names, at least one"),
    ],
)  # fmt: skip
def test_a_check_that_cannot_hold_is_a_fault_of_the_contract(check, fault):
    with pytest.raises(Invalid) as caught:
        contract(check)
    assert caught.value.code == "contract-malformed"
    assert fault in caught.value.faults


def test_a_fault_has_the_line_of_its_check(tmp_path):
    from privacy.contract_file import read_contract
    from tests.nodes import CONTRACT

    file = tmp_path / "contract.toml"
    file.write_text(CONTRACT + '\n[[checks]]\nname = "a"\nunique = ["sex"]\n\n[[checks]]\nname = "b"\ncolumn = "age"\n'
                    'relation = "below"\nother = "year"\n')  # fmt: skip
    with pytest.raises(Invalid) as caught:
        read_contract(file)
    line = CONTRACT.count("\n") + 9
    assert caught.value.faults == (f"line {line}: checks[2].relation: is one of above, at-least, different, equal",)


def test_many_rows_are_judged_as_pandas_judges_them():
    rng = np.random.default_rng(4)
    came, left = (rng.integers(18_000, 18_100, 100_000).astype("int32") for _ in range(2))
    rows = pa.record_batch({"came": pa.array(came).cast(pa.date32()), "left": pa.array(left).cast(pa.date32())})
    ((_, _, mask),) = Rules(contract(AFTER)).judge(rows)
    assert (pd.Series(mask) == (left < came)).all()
