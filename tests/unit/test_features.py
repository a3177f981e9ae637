"""Features by hand: each kind on rows that one can count, what is refused, and the frailty index's arithmetic."""

import datetime

import pandas as pd
import pyarrow as pa
import pytest

from models.features import reference
from models.features.compiler import FEW_CODES, Layout, compile_features
from models.features.engine import compute
from privacy.code_lists import CodeList
from privacy.errors import Invalid
from privacy.features import LONGEST_WINDOW, Condition, Feature, FeatureSet
from privacy.frailty import BANDS_FROM, DEFICITS, frailty_index

INDEX = datetime.date(2025, 4, 1)
LAYOUT = Layout("people", {"events": "date"})


def ago(days):
    return INDEX - datetime.timedelta(days=days)


def events(*rows):
    names = {
        "person": pa.string(),
        "date": pa.date32(),
        "until": pa.date32(),
        "code": pa.string(),
        "value": pa.float64(),
    }
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in names.items()})


def value(feature, rows, *, births=(None,), code_lists=(), before=()):
    """Return one feature of ann, by both engines."""
    people = pa.table({"person": pa.array(["ann"]), "birth": pa.array(births, pa.date32())})
    tables = {"people": people, "events": events(*({"person": "ann", **row} for row in rows))}
    declared = FeatureSet(INDEX, (*before, feature), code_lists)
    (found,) = compute(declared, LAYOUT, [tables]).to_pylist()
    frames = {
        name: pd.DataFrame(table.to_pylist(), columns=table.column_names, dtype=object)
        for name, table in tables.items()
    }
    (slow,) = reference.compute(declared, LAYOUT, frames).to_dict("records")
    assert found == slow
    return found[feature.name]


def of_value(kind, **changes):
    return Feature("f", kind, data_set="events", column="value", **{"low": 0.0, "high": 100.0, **changes})


def test_a_window_holds_its_first_day_and_not_its_last():
    feature = Feature("f", "count", data_set="events", from_day=-365, to_day=0, at_most=9)
    assert value(feature, [{"date": ago(366)}, {"date": ago(0)}, {"date": None}]) == 0
    assert value(feature, [{"date": ago(365)}, {"date": ago(1)}]) == 2
    after = Feature("f", "count", data_set="events", from_day=0, to_day=365, at_most=9)
    assert value(after, [{"date": ago(1)}, {"date": ago(0)}, {"date": ago(-364)}, {"date": ago(-365)}]) == 2


def test_a_person_without_events_has_zero_or_nothing():
    for kind in ("any", "count", "days-in", "distinct", "sum"):
        extra = {"until": "until"} if kind == "days-in" else {}
        extra |= {} if kind == "any" else {"low": 0.0, "high": 9.0} if kind == "sum" else {"at_most": 9}
        extra |= {"column": "value"} if kind in ("distinct", "sum") else {}
        assert value(Feature("f", kind, data_set="events", **extra), []) == 0
    for kind in ("latest", "maximum", "mean", "minimum"):
        assert value(of_value(kind), []) is None
    assert value(Feature("f", "days-since", data_set="events", at_most=9), []) is None


def test_the_latest_value_is_the_greatest_of_its_day_and_skips_what_is_missing():
    rows = [{"date": ago(9), "value": 99.0}, {"date": ago(2), "value": 5.0}, {"date": ago(2), "value": 7.0}]
    assert value(of_value("latest"), [*rows, {"date": ago(1), "value": None}]) == 7


def test_values_are_summed_exactly_in_any_order_and_kept_within_bounds():
    rows = [{"date": ago(1), "value": v} for v in (0.1, 0.2, 0.3)]
    assert value(of_value("sum"), rows) == value(of_value("sum"), rows[::-1]) == 0.6  # doubles would give 0.6000…01
    assert value(of_value("mean"), rows) == 0.2
    assert value(of_value("sum", high=0.5), rows) == 0.5
    assert value(of_value("minimum", low=0.15, high=1.0), rows) == 0.15


