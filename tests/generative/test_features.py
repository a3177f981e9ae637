"""Whatever is declared, over whatever events: SQL and the slow reference agree, and a person's row is theirs alone."""

import datetime

import pandas as pd
import pyarrow as pa
import sqlglot
from hypothesis import event, given, settings
from hypothesis import strategies as st

from models.features import reference
from models.features.compiler import Layout, columns_read, compile_features
from models.features.engine import compute
from privacy.code_lists import CodeList
from privacy.features import KINDS, LARGEST_SUM, Condition, Feature, FeatureSet

LAYOUT = Layout("persons", {"events": "date", "stays": "start"})
INDEX = datetime.date(2024, 2, 29)
PERSONS = ["a", "b", "c", "d"]  # events may be of others too
CODES = ["A", "A1", "A12", "B", "B2", "b", "é", "x'y", 'x"y', "%", ""]
FALLS = tuple((code, "a label") for code in ("A1", "B", "b", "é", "x'y", "%"))  # more than are compared row by row
LISTS = (CodeList("falls", "1", "Falls", "local", "made up", "none", FALLS),)
COLUMNS = {
    "events": {"date": pa.date32(), "until": pa.date32(), "code": pa.string(), "value": pa.float64(), "n": pa.int64()},
    "stays": {"start": pa.date32(), "until": pa.date32(), "code": pa.string(), "value": pa.float64(), "n": pa.int64()},
}
MOST_VALUES = st.sampled_from([-3.0, 0.0, 0.5, 1.0, 0.1, 0.2, 0.3, 1.0005, 2.5, 7.0, LARGEST_SUM * 2, -LARGEST_SUM * 2])
VALUES = st.one_of(MOST_VALUES, st.floats(-1e4, 1e4))


def days(near=400):
    offsets = st.one_of(st.sampled_from([-366, -365, -364, -31, -30, -1, 0, 1, 30]), st.integers(-near, 40))
    return offsets.map(lambda n: INDEX + datetime.timedelta(days=n))


@st.composite
def conditions(draw):
    column = draw(st.sampled_from(["code", "value", "n"]))
    if column == "code":
        prefix = draw(st.booleans())
        if draw(st.booleans()):
            return Condition(column, code_list="falls@1", prefix=prefix)
        codes = draw(st.lists(st.sampled_from(CODES[:-1]), min_size=1, max_size=7, unique=True))
        return Condition(column, codes=tuple(codes), prefix=prefix)
    low, high = draw(st.tuples(st.none() | st.integers(-3, 3), st.none() | st.integers(3, 8)))
    return Condition(column, low=float(low or 0) if high is None else low, high=high)


@st.composite
def features(draw, name, before):
    kind = draw(st.sampled_from(sorted(k for k in KINDS if before or "of" not in KINDS[k])))
    takes, given_ = KINDS[kind], {}
    if "data_set" in takes:
        first = draw(st.none() | st.sampled_from([-365, -30, -1, 0]))
        last = draw(st.sampled_from([0, 1] if kind == "days-since" else [-29, 0, 1, 30]))
        given_ |= {
            "data_set": draw(st.sampled_from(["events", "stays"])),
            "where": tuple(draw(st.lists(conditions(), max_size=2))),
            "from_day": None if first is not None and first >= last else first,
            "to_day": last,
        }
    if "column" in takes:
        numbers = st.sampled_from(["value", "n"])
        given_["column"] = (
            "birth" if kind == "age" else draw(st.just("code") | numbers if kind == "distinct" else numbers)
        )
    if "until" in takes:
        given_["until"] = "until"
    if "at_most" in takes:
        given_["at_most"] = draw(st.sampled_from([1, 3, 50, 100_000]))
    if "low" in takes:
        given_ |= {"low": draw(st.sampled_from([-LARGEST_SUM, -1.0, 0.0])), "high": draw(st.sampled_from([1.0, 1e5]))}
    if "of" in takes:
        of = draw(st.lists(st.sampled_from(before), min_size=1, max_size=1 if kind == "band" else 4, unique=True))
        given_["of"] = tuple(of)
    if kind == "band":
        given_["edges"] = tuple(sorted(draw(st.sets(st.sampled_from([0.0, 0.5, 1.0, 5.0, 9.0]), min_size=1))))
    return Feature(name, kind, **given_)


