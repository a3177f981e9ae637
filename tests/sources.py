"""What tests of sources share: a contract of any columns, a planted value, and what an error shows."""

import pytest

from privacy.contract_file import contract_of
from privacy.errors import HedgerowError

KEY = bytes(range(32))
PLANTED = "Q87.4-MARFAN"


def contract_with(*names, table="event"):
    """Return a contract whose first column is the person, the others text."""
    head = {
        "name": "visits",
        "version": 1,
        "title": "Visits",
        "owner": "A trust",
        "legal_basis": "Article 6(1)(e), 9(2)(h)",
        "source": "made up",
        "table": table,
        "key": [names[0]],
    }
    person = {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"}
    text = {"kind": "sensitive", "type": "text", "may_be_missing": True}
    columns = {name: person if name == names[0] else text for name in names}
    return contract_of({"contract": head, "columns": columns})


def rows_of(source):
    """Return all rows as tuples, in the order of the source's names, and their numbers."""
    rows, numbers = [], []
    for batch in source.read():
        assert tuple(batch.cells.schema.names) == source.names
        rows += [tuple(row.values()) for row in batch.cells.to_pylist()]
        numbers += batch.numbers.tolist()
    return rows, numbers


def code_of(act):
    """Return an error's code and where it says it is; nothing of it shows the planted value."""
    with pytest.raises(HedgerowError) as caught:
        act()
    error = caught.value
    assert error.__cause__ is None or isinstance(error.__cause__, OSError)
    assert error.__cause__ is not None or error.__suppress_context__ or error.__context__ is None
    assert PLANTED not in error.explain() + str(error) + repr(error.__cause__)
    return error.code, "; ".join(filter(None, [error.detail, *error.faults]))
