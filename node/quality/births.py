"""When the people of another data set were born, for the checks that compare an event with it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from node.store import Store
from privacy.checks import BIRTH, compares_birth
from privacy.contract import Contract
from privacy.errors import Invalid


@dataclass(frozen=True, eq=False)
class Births:
    """People by pseudonym, and the day of birth of each as it is stored: cut to its month or year, where it is."""

    persons: pa.Array
    days: pa.Array

    def of(self, persons: pa.Array) -> pa.Array:
        """Return the day on which each person was born, null where that is not recorded."""
        return self.days.take(pc.index_in(persons, value_set=self.persons))

    def beside(self, rows: pa.Table, persons: pa.Array) -> pa.Table:
        """Return rows with each one's person's birth, as the column that checks know it by."""
        return rows.append_column(BIRTH, self.of(persons))


def births_for(contract: Contract, store: Store) -> Births | None:
    """Return the births of the contract's people, None where no check asks; without such a column ``birth-absent``."""
    if contract.people is None or not any(map(compares_birth, contract.checks)):
        return None
    people = store.latest(contract.people)
    named = [column.name for column in people.contract.with_role("birth") if column.type == "date"]
    if len(named) != 1:
        raise Invalid("birth-absent", contract.people)
    rows = store.read(people, named)
    return Births(rows["person"].cast(pa.string()).combine_chunks(), rows[named[0]].combine_chunks())


__all__ = ["Births", "births_for"]