def test_days_in_are_nights_inside_the_window():
    feature = Feature("f", "days-in", data_set="events", until="until", from_day=-10, at_most=99)
    assert value(feature, [{"date": ago(20), "until": ago(7)}]) == 3  # days 10, 9 and 8 before
    assert value(feature, [{"date": ago(2), "until": ago(-5)}]) == 2
    assert value(feature, [{"date": ago(5), "until": None}, {"date": ago(5), "until": ago(5)}]) == 0


@pytest.mark.parametrize(("born", "years"), [((1950, 4, 30), 75), ((1950, 5, 1), 74), ((2025, 5, 1), None)])
def test_age_counts_months(born, years):
    assert value(Feature("f", "age", column="birth"), [], births=(datetime.date(*born),)) == years


def test_codes_are_whole_or_begin_and_a_code_list_names_them():
    rows = [{"date": ago(1), "code": code} for code in ("W01", "W018", "X", None)]
    falls = CodeList("falls", "1", "Falls", "local", "made up", "none", tuple((f"W0{i}", "") for i in range(6)))
    assert len(falls.codes) > FEW_CODES
    for prefix, expected in ((False, 1), (True, 2)):
        where = (Condition("code", code_list="falls@1", prefix=prefix),)
        counted = Feature("f", "count", data_set="events", where=where, at_most=9)
        assert value(counted, rows, code_lists=(falls,)) == expected
        short = (Condition("code", codes=("W01",), prefix=prefix),)
        assert value(Feature("f", "count", data_set="events", where=short, at_most=9), rows) == expected


def test_a_code_that_looks_like_sql_is_only_a_code():
    code = "'; DROP TABLE people; --"
    feature = Feature("f", "any", data_set="events", where=(Condition("code", codes=(code,)),))
    assert value(feature, [{"date": ago(1), "code": code}]) == 1
    assert value(feature, [{"date": ago(1), "code": "W01"}]) == 0


def test_all_codes_of_a_large_list_are_compared():
    codes = tuple((f"{i:05d}"[: 3 + i % 3] + "x" * (i % 2) + str(i), "") for i in range(3000))
    many = CodeList("many", "1", "Many", "local", "made up", "none", codes)
    feature = Feature(
        "f", "count", data_set="events", where=(Condition("code", code_list="many@1", prefix=True),), at_most=9
    )
    assert value(feature, [{"date": ago(1), "code": codes[2999][0] + "9"}], code_lists=(many,)) == 1


def refused(*features, code_lists=()):
    with pytest.raises(Invalid) as caught:
        FeatureSet(INDEX, features, code_lists)
    assert caught.value.code == "study-malformed"
    return " ".join(caught.value.faults)


def test_what_does_not_hold_together_is_refused_with_its_place():
    assert "features[1].at_most" in refused(Feature("f", "count", data_set="events"))
    assert "features[1].of: no earlier feature is called g" in refused(Feature("f", "share", of=("g",)))
    assert "low: does not go with any" in refused(Feature("f", "any", data_set="events", low=1.0))
    assert "code_lists: falls@1 is missing" in refused(
        Feature("f", "any", data_set="events", where=(Condition("code", code_list="falls@1"),))
    )
    assert "to_day" in refused(Feature("f", "any", data_set="events", from_day=0, to_day=0))
    assert "low: a sum over no events is 0" in refused(of_value("sum", low=5.0))
    for forged in ("W01\nWhat it costs: nothing", "W01   W02", "W" * 101, "\x1b[2J"):
        where = (Condition("code", codes=(forged,)),)
        assert "features[1].where[1].codes: print" in refused(Feature("f", "any", data_set="events", where=where))
    assert "is there twice" in refused(Feature("f", "any", data_set="events"), Feature("f", "any", data_set="events"))


@pytest.mark.parametrize("name", ["person", "held_back"])
def test_no_feature_is_called_like_a_column_of_the_node(name):
    with pytest.raises(Invalid) as error:
        FeatureSet(INDEX, (Feature(name, "any", data_set="events"),))
    assert error.value.faults == ("features[1].name: the node's own tables have a column of this name",)


