"""Only people on a fresh list may be used, and the list knows nobody else."""

import datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.optouts import current_optouts, load_optouts
from privacy.errors import Invalid, Refusal, Tampered
from privacy.optouts import OptOuts
from tests.nodes import HEADER, NOW, NodeData, nhs_numbers

TODAY = NOW.date()
A, B, C = (f"k1.{digit * 32}" for digit in "abc")
ODD = [bytes(16), b"\1" + bytes(15), bytes(15) + b"\1"]  # what ends in zeros looks shorter to numpy
BYTES = st.lists(st.binary(min_size=16, max_size=16) | st.sampled_from(ODD))


@pytest.fixture
def node(tmp_path):
    return NodeData(tmp_path)


def load(node, text, as_of=TODAY, *, test_numbers=True):
    file = node.home / "list.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_optouts(
        file=file, as_of=as_of, store=node.store, keystore=node.keystore, now=NOW, allow_test_numbers=test_numbers
    )


def test_only_the_allowed_are_kept():
    optouts = OptOuts.of(np.array([B, A, A]), TODAY)
    assert optouts.allowed.tolist() == [A, B]
    assert optouts.keep(np.array([C, B])).tolist() == [False, True]
    assert OptOuts.of(np.array([], dtype=str), TODAY).keep(np.array([C])).tolist() == [False]


@given(BYTES, BYTES)
def test_who_is_kept_is_who_is_on_the_list(allowed, asked):
    listed, persons = ([f"k1.{bits.hex()}" for bits in some] for some in (allowed, [*asked, *allowed[:2]]))
    kept = OptOuts.of(np.array(listed, dtype=str), TODAY).keep(np.array([*persons, ""], dtype=str))
    assert kept.tolist() == [*(person in listed for person in persons), False]


def test_a_list_of_another_key_keeps_nobody_and_says_so():
    with pytest.raises(Refusal) as caught:
        OptOuts.of(np.array([A]), TODAY).keep(np.array([A.replace("k1", "r2")]))
    assert caught.value.code == "pseudonyms-rotated"


def test_the_version_is_of_the_people_and_the_day_in_any_order():
    one = OptOuts.of(np.array([B, A]), TODAY)
    assert one.version == OptOuts.of(np.array([A, B]), TODAY).version
    assert one.version != OptOuts.of(np.array([A]), TODAY).version
    assert one.version != OptOuts.of(np.array([A, B]), TODAY - datetime.timedelta(1)).version


@pytest.mark.parametrize(("days", "fresh"), [(0, True), (30, True), (31, False), (-1, False)])
def test_a_stale_or_future_list_is_refused(days, fresh):
    optouts = OptOuts.of(np.array([A]), TODAY - datetime.timedelta(days))
    if fresh:
        optouts.check_fresh(NOW, 30)
        return
    with pytest.raises(Refusal) as caught:
        optouts.check_fresh(NOW, 30)
    assert (caught.value.code, caught.value.kind) == ("optouts-stale", "not-yet")


def test_without_a_list_nobody_may_be_used(node):
    with pytest.raises(Refusal) as caught:
        current_optouts(node.store, now=NOW, at_most_days=30)
    assert (caught.value.code, caught.value.kind) == ("optouts-absent", "not-yet")


def test_a_list_that_grew_old_is_refused(node):
    load(node, "\n".join(nhs_numbers(3)), TODAY)
    assert len(current_optouts(node.store, now=NOW, at_most_days=0).allowed) == 3
    with pytest.raises(Refusal) as caught:
        current_optouts(node.store, now=NOW + datetime.timedelta(31), at_most_days=30)
    assert caught.value.code == "optouts-stale"


@pytest.mark.parametrize("form", ["{0}\n{1}", "{0}\r\n{1}\r\n\r\n", "nhs_number\n{0}\n{1}\n"])
def test_a_list_is_numbers_or_csv(node, form):
    numbers = nhs_numbers(2)
    optouts = load(node, form.format(*numbers))
    again = current_optouts(node.store, now=NOW, at_most_days=30)
    assert again.version == optouts.version
    assert again.allowed.tolist() == optouts.allowed.tolist()
    assert len(again.allowed) == 2


def test_the_audit_leaf_has_no_count(node):
    optouts = load(node, "\n".join(nhs_numbers(3)))
    (leaf,) = node.audit.events()
    assert leaf["event"] == "optouts-loaded"
    assert leaf["facts"] == {"version": optouts.version, "as_of": TODAY.isoformat()}


def test_only_the_newest_list_is_kept_and_it_is_sealed(node):
    load(node, "\n".join(nhs_numbers(3)), TODAY - datetime.timedelta(1))
    optouts = load(node, "\n".join(nhs_numbers(5)))
    (file,) = (node.directory / "store").glob("*.parquet")
    with pytest.raises(OSError, match="encrypted"):
        pq.read_table(file)
    assert optouts.allowed[0].encode() not in file.read_bytes()


