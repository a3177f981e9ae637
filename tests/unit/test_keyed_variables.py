"""Keys by which people are counted: codes and bands that the study writes down, as places between 0 and 1."""

import tomllib

import numpy as np
import pytest

from models.variables import Table, batch
from node.intake import check_variables
from privacy.contract_file import contract_of
from privacy.errors import Invalid
from privacy.explain import spelt
from privacy.study import from_document
from privacy.variables import MISSING, OTHER
from tests.builders import DOCUMENT, document, small_study
from tests.nodes import CONTRACT

SEX = {"name": "sex", "column": "sex", "transform": "code", "codes": ["F", "M"]}
BANDS = {"name": "band", "column": "age", "transform": "band", "low": 0, "high": 100, "edges": [18, 65]}


def keyed(*more, **changes):
    return small_study(variables=[*DOCUMENT["variables"], *more], **changes)


def test_keys_are_what_the_study_says_and_one_for_the_rest():
    study = keyed(SEX, BANDS)
    assert study.variable("sex").keys == ("F", "M", OTHER)
    assert study.variable("band").keys == ("under 18", "18 to under 65", "65 or over", MISSING)
    assert study.variable("age").keys == ()


def test_every_row_has_the_place_of_its_key():
    study = keyed(SEX, BANDS)
    columns = {"age": [-5, 17.9, 18, 64, 65, 900, np.nan], "code.sex": [0, 1, np.nan, 0, 1, 0, 1]}
    rows = Table(np.arange(7), np.zeros(7, int), {n: np.array(v, float) for n, v in columns.items()})
    found = batch(rows, [study.variable("sex"), study.variable("band")])
    assert np.rint(found.variable("band") * 3).tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert np.rint(found.variable("sex") * 2).tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert all(v.min() >= 0 and v.max() <= 1 for v in found.variables.values())


def test_bands_of_equal_width_are_written_out_in_what_is_signed():
    study = keyed({**_without(BANDS, "edges"), "bands": 4})
    assert study.variable("band").edges == (25, 50, 75)
    assert from_document(study.document()) == study
    assert study.hash == keyed({**BANDS, "edges": [25, 50, 75]}).hash


def _without(table, name):
    return {n: v for n, v in table.items() if n != name}


def test_a_study_without_keys_has_the_document_that_it_always_had():
    told = small_study().document()["variables"][0]
    assert sorted(told) == [
        "column", "high", "if_missing", "low", "name", "periods_ahead", "threshold", "transform",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {**SEX, "codes": []},
        {**SEX, "codes": ["F", "F"]},
        {**SEX, "codes": [""]},
        {**SEX, "codes": ["F", "M\nApproved"]},
        {**SEX, "codes": [OTHER]},
        {**SEX, "low": 0},
        {**BANDS, "edges": []},
        {**BANDS, "edges": [65, 18]},
        {**BANDS, "edges": [0, 18]},
        {**BANDS, "edges": [18, 100]},
        {**BANDS, "bands": 3},
        {**_without(BANDS, "edges"), "bands": 1},
        {**BANDS, "if_missing": 3},
    ],
)
def test_keys_that_do_not_hold_are_refused(wrong):
    with pytest.raises(Invalid) as caught:
        keyed(wrong)
    assert caught.value.code == "study-malformed"


@pytest.mark.parametrize("name", ["features", "outcome"])
def test_a_key_is_no_number_to_learn_from(name):
    changed = document(variables=[*DOCUMENT["variables"], SEX])
    changed["steps"][0]["parameters"][name] = ["age", "sex"] if name == "features" else "sex"
    with pytest.raises(Invalid) as caught:
        from_document(changed)
    assert any("sex says a key" in fault for fault in caught.value.faults)


def test_codes_are_those_of_the_contract():
    contract = contract_of(tomllib.loads(CONTRACT))
    sexes = {**SEX, "codes": ["0", "1"]}
    check_variables(small_study(variables=[sexes, BANDS]), contract)
    with pytest.raises(Invalid) as caught:
        check_variables(small_study(variables=[{**sexes, "codes": ["0", "9"]}]), contract)
    assert (caught.value.code, caught.value.detail) == ("variable-bounds", "sex: column sex has no code 9")
    for column in ("age", "year", "elsewhere"):
        with pytest.raises(Invalid) as caught:
            check_variables(small_study(variables=[{**sexes, "column": column}]), contract)
        assert caught.value.code == "variable-unknown"
    with pytest.raises(Invalid) as caught:
        check_variables(small_study(variables=[{**BANDS, "high": 400}]), contract)
    assert caught.value.code == "variable-bounds"


def test_an_approver_reads_every_key():
    study = keyed(SEX, BANDS)
    assert spelt(study.variable("sex")).endswith("which of the listed codes it is: F; M; other or missing")
    assert "under 18; 18 to under 65; 65 or over; missing" in spelt(study.variable("band"))
