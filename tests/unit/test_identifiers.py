"""NHS numbers are told from everything else, however they are typed."""

import numpy as np
import pytest

from privacy import identifiers
from privacy.identifiers import Verdict, check_nhs_number_bytes, check_nhs_numbers
from tests.nodes import nhs_numbers


def verdict(text, *, allow_test_numbers=True):
    return Verdict(int(check_nhs_numbers([text], allow_test_numbers=allow_test_numbers).verdicts[0]))


@pytest.mark.parametrize(
    "text",
    ["9434765919", "943 476 5919", "943-476-5919", "943.476.5919", "943\u00a0476\u00a05919", " 94347 65919 "],
)
def test_one_number_typed_in_many_ways_has_one_canonical_form(text):
    checked = check_nhs_numbers([text], allow_test_numbers=True)
    assert checked.numbers.tolist() == [b"9434765919"]
    assert checked.ok.tolist() == [True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Verdict.MALFORMED),
        ("943476591", Verdict.MALFORMED),
        ("94347659190", Verdict.MALFORMED),
        ("943476591X", Verdict.MALFORMED),
        ("NHS9434765919", Verdict.MALFORMED),
        ("9434765919\x00", Verdict.MALFORMED),
        ("943\x004765919", Verdict.MALFORMED),
        ("٩٤٣٤٧٦٥٩١٩", Verdict.MALFORMED),
        ("9434765919" + " " * 40, Verdict.MALFORMED),
        ("9434765919" + " " * 30 + "1", Verdict.MALFORMED),
        ("9434765918", Verdict.CHECKSUM),
        ("9434756919", Verdict.CHECKSUM),
        ("0000000000", Verdict.NOT_ISSUED),
        ("4444444444", Verdict.NOT_ISSUED),
        ("9999999999", Verdict.NOT_ISSUED),
        ("4010232137", Verdict.OK),
    ],
)
def test_what_is_wrong_is_told(text, expected):
    assert verdict(text) == expected


@pytest.mark.parametrize(("leading", "issued"), [("4", True), ("5", False), ("6", True), ("7", True), ("8", False)])
def test_only_issued_ranges_pass(leading, issued):
    (number,) = nhs_numbers(1, leading=leading, first=17)
    assert verdict(number) == (Verdict.OK if issued else Verdict.NOT_ISSUED)


def test_test_numbers_pass_only_when_asked_for():
    for leading in ("9", "999"):
        (number,) = nhs_numbers(1, leading=leading, first=17)
        assert verdict(number) == Verdict.OK
        assert verdict(number, allow_test_numbers=False) == Verdict.NOT_ISSUED


def test_wrong_ones_have_no_canonical_form():
    checked = check_nhs_numbers(["9434765918", "x", "5990000178"], allow_test_numbers=True)
    assert checked.numbers.tolist() == [b"", b"", b""]


def test_chunks_give_the_same_as_one_piece(monkeypatch):
    texts = [*nhs_numbers(50), "x", *nhs_numbers(7, leading="4")]
    whole = check_nhs_numbers(texts, allow_test_numbers=True)
    monkeypatch.setattr(identifiers, "ROWS_AT_A_TIME", 13)
    parts = check_nhs_numbers(texts, allow_test_numbers=True)
    assert np.array_equal(whole.verdicts, parts.verdicts)
    assert np.array_equal(whole.numbers, parts.numbers)


def test_a_column_of_bytes_gives_the_same_wherever_it_begins():
    texts = ["x", *nhs_numbers(30), "943\u00a0476\u00a05919", "", *nhs_numbers(3, leading="4"), "999 000 0018", "é"]
    content = np.frombuffer("".join(texts).encode(), np.uint8)
    offsets = np.cumsum([0, *(len(text.encode()) for text in texts)])
    for first in (0, 1, 5):
        whole = check_nhs_numbers(texts[first:], allow_test_numbers=True)
        for kind in (np.int32, np.int64):
            read = check_nhs_number_bytes(content, offsets[first:].astype(kind), allow_test_numbers=True)
            assert np.array_equal(read.verdicts, whole.verdicts)
            assert np.array_equal(read.values, whole.values)


def test_no_texts_give_no_verdicts():
    assert len(check_nhs_numbers([], allow_test_numbers=True).verdicts) == 0


def test_every_verdict_has_its_code():
    assert [v.code for v in Verdict if v] == [
        "nhs-number-malformed",
        "nhs-number-checksum",
        "nhs-number-not-issued",
        "person-unlinked",
    ]