def test_a_newer_list_loaded_meanwhile_is_read_instead(node, monkeypatch):
    load(node, "\n".join(nhs_numbers(3)))
    one = node.database.one

    def one_then_a_newer_list(query, values=()):
        row = one(query, values)
        monkeypatch.undo()
        load(node, "\n".join(nhs_numbers(5)))
        return row

    monkeypatch.setattr(node.database, "one", one_then_a_newer_list)
    assert len(current_optouts(node.store, now=NOW, at_most_days=30).allowed) == 5


def test_a_changed_list_is_found(node):
    load(node, "\n".join(nhs_numbers(3)))
    (file,) = (node.directory / "store").glob("*.parquet")
    file.write_bytes(b"PARE" + file.read_bytes()[5:])
    with pytest.raises(Tampered) as caught:
        current_optouts(node.store, now=NOW, at_most_days=30)
    assert caught.value.code == "store-tampered"


BAD = {
    "wrong digit": ("9990000018\n9990000019\n", TODAY, "optouts-malformed"),
    "not a number": ("hello\n", TODAY, "optouts-malformed"),
    "empty": ("", TODAY, "file-empty"),
    "header only": ("nhs_number\n", TODAY, "file-empty"),
    "not text": (b"\xff\xfe", TODAY, "optouts-malformed"),
    "two columns, no header": ("9990000018,1\n9990000018,2\n", TODAY, "optouts-malformed"),
    "an extract taken for the list": ("nhs_number,age\n9990000018,40\n", TODAY, "optouts-malformed"),
    "from the future": ("9990000018\n", TODAY + datetime.timedelta(1), "optouts-stale"),
    "older than the one loaded": (nhs_numbers(1)[0], TODAY - datetime.timedelta(9), "optouts-stale"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_list_changes_nothing(node, name):
    text, as_of, code = BAD[name]
    load(node, "\n".join(nhs_numbers(3)), TODAY)
    before = node.state()
    with pytest.raises((Invalid, Refusal)) as caught:
        load(node, text, as_of)
    assert caught.value.code == code
    assert node.state() == before


def test_faults_name_the_line_and_never_the_number(node):
    good = nhs_numbers(2)
    wrong = good[1][:-1] + str((int(good[1][-1]) + 1) % 10)
    with pytest.raises(Invalid) as caught:
        load(node, f"nhs_number\n{good[0]}\n{wrong}\n")
    assert caught.value.faults == ("line 3: nhs-number-checksum",)
    assert wrong not in caught.value.explain()


def test_test_numbers_are_refused_unless_asked_for(node):
    with pytest.raises(Invalid) as caught:
        load(node, nhs_numbers(1)[0], test_numbers=False)
    assert caught.value.faults == ("line 1: nhs-number-not-issued",)


def test_who_opted_out_is_gone_from_the_next_load(node):
    numbers = nhs_numbers(3)
    text = "\n".join([HEADER, *(f"{n},x,1,50,1,A" for n in numbers)])
    node.allow(numbers, TODAY - datetime.timedelta(1))
    assert node.load(text).people_kept == 3
    node.allow(numbers[:2])
    report = node.load(text)
    assert (report.people_kept, report.people_left_out) == (2, 1)
    first, second = node.store.versions("visits")
    assert first.optouts_version != second.optouts_version
    # at a request: the list of today against what was loaded earlier
    people = node.store.read(first, [])["person"].to_numpy()
    allowed = current_optouts(node.store, now=NOW, at_most_days=30)
    assert sorted(people[allowed.keep(people.astype(str))]) == node.store.read(second, [])["person"].to_pylist()


def with_type_1(node, national, type_1, *, needed=False):
    first, second = node.home / "national.csv", node.home / "type-1.csv"
    first.write_text("\n".join(national))
    second.write_text("\n".join(type_1 or []))
    return load_optouts(
        file=first,
        type_1=second if type_1 else None,
        type_1_needed=needed,
        as_of=TODAY,
        store=node.store,
        keystore=node.keystore,
        now=NOW,
        allow_test_numbers=True,
    )


def test_with_two_lists_only_who_is_on_both_may_be_used(node):
    one, both, other = nhs_numbers(3)
    listed = with_type_1(node, [one, both], [both, other])
    alone = load(node, both)
    assert listed.allowed.tolist() == alone.allowed.tolist()
    assert listed.version == alone.version


def test_a_load_without_the_list_that_the_policy_needs_changes_nothing(node):
    numbers = nhs_numbers(3)
    with_type_1(node, numbers, numbers[:1], needed=True)
    before = node.state()
    with pytest.raises(Refusal) as caught:
        with_type_1(node, numbers, None, needed=True)
    assert caught.value.code == "optouts-type-one-absent"
    assert node.state() == before


def test_a_wrong_number_names_its_list(node):
    with pytest.raises(Invalid, match=r"type-1\.csv"):
        with_type_1(node, nhs_numbers(2), ["1234567890"])