@st.composite
def feature_sets(draw):
    declared = []
    for i in range(draw(st.integers(1, 8))):
        declared.append(draw(features(f"f{i}", [f.name for f in declared])))
    used = {c.code_list for f in declared for c in f.where}
    return FeatureSet(INDEX, tuple(declared), tuple(each for each in LISTS if each.reference in used))


@st.composite
def tables(draw):
    births = draw(st.lists(st.none() | days(50_000), min_size=len(PERSONS), max_size=len(PERSONS)))
    frames = {"persons": pd.DataFrame({"person": PERSONS, "birth": births}, dtype=object)}
    cells = {
        pa.date32(): days(),
        pa.string(): st.sampled_from(CODES),
        pa.float64(): VALUES,
        pa.int64(): st.integers(-3, 9),
    }
    for name, columns in COLUMNS.items():
        row = st.tuples(st.sampled_from([*PERSONS, "z"]), *(st.none() | cells[kind] for kind in columns.values()))
        rows = draw(st.lists(row, max_size=25))
        frames[name] = pd.DataFrame(rows, columns=["person", *columns], dtype=object)
    return frames


def arrow(frames):
    kinds = {"persons": {"birth": pa.date32()}, **COLUMNS}
    found = {}
    for name, frame in frames.items():
        schema = [("person", pa.string()), *kinds[name].items()]
        found[name] = pa.table({c: pa.array(frame[c].tolist(), kind) for c, kind in schema})
        for at, (column, kind) in enumerate(schema):  # as the store keeps them
            if kind == pa.string():
                found[name] = found[name].set_column(at, column, found[name][column].dictionary_encode())
    return found


def shuffled(frames, seed):
    return {name: frame.sample(frac=1, random_state=seed) for name, frame in frames.items()}


def some(frames, persons):
    return {name: frame[frame["person"].isin(persons)] for name, frame in frames.items()}


def by_person(table):
    return {row["person"]: row for row in table.to_pylist()}


@settings(deadline=None, max_examples=100)
@given(feature_sets(), tables())
def test_the_sql_and_the_slow_reference_agree_on_every_case(declared, frames):
    expected = reference.compute(declared, LAYOUT, frames).to_dict("records")
    assert compute(declared, LAYOUT, [arrow(frames)]).to_pylist() == expected
    for f in declared.features:
        values = {row[f.name] for row in expected}
        event(f"{f.kind}: {'several values' if len(values) > 1 else 'one value'}")
        assert all(value is None or f.bounds[0] <= value <= f.bounds[1] for value in values)


@settings(deadline=None, max_examples=20)
@given(feature_sets(), tables(), st.integers(0, 9))
def test_a_persons_row_depends_on_nobody_else_on_no_order_and_on_no_shard(declared, frames, seed):
    whole = by_person(compute(declared, LAYOUT, [arrow(frames)]))
    assert by_person(compute(declared, LAYOUT, [arrow(shuffled(frames, seed))])) == whole
    for person in PERSONS:
        others = [other for other in [*PERSONS, "z"] if other != person]
        without = by_person(compute(declared, LAYOUT, [arrow(some(frames, others))]))
        assert without == {other: whole[other] for other in PERSONS if other != person}
    halves = [arrow(some(frames, half)) for half in (["a", "z"], ["b", "c", "d"])]
    assert by_person(compute(declared, LAYOUT, halves)) == whole


@settings(deadline=None, max_examples=30)
@given(feature_sets())
def test_the_same_tree_is_sql_for_spark(declared):
    query = compile_features(declared, LAYOUT)
    for dialect in ("duckdb", "spark"):
        parsed = sqlglot.parse_one(query.sql(dialect), dialect=dialect)
        assert [each.alias_or_name for each in parsed.selects] == ["person", *(f.name for f in declared.features)]
    assert set(columns_read(declared, LAYOUT)) == {"persons", *declared.data_sets}
