"""A model is trained on enough records that differ, in bounded memory, or not at all; and it says nothing of them."""

import logging

import pyarrow as pa
import pytest

from node.linkage import matching
from privacy.errors import Invalid, Unreachable

COMPARED = ("given_name", "surname", "date_of_birth", "sex")


def records(count=300, **changes):
    columns = {
        "given_name": [f"GIVEN{'ABCDEFGHIJ'[i % 10]}" for i in range(count)],
        "surname": [f"FAMILY{'ABCDEFGHIJKLM'[i % 13]}" for i in range(count)],
        "date_of_birth": [f"{1950 + i % 50}-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(count)],
        "sex": ["M"] * count,
        **changes,
    }
    columns |= {"root": columns["given_name"], "transposed": [None] * count}
    return pa.table({name: pa.array(texts, pa.string()) for name, texts in columns.items()})


@pytest.mark.parametrize(
    "both",
    [
        records(10),
        records(date_of_birth=[None] * 300),
        records(given_name=["X"] * 300, surname=["Y"] * 300, date_of_birth=["1950-01-02"] * 300),
    ],
    ids=["few", "no dates", "all the same"],
)
def test_records_that_tell_nobody_apart_train_nothing(both):
    with pytest.raises(Invalid) as error:
        matching.train(both, both, COMPARED)
    assert error.value.code == "linkage-untrainable"
    assert error.value.__cause__ is None


def test_a_column_that_is_empty_is_no_fault_and_nothing_is_said(capfd, caplog):
    both = records(sex=[None] * 300)
    with caplog.at_level(logging.DEBUG):
        model = matching.train(both, both, COMPARED)
        pairs = matching.score(model, both, both, least=0.9)
    assert len(pairs) >= 300
    assert set(pairs["sex"].to_pylist()) == {-1}
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("splink")] == []


def test_what_does_not_fit_in_memory_is_refused_and_not_written(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    both = records(20_000)
    monkeypatch.setattr(matching, "MEMORY", "20MB")
    with pytest.raises(Unreachable) as error:
        matching.train(both, both, COMPARED)
    assert error.value.code == "linkage-too-large"
    assert list(tmp_path.iterdir()) == []
