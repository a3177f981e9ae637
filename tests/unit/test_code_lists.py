"""Code systems know shapes and check digits; code lists are files with a source, a version and a hash."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.code_lists import HEAD, SHIPPED, code_lists, read_code_list
from privacy.code_systems import CODE_SYSTEMS, has_verhoeff_digit, well_formed
from privacy.errors import Invalid

LIST = "# title: Wards\n# system: local\n# source: the trust\n# licence: none\ncode,label\nW1,Ward one\nW2,Ward two\n"
# published examples of each system, and what is not one
SHAPES = {
    "icd-10": (["I10", "I10X", "E11.9", "E119", "M0690A", "A170D", "I10X-", "S72.00"], ["E11 9AA", "i10", "I1", "10"]),
    "opcs-4": (["W37.1", "W371", "X998", "Z94"], ["I371", "W37.12", "W3"]),
    "snomed-ct": (
        ["22298006", "73211009", "38341003", "999000011000000103"],
        ["22298007", "022298006", "22298006x", ""],
    ),
    "dm+d": (["322236009", "22298006"], ["322236008", "12"]),
    "ctv3": (["XE0Uc", "G30..", "14L.."], ["G30", ".....", "G3.0.", "XE0Uc00"]),
    "read-2": (["G30..", "C10F.", "G30..00"], ["G30", "G30..0", "G30..AB"]),
    "loinc": (["8480-6", "4548-4", "2345-7", "718-7", "2160-0"], ["8480-5", "84806", "-6"]),
    "ods": (["R0A", "RTH08", "A81001", "Y00001"], ["r0a", "R0", "A81001 X"]),
    "omop-concept": (["0", "8507", "2000000001"], ["-1", "08507", "8507.0"]),
    "gss": (["E01000001", "W01001234", "E06000047"], ["E0100001", "e01000001", "X01000001"]),
    "local": (["W1", "two words"], ["", " W1", "W1 ", "a\tb\n", "x" * 101]),
}


def folder_with(tmp_path, text, name="wards@1"):
    (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return (tmp_path,)


def faults_of(tmp_path, text):
    with pytest.raises(Invalid, match="code-list-malformed") as caught:
        read_code_list("wards@1", folder_with(tmp_path, text))
    return caught.value.faults


@pytest.mark.parametrize("system", CODE_SYSTEMS)
def test_each_system_knows_its_codes(system):
    right, wrong = SHAPES[system]
    assert well_formed(system, right).tolist() == [True] * len(right)
    assert well_formed(system, wrong).tolist() == [False] * len(wrong)
    assert well_formed(system, []).tolist() == []
    assert CODE_SYSTEMS[system].source


@given(st.integers(0, 10**16), st.data())
def test_verhoeff_finds_each_wrong_digit_and_each_swap_of_neighbours(number, data):
    """What the check digit promises: all single errors and all transpositions of neighbours are seen."""
    candidates = [f"{number}{digit}" for digit in range(10)]
    right = np.flatnonzero(has_verhoeff_digit(candidates))
    assert len(right) == 1
    text = candidates[right[0]]
    place = data.draw(st.integers(0, len(text) - 1))
    changed = [text[:place] + str(digit) + text[place + 1 :] for digit in range(10) if str(digit) != text[place]]
    assert not has_verhoeff_digit(changed).any()
    swapped = text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
    assert has_verhoeff_digit([swapped])[0] == (swapped == text)


def test_every_list_that_ships_holds_and_says_where_it_is_from():
    shipped = code_lists()
    assert {each.reference for each in shipped} == {file.stem for file in SHIPPED.glob("*.csv")}
    assert {"ethnic-category@2001", "admission-method@1", "imd-decile@1"} <= {each.reference for each in shipped}
    for each in shipped:
        assert all(getattr(each, field) for field in HEAD), each.reference
        assert all(label for _, label in each.codes), each.reference
        assert not any(name in each.system for name in ("icd", "snomed", "dm+d", "opcs"))  # licensed: never shipped


def test_emergency_admissions_are_the_twenties():
    """HES: an emergency admission is one of 21 to 25, 28 and 2A to 2D."""
    labels = dict(read_code_list("admission-method@1").codes)
    emergencies = {code for code, label in labels.items() if label.startswith("Emergency")}
    assert emergencies == {"21", "22", "23", "24", "25", "28", "2A", "2B", "2C", "2D"}


def test_a_list_of_ones_own_is_read_from_a_directory(tmp_path):
    wards = read_code_list("wards@1", folder_with(tmp_path, LIST))
    assert (wards.title, wards.only_codes, wards.reference) == ("Wards", ("W1", "W2"), "wards@1")
    assert wards.reference in {each.reference for each in code_lists((tmp_path,))}


@pytest.mark.parametrize(
    ("old", "new"), [("Ward two", "Ward 2"), ("W2", "W3"), ("the trust", "another"), ("Wards", "W")]
)
def test_whatever_is_changed_changes_the_hash(tmp_path, old, new):
    before = read_code_list("wards@1", folder_with(tmp_path, LIST)).sha256
    assert read_code_list("wards@1", folder_with(tmp_path, LIST.replace("\n", "\r\n"))).sha256 == before
    assert read_code_list("wards@1", folder_with(tmp_path, LIST.replace(old, new))).sha256 != before


def test_a_cell_without_end_is_a_fault(tmp_path):
    assert "is no CSV from here on" in str(faults_of(tmp_path, LIST + "x" * 200_000 + ",y\n"))


def test_all_faults_are_listed_with_their_lines(tmp_path):
    text = LIST.replace("# source: the trust\n", "").replace("W2,Ward two", "W2,Ward,two").replace("# title", "# titel")
    faults = faults_of(tmp_path, text)
    assert any(fault.startswith("line 1: is one of") for fault in faults)
    assert "line 1: # source: is missing" in faults
    assert "line 6: has 3 cells, not 2" in faults
    assert faults_of(tmp_path, LIST.replace("W2,", "W1,")) == ("W1: is there twice",)
    assert "no code of snomed-ct" in faults_of(tmp_path, LIST.replace("system: local", "system: snomed-ct"))[0]
    assert faults_of(tmp_path, LIST.replace("system: local", "system: klingon"))[0].startswith("system: is one of")
    assert faults_of(tmp_path, "") != ()
    (tmp_path / "wards@1.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="code-list-malformed"):
        read_code_list("wards@1", (tmp_path,))


@pytest.mark.parametrize("reference", ["wards@1", "wards", "../wards@1", "ethnic-category@2001/../x", "", "@", "a@b@c"])
def test_an_unknown_list_is_refused(tmp_path, reference):
    with pytest.raises(Invalid, match="code-list-unknown"):
        read_code_list(reference, (tmp_path,))


def test_a_name_means_one_thing(tmp_path):
    folder_with(tmp_path, LIST, "imd-decile@1")
    with pytest.raises(Invalid, match="code-list-malformed") as caught:
        read_code_list("imd-decile@1", (tmp_path,))
    assert caught.value.faults == ("another list has this name and version: raise yours",)
    (tmp_path / "imd-decile@1.csv").write_bytes((SHIPPED / "imd-decile@1.csv").read_bytes())
    assert read_code_list("imd-decile@1", (tmp_path,)).only_codes[0] == "1"