def test_no_window_leaves_the_calendar():
    feature = Feature("f", "any", data_set="events", from_day=-LONGEST_WINDOW, to_day=LONGEST_WINDOW)
    for day in (datetime.date(150, 1, 1), datetime.date(9850, 1, 1)):
        with pytest.raises(Invalid) as error:
            FeatureSet(day, (feature,))
        assert error.value.faults == ("index_date: no window may leave the calendar",)
    for day in (datetime.date(152, 1, 1), datetime.date(9848, 1, 1)):  # a control: these compile
        compile_features(FeatureSet(day, (feature,)), LAYOUT)


def test_the_hash_covers_the_index_date_the_declarations_and_every_code():
    def hashed(index=INDEX, at_most=9, codes=("A",)):
        lists = (CodeList("l", "1", "L", "local", "made up", "none", tuple((code, "") for code in codes)),)
        where = (Condition("code", code_list="l@1"),)
        return FeatureSet(index, (Feature("f", "count", data_set="e", where=where, at_most=at_most),), lists).hash

    assert len({hashed(), hashed(index=ago(1)), hashed(at_most=8), hashed(codes=("B",))}) == 4
    assert hashed() == hashed()


def efi_lists():
    """Make up one list for each deficit: their codes are texts of ours, not those that were published."""
    names = {c.code_list for f in frailty_index(diagnoses="e", medicines="e") for c in f.where}
    for name in sorted(names):
        bare, version = name.split("@")
        codes = [bare] if bare != "efi-medicines" else [f"medicine-{i}" for i in range(9)]
        yield CodeList(
            bare, version, f"For tests: {bare}", "local", "made up for tests", "none", tuple((c, "") for c in codes)
        )


@pytest.mark.parametrize(
    ("deficits", "medicines", "band"),
    [(0, 0, 0), (4, 0, 0), (4, 4, 0), (4, 5, 1), (5, 0, 1), (8, 0, 1), (8, 5, 2), (12, 0, 2), (13, 0, 3), (35, 9, 3)],
)
def test_the_frailty_index_is_36_deficits_and_four_bands(deficits, medicines, band):
    features = frailty_index(diagnoses="events", medicines="events")
    assert len(DEFICITS) == len(set(DEFICITS)) == 36
    assert [b / 36 > share for b, share in zip(BANDS_FROM, (0.12, 0.24, 0.36), strict=True)] == [True] * 3
    assert [(b - 1) / 36 <= share for b, share in zip(BANDS_FROM, (0.12, 0.24, 0.36), strict=True)] == [True] * 3
    rows = [{"date": ago(4000), "code": f"efi-{name}"} for name in DEFICITS[:deficits]] * 2
    rows += [{"date": ago(80), "code": f"medicine-{i}"} for i in range(medicines)]
    rows += [{"date": ago(85), "code": f"medicine-{i}"} for i in range(9)]  # too long ago
    there = deficits + (medicines >= 5)
    lists = tuple(efi_lists())
    declared = FeatureSet(INDEX, features, lists)
    tables = {"people": pa.table({"person": ["ann"]}), "events": events(*({"person": "ann", **row} for row in rows))}
    (ann,) = compute(declared, LAYOUT, [tables]).to_pylist()
    assert (ann["efi_deficits"], ann["efi"], ann["efi_band"]) == (there, there / 36, band)


def test_only_keeps_what_a_feature_is_made_of():
    declared = FeatureSet(INDEX, frailty_index(diagnoses="events", medicines="events"), tuple(efi_lists()))
    assert declared.only(frozenset({"efi_band"})).features[-1].name == "efi_band"
    assert len(declared.only(frozenset({"efi_band"})).features) == 35 + 4
    assert [f.name for f in declared.only(frozenset({"efi_falls"})).features] == ["efi_falls"]
    assert len(declared.only(frozenset({"efi_falls"})).code_lists) == 1


def test_five_hundred_features_compile():
    some = [Feature(f"f{i}", "any", data_set="events") for i in range(499)]
    declared = FeatureSet(INDEX, (*some, Feature("all", "how-many", of=tuple(f.name for f in some))))
    assert compile_features(declared, LAYOUT).sql("spark")
    tables = {"people": pa.table({"person": ["ann"]}), "events": events({"person": "ann", "date": ago(1)})}
    assert compute(declared, LAYOUT, [tables])["all"].to_pylist() == [499]
