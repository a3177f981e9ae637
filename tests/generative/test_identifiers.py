"""Our NHS number check agrees with the library's on every text that both call well formed, and is never looser."""

import nhs_number
from hypothesis import given
from hypothesis import strategies as st

from privacy.identifiers import Verdict, check_nhs_numbers

DIGITS = st.text(alphabet="0123456789", min_size=10, max_size=10)
ISSUED = (nhs_number.REGION_ENGLAND_WALES_IOM, nhs_number.REGION_SYNTHETIC)


def with_a_right_check_digit(stem: str) -> str:
    digit = nhs_number.calculate_checksum(stem)
    return f"{stem}{digit if digit is not None and digit < 10 else 0}"


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789 -.\u00a0X", max_size=16),
    DIGITS,
    st.builds(with_a_right_check_digit, st.text(alphabet="0123456789", min_size=9, max_size=9)),
    st.builds(lambda s: with_a_right_check_digit("999" + s), st.text(alphabet="0123456789", min_size=6, max_size=6)),
)


def library_says(number: str) -> bool:
    """Return the library's word, with the one rule that it lacks: a repeated digit is nobody's number."""
    return any(nhs_number.is_valid(number, region) for region in ISSUED) and len(set(number)) > 1


@given(st.lists(TEXTS, max_size=20))
def test_verdicts_agree_with_the_library(texts):
    checked = check_nhs_numbers(texts, allow_test_numbers=True)
    for text, verdict, number in zip(texts, checked.verdicts, checked.numbers, strict=True):
        bare = text
        for separator in " -.\u00a0":
            bare = bare.replace(separator, "")
        formed = len(bare) == 10 and bare.isascii() and bare.isdigit() and len(text) <= 32
        assert (verdict == Verdict.MALFORMED) == (not formed)
        assert (verdict == Verdict.OK) == (formed and library_says(bare))
        assert (verdict == Verdict.CHECKSUM) == (formed and nhs_number.calculate_checksum(bare[:9]) != int(bare[9]))
        assert number == (bare.encode() if verdict == Verdict.OK else b"")


@given(DIGITS)
def test_whatever_the_library_accepts_as_typed_we_accept(digits):
    for text in (digits, f"{digits[:3]} {digits[3:6]} {digits[6:]}", f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"):
        (verdict,) = check_nhs_numbers([text], allow_test_numbers=True).verdicts
        assert (verdict == Verdict.OK) == library_says(digits)


@given(DIGITS, st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_always_found(digits, place, digit):
    number = with_a_right_check_digit("4" + digits[1:9])
    changed = number[:place] + str(digit) + number[place + 1 :]
    before, after = check_nhs_numbers([number, changed], allow_test_numbers=True).verdicts
    if before == Verdict.OK and changed != number:
        assert after == Verdict.CHECKSUM
