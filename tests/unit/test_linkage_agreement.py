"""An agreement holds together or lists all that is wrong with it, each fault with its line."""

import datetime

import pytest

from privacy.errors import Invalid, Refusal
from privacy.linkage import agreement_of, read_agreement
from tests.linked import AGREEMENT


def read(tmp_path, text=AGREEMENT):
    file = tmp_path / "agreement.toml"
    file.write_text(text)
    return read_agreement(file)


def test_it_reads_back_what_it_says(tmp_path):
    agreement = read(tmp_path)
    assert agreement_of(agreement.document()) == agreement
    assert agreement_of(agreement.document()).hash == agreement.hash
    assert agreement.match_at == 0.99
    assert agreement.people_of("care-packages") == ("ada", "ben")
    assert "shared_id" not in agreement.compared(agreement.target())


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("version = 1", "version = 0", "line 3: agreement.version"),
        ("expires = 2028-03-31", 'expires = "one day"', "line 6: agreement.expires"),
        ("version = 1", "version = 1\nmatch_at = 0.5", "line 4: agreement.match_at"),
        ("version = 1", "version = 1\nreview_from = 0.999", "line 4: agreement.review_from"),
        ("version = 1", "version = 1\nthreshhold = 0.9", "line 4: agreement.threshhold: is not known"),
        ('controller = "A council"', 'controller = "A charity"', "targets[1].controller: is one of the controllers"),
        ('surname = "SURNAME"\n', "", "reference.columns: surname are needed"),
        ('surname = "SURNAME"', 'surname = "FORENAME"', "reference.columns: a heading twice"),
        ('data_sets = ["care-packages"]', "data_sets = []", "targets[1].data_sets"),
        ('name = "A council"', 'name = "A trust"', "controllers: at least one is needed, none twice"),
    ],
)
def test_each_fault_is_listed(tmp_path, before, after, fault):
    with pytest.raises(Invalid) as error:
        read(tmp_path, AGREEMENT.replace(before, after, 1))
    assert error.value.code == "agreement-malformed"
    assert any(fault in each for each in error.value.faults), error.value.faults


def test_its_last_day_is_the_last(tmp_path):
    agreement = read(tmp_path)
    agreement.check_in_force(datetime.date(2028, 3, 31))
    with pytest.raises(Refusal) as error:
        agreement.check_in_force(datetime.date(2028, 4, 1))
    assert error.value.code == "linkage-expired"


def test_a_data_set_that_it_does_not_name_is_none_of_its(tmp_path):
    with pytest.raises(Refusal) as error:
        read(tmp_path).target_of("visits")
    assert error.value.code == "linkage-target-unknown"
