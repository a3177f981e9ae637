"""Rows come out in the order of pseudonyms however many runs they took, and shards hold whole people."""

import random
from collections import Counter

import numpy as np
import pytest

from node import cohort as node_cohort
from node.cohort import cohorts, together
from node.files import Files
from node.ingest import order
from node.ingest.ahead import ahead
from node.ingest.aside import Aside
from node.sources import delimited
from privacy.members import Members
from privacy.variables import Variable
from tests.nodes import HEADER, NodeData, nhs_numbers

NUMBERS = nhs_numbers(300)
PLANTED = "Q87.4-MARFAN"
COLUMNS = ["year", "age", "sex", "ward"]


@pytest.fixture
def node(tmp_path):
    data = NodeData(tmp_path)
    data.allow(NUMBERS[:-10])
    return data


def extract(*, seed=1):
    """Return three years of 300 people, shuffled, with some rows of every fate."""
    rows = [
        f"{n},x,{year},{20 + i % 60},{i % 2},{PLANTED if i == 7 else 'W'}"
        for i, n in enumerate(NUMBERS)
        for year in (1, 2, 3)
    ]
    rows += [f"{NUMBERS[3]},x,2,50,1,W", f"{NUMBERS[4]},x,1,500,1,W", "123,x,1,50,1,W"]
    random.Random(seed).shuffle(rows)
    return "\n".join([HEADER, *rows]) + "\n"


def in_runs(monkeypatch, *, rows=40):
    """Let batches be small, and let every one of them fill a run, and every bad row a file."""
    monkeypatch.setattr(delimited, "BATCH_ROWS", rows)
    monkeypatch.setattr(order.Runs.__init__, "__kwdefaults__", {"run_bytes": 1})
    monkeypatch.setattr(Aside.__init__, "__kwdefaults__", {"most_bytes": 1})


def test_many_runs_give_what_one_gives(node, monkeypatch):
    one = node.load(extract())
    spilt = []
    real = order.Loading.scratch
    in_runs(monkeypatch)
    monkeypatch.setattr(order.Loading, "scratch", lambda *a, **n: spilt.append(1) or real(*a, **n))
    many = node.load(extract())
    assert len(spilt) > 5
    rows = [node.store.read(r.version, COLUMNS).to_pylist() for r in (one, many)]  # whatever the dictionaries
    assert rows[0] == rows[1]
    assert set(one.findings) == set(many.findings)
    kept = [node.store.read_quarantine(r.version).sort_by("line").to_pylist() for r in (one, many)]
    assert kept[0] == kept[1]
    assert len(list(node.store.parts(many.version, "quarantine"))) > 2


def test_scratch_files_are_ciphertext_and_gone_afterwards(node, monkeypatch):
    seen = []
    real = order.Loading.scratch

    def watched(*arguments, **named):
        made = real(*arguments, **named)
        seen.append((made.directory / made.key.file).read_bytes())
        return made

    in_runs(monkeypatch)
    monkeypatch.setattr(order.Loading, "scratch", watched)
    version = node.load(extract()).version
    assert len(seen) > 5
    wards = node.store.read(version, ["ward"])["ward"].to_pylist()
    assert PLANTED in wards  # the control: what is searched for was there
    assert not any(text.encode() in content for content in seen for text in (PLANTED, *NUMBERS))
    assert not list((node.directory / "store").glob("*scratch*"))


def test_the_scratch_of_a_load_that_failed_is_gone_too(node, monkeypatch):
    in_runs(monkeypatch)
    before = node.state()
    monkeypatch.setattr(order.Runs, "shards", lambda _self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        node.load(extract())
    assert node.state() == before


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 64, 1000])
def test_shards_are_whole_people_and_together_everybody(node, shards):
    version = node.load(extract()).version
    tables = list(node.store.people(version, COLUMNS, shards=shards))
    assert len(tables) == shards
    whole = node.store.read(version, COLUMNS)
    assert [row for table in tables for row in table.to_pylist()] == whole.to_pylist()
    people = [set(table["person"].to_pylist()) for table in tables]
    assert sum(map(len, people)) == len(set.union(*people)) == 290


def test_the_same_number_of_shards_holds_the_same_people_of_every_data_set(node):
    one = node.load(extract()).version
    other = node.load("\n".join([HEADER, *(f"{n},x,1,50,1,W" for n in NUMBERS[50:250])]) + "\n").version
    for mine, theirs in zip(node.store.people(one, [], shards=9), node.store.people(other, [], shards=9), strict=True):
        assert set(theirs["person"].to_pylist()) <= set(mine["person"].to_pylist())


def test_a_cohort_is_the_same_in_one_piece_and_in_many(node, monkeypatch):
    version = node.load(extract()).version
    age = Variable("age", "age", "unit", 0, 100, 50, 0, 0)

    def all_of_them():
        return together(cohorts(node.store, version, node.store.optouts(), [age], "everyone"))

    one = all_of_them()
    monkeypatch.setattr(node_cohort, "shards_for", lambda _rows: 13)
    many = all_of_them()
    assert (one.pseudonyms == many.pseudonyms).all()
    assert (one.table.columns["age"] == many.table.columns["age"]).all()
    assert (one.table.person == many.table.person).all()


def test_members_are_found_by_all_their_bits():
    bits = np.random.default_rng(1).integers(0, 256, (1000, 16), np.uint8)
    bits[500:510, :15] = bits[0, :15]  # fifteen bytes of sixteen are no name
    bits[700, 10:] = 0  # nor do zeros at the end count for nothing
    members = Members(bits[:800])
    assert members.have(bits).tolist() == [True] * 800 + [False] * 200
    near = bits[:800].copy()
    near[:, 15] ^= 1
    assert members.have(near).sum() <= 10
    assert not Members(np.zeros((0, 16), np.uint8)).have(bits).any()


def test_what_comes_ahead_comes_in_order_and_its_fault_in_its_turn():
    def items():
        yield from (1, 2)
        raise KeyError

    seen = []
    with pytest.raises(KeyError):
        seen.extend(ahead(items()))  # extend keeps what came before the fault
    assert list(ahead([3, 4])) == [3, 4]
    assert list(ahead([])) == []


@pytest.mark.parametrize("at_most", [1, 2, 3])
@pytest.mark.parametrize("group", [2, 5, 10_000])
@pytest.mark.parametrize("shards", [1, 3])
def test_nobody_has_more_rows_than_are_asked_for_wherever_the_file_is_cut(node, monkeypatch, at_most, group, shards):
    monkeypatch.setitem(Files.seal.__kwdefaults__, "rows_in_a_group", group)
    version = node.load(extract()).version
    whole = node.store.read(version, COLUMNS).to_pylist()
    seen: Counter[str] = Counter()
    kept = [row for row in whole if (seen.update([row["person"]]), seen[row["person"]] <= at_most)[1]]
    few = node.store.people(version, COLUMNS, shards=shards, at_most=at_most)
    assert [row for table in few for row in table.to_pylist()] == kept
    assert (len(kept) < len(whole)) == (at_most < 3)  # three years each
