"""A day, a number or a postcode is read alike wherever it is read: in a draft, at a load, in a linkage."""

import datetime

import pyarrow as pa
import pytest

from node.contracts.shapes import formats_of
from node.ingest.cells import Fault, Judge
from node.linkage import standard
from privacy.columns import Column
from privacy.written import day_of

BEHIND = ("", " 00:00", " 9:15 AM", " 09:15:30", "T09:15:30.123+01:00", "T09:15:30,5Z", " 11:59:59 pm")


@pytest.mark.parametrize("behind", BEHIND)
def test_what_a_draft_takes_for_days_a_load_and_a_linkage_read_as_days(behind):
    texts = [f"{day:02d}/11/1961{behind}" for day in range(1, 29)]
    ((pattern, share),) = formats_of(texts)
    assert (pattern, share) == ("%d/%m/%Y", 1)
    days = [datetime.date(1961, 11, day) for day in range(1, 29)]
    column = Column("seen", "measure", "date", low=-10_000, high=0, formats=(pattern,))
    judged = Judge(("",), datetime.date(2026, 1, 1), lambda _, texts: texts).judge(column, pa.array(texts))
    assert not judged.faults.any()
    assert judged.cells.to_pylist() == days
    assert [standard.day([pattern])(text) for text in texts] == [day.isoformat() for day in days]


@pytest.mark.parametrize("text", ["31/02/1961", "1/11/61", "01/11/1961 25", "01/11/1961 noon", "٠١/11/1961", ""])
def test_what_is_no_day_is_none_anywhere(text):
    column = Column("seen", "measure", "date", low=-10_000, high=0, formats=("%d/%m/%Y",))
    judged = Judge(("NA",), datetime.date(2026, 1, 1), lambda _, texts: texts).judge(column, pa.array([text]))
    assert judged.faults.tolist() == [Fault.VALUE_WRONG_TYPE]
    assert day_of(text, ["%d/%m/%Y"]) is standard.day(["%d/%m/%Y"])(text) is None
