"""An NHS number becomes the same person however the texts come, and the key decides which."""

import hmac

import numpy as np
import pyarrow as pa
import pytest

from node.persons import names_of_people, names_of_texts, persons_of, recognise, tag_in_force
from privacy.errors import Refusal
from privacy.identifiers import Verdict
from privacy.pseudonyms import Tag
from tests.nodes import NodeData, nhs_numbers

TEXTS = [*nhs_numbers(20), "x", "", "999 000 0018", nhs_numbers(1)[0]]


@pytest.fixture
def keystore(tmp_path):
    found = NodeData(tmp_path).keystore
    found.change(put_in={"reversible@1": bytes(range(32))})
    return found


@pytest.mark.parametrize("tag", [Tag("k", 1), Tag("r", 1)])
def test_texts_and_arrow_columns_give_the_same_persons(keystore, tag):
    said = recognise(TEXTS, keystore, allow_test_numbers=True, tag=tag)
    assert said.pseudonyms[0] == said.pseudonyms[-1] != ""
    assert all(p.startswith(f"{tag}.") for p in said.pseudonyms[said.verdicts == Verdict.OK])
    assert set(said.pseudonyms[said.verdicts != Verdict.OK]) == {""}
    assert said.texts.to_pylist() == [p or None for p in said.pseudonyms.tolist()]
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        column = pa.array(["before", *TEXTS, "after"], kind)[1:-1]
        read = recognise(column, keystore, allow_test_numbers=True, tag=tag)
        assert read.pseudonyms.tolist() == said.pseudonyms.tolist()
        assert np.array_equal(read.held_back, said.held_back)
        assert np.array_equal(read.verdicts, said.verdicts)


def test_a_missing_cell_is_nobody(keystore):
    read = recognise(pa.array([None, *nhs_numbers(2), None]), keystore, allow_test_numbers=True)
    assert read.verdicts.tolist() == [Verdict.MALFORMED, Verdict.OK, Verdict.OK, Verdict.MALFORMED]
    assert read.texts.null_count == 2
    assert recognise(pa.array([], pa.string()), keystore, allow_test_numbers=True).texts.to_pylist() == []


def test_numbers_that_were_judged_give_the_same_persons(keystore):
    numbers = np.array([int(n) for n in nhs_numbers(20)])
    said = recognise(nhs_numbers(20), keystore, allow_test_numbers=True)
    assert persons_of(numbers, keystore).pseudonyms.tolist() == said.pseudonyms.tolist()
    assert np.array_equal(persons_of(numbers, keystore).held_back, said.held_back)


def test_who_is_held_back_does_not_depend_on_mode_or_epoch(keystore):
    keystore.change(put_in={"pseudonym@2": bytes(32), "reversible@2": bytes(range(1, 33))})
    tags = [Tag("k", 1), Tag("r", 1), Tag("k", 2), Tag("r", 2)]
    said = [recognise(nhs_numbers(200), keystore, allow_test_numbers=True, tag=tag) for tag in tags]
    assert all(np.array_equal(said[0].held_back, other.held_back) for other in said)
    assert len({p for s in said for p in s.pseudonyms.tolist()}) == 4 * 200


def test_an_epoch_whose_key_is_gone_names_nobody(keystore):
    with pytest.raises(Refusal) as told:
        recognise(nhs_numbers(1), keystore, allow_test_numbers=True, tag=Tag("k", 2))
    assert told.value.code == "key-unknown"


def test_texts_of_a_column_are_keyed_and_never_by_the_peoples_key(keystore):
    column = names_of_texts(keystore, "practice", Tag("r", 1))
    assert column.of([b"A81001"]).tolist() == [f"k1.{hmac.digest(column.key, b'A81001', 'sha256')[:16].hex()}"]
    number = [nhs_numbers(1)[0].encode()]
    named_alike = names_of_texts(keystore, "nhs_number", Tag("k", 1))
    assert names_of_people(keystore, Tag("k", 1)).of(number).tolist() != named_alike.of(number).tolist()
    assert column.key != names_of_texts(keystore, "hospital", Tag("r", 1)).key


def test_the_newest_key_is_in_force_whatever_its_mode(keystore):
    assert tag_in_force(keystore).epoch == 1
    keystore.change(put_in={"reversible@2": bytes(32)})
    assert tag_in_force(keystore) == Tag("r", 2)
    keystore.change(put_in={"pseudonym@10": bytes(32)})
    assert recognise(nhs_numbers(1), keystore, allow_test_numbers=True).tag == Tag("k", 10)
    keystore.change(take_out=[k for k in keystore.key_ids if k.startswith(("pseudonym@", "reversible@"))])
    with pytest.raises(Refusal) as told:
        recognise(nhs_numbers(1), keystore, allow_test_numbers=True)
    assert told.value.code == "key-unknown"
