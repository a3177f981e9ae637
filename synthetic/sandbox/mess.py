"""The mess of real records, put into made-up ones at a chosen rate, with the truth about every spoilt cell kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.errors import Invalid

NUMBER, BIRTH, ETHNICITY = "nhs_number", ("birth_date", "date_of_birth"), "ethnicity"
GIVEN = ("given_name", "first_name")
NAMES = (*GIVEN, "surname", "last_name")
SHORT = {
    "Andrew": "Andy", "Anthony": "Tony", "Benjamin": "Ben", "Catherine": "Cathy", "Christopher": "Chris",
    "Daniel": "Dan", "David": "Dave", "Edward": "Ted", "Elizabeth": "Liz", "James": "Jim", "Jennifer": "Jenny",
    "Joseph": "Joe", "Kenneth": "Ken", "Margaret": "Peggy", "Matthew": "Matt", "Michael": "Mike", "Mary": "Molly",
    "Nicholas": "Nick", "Patricia": "Pat", "Peter": "Pete", "Philip": "Phil", "Rebecca": "Becky", "Richard": "Rick",
    "Robert": "Bob", "Ronald": "Ron", "Samuel": "Sam", "Stephen": "Steve", "Susan": "Sue", "Thomas": "Tom",
    "Timothy": "Tim", "Victoria": "Vicky", "William": "Bill",
}  # fmt: skip
STATED = (*"ABCDEFGHJKLMNPRS",)  # NHS Data Dictionary, ETHNIC CATEGORY
FIRST_FREE = 3  # digits of a number that no slip changes: what is mistyped looks like nobody's, too
# Of each kind's share of the rate. A record that cannot be told from another costs two rows, a wrong number one
KINDS = (
    "number-missing", "number-mistyped", "number-of-another", "name-variant", "birth-conflicting",
    "ethnicity-conflicting", "ends-before-start", "repeated", "resubmitted", "late",
)  # fmt: skip
SPOILT = pa.schema(
    [(name, pa.string()) for name in ("site", "source", "record_id", NUMBER, "kind", "column", "was", "now")]
)
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Sheet:
    """Rows of one source: text and day columns of equal length, each row's true NHS number, and what its columns are.

    ``record`` is the column of the record's own number, "" where a row is a person; ``ends`` the columns of the days on
    which something began and ended; ``traced`` says that numbers are right here, as where they are looked up.
    """

    site: str
    source: str
    columns: dict[str, pa.Array]
    numbers: pa.Array
    record: str = ""
    ends: tuple[str, str] | None = None
    traced: bool = False

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def records(self) -> pa.Array:
        """Return what tells its rows apart, in the words of the source."""
        return self.columns[self.record] if self.record else self.numbers

    def put(self, column: str, rows: Rows, values: pa.Array) -> Sheet:
        """Return it with other values in some rows of a column."""
        mask = np.zeros(len(self), bool)
        mask[rows] = True
        old = self.columns[column]
        return replace(self, columns={**self.columns, column: pc.replace_with_mask(old, mask, values.cast(old.type))})

    def take(self, rows: Rows) -> Sheet:
        """Return some of its rows, in this order."""
        places = pa.array(rows)
        taken = {name: column.take(places) for name, column in self.columns.items()}
        return replace(self, columns=taken, numbers=self.numbers.take(places))


Fault = Callable[[Sheet, Rows, np.random.Generator], Iterator[tuple[str, pa.Array]]]


def check_rate(rate: float) -> None:
    """Refuse a rate that is no share, or leaves too little: ``mess-impossible``."""
    if not 0 <= rate <= 0.2:
        raise Invalid("mess-impossible", "from 0 to 0.2: of each kind of fault, the share of rows that have it")


def spoil(sheet: Sheet, rate: float, rng: np.random.Generator) -> tuple[Sheet, pa.Table]:
    """Return a sheet in which each kind of fault that it can have hits ``rate`` of its rows, and what was done.

    The second is a table of ``SPOILT``, one row a cell: what it was and what it is now; for a row that came twice or
    not at all, ``column`` is empty. A fault that would leave a cell as it was is none.
    """
    told: list[pa.Table] = []
    whole = {column: np.ones(len(sheet), bool) for column in sheet.columns}  # a cell is spoilt once
    for kind, fault in _CELLS.items():
        rows = _chosen(sheet, rate, rng)
        for column, values in fault(sheet, rows, rng):
            was = sheet.columns[column].take(pa.array(rows))
            changed = whole[column][rows] & np.asarray(pc.is_valid(was))
            changed &= np.asarray(pc.fill_null(pc.not_equal(was, values.cast(was.type)), fill_value=True))
            hit, now = rows[changed], values.filter(pa.array(changed))
            told.append(_told(sheet, hit, kind, column, cells=(was.filter(pa.array(changed)), now)))
            sheet = sheet.put(column, hit, now)
            whole[column][hit] = False
    sheet, of_rows = _whole_rows(sheet, rate, rng)
    return sheet, pa.concat_tables([*told, *of_rows])


def _whole_rows(sheet: Sheet, rate: float, rng: np.random.Generator) -> tuple[Sheet, list[pa.Table]]:
    """Let rows come twice, come again under another number, or not come in time."""
    if not sheet.record:  # a list of people has each of them once
        return sheet, []
    repeated, again, late = (_chosen(sheet, rate, rng) for _ in range(3))
    late = np.setdiff1d(late, np.concatenate([repeated, again]))
    renumbered = pc.binary_join_element_wise(sheet.records.take(pa.array(again)), "R", "-")
    told = [
        _told(sheet, repeated, "repeated"),
        _told(sheet, again, "resubmitted", sheet.record, cells=(sheet.records.take(pa.array(again)), renumbered)),
        _told(sheet, late, "late"),
    ]
    copies = sheet.take(again)
    copies = copies.put(sheet.record, np.arange(len(again)), renumbered)
    kept = sheet.take(np.sort(np.concatenate([np.setdiff1d(np.arange(len(sheet)), late), repeated])))
    columns = {n: pa.concat_arrays([column, copies.columns[n]]) for n, column in kept.columns.items()}
    return replace(kept, columns=columns, numbers=pa.concat_arrays([kept.numbers, copies.numbers])), told


def _chosen(sheet: Sheet, rate: float, rng: np.random.Generator) -> Rows:
    return np.flatnonzero(rng.random(len(sheet)) < rate)


def _told(
    sheet: Sheet, rows: Rows, kind: str, column: str = "", *, cells: tuple[pa.Array, pa.Array] | None = None
) -> pa.Table:
    n, places = len(rows), pa.array(rows)
    said = [pc.cast(each, pa.string()) for each in cells] if cells else [pa.nulls(n, pa.string())] * 2
    same = [pa.array([text] * n, pa.string()) for text in (sheet.site, sheet.source, kind, column)]
    columns = [*same[:2], sheet.records.take(places), sheet.numbers.take(places), *same[2:], *said]
    return pa.table(columns, schema=SPOILT)


def _missing(sheet: Sheet, rows: Rows, _: np.random.Generator) -> Iterator[tuple[str, pa.Array]]:
    if NUMBER in sheet.columns and not sheet.traced:
        yield NUMBER, pa.nulls(len(rows), pa.string())


def _mistyped(sheet: Sheet, rows: Rows, rng: np.random.Generator) -> Iterator[tuple[str, pa.Array]]:
    """One digit is another: the check digit always tells."""
    if NUMBER not in sheet.columns or sheet.traced:
        return
    true = sheet.numbers.take(pa.array(rows)).cast(pa.int64()).to_numpy()
    power = 10 ** rng.integers(1, 10 - FIRST_FREE, len(rows))
    digit = true // power % 10
    other = (digit + rng.integers(1, 10, len(rows))) % 10
    yield NUMBER, pa.array(true + (other - digit) * power).cast(pa.string())


def _of_another(sheet: Sheet, rows: Rows, rng: np.random.Generator) -> Iterator[tuple[str, pa.Array]]:
    """A neighbour's number in the list, which no check finds."""
    if NUMBER in sheet.columns and not sheet.traced and len(sheet):
        yield NUMBER, sheet.numbers.take(pa.array(rng.integers(0, len(sheet), len(rows))))


def _variant(sheet: Sheet, rows: Rows, rng: np.random.Generator) -> Iterator[tuple[str, pa.Array]]:
    """A given name is in its short form, or in any name a letter is left out or written twice."""
    for column in (name for name in NAMES if name in sheet.columns):
        written = sheet.columns[column].take(pa.array(rows))
        names = written
        at = rng.integers(1, 4, len(rows))
        twice, hit, short = (rng.random(len(rows)) < 0.5 for _ in range(3))
        for place in range(1, 4):
            letter = pc.utf8_slice_codeunits(names, place, place + 1)
            doubled = pc.binary_join_element_wise(
                pc.utf8_slice_codeunits(names, 0, place), letter, pc.utf8_slice_codeunits(names, place), ""
            )
            dropped = pc.utf8_replace_slice(names, place, place + 1, "")
            here = pa.array(hit & (at == place))
            names = pc.if_else(here, pc.if_else(pa.array(twice), doubled, dropped), names)
        if column in GIVEN:
            names = pc.if_else(pa.array(short), pc.coalesce(_in_short(written), names), names)
        yield column, names


def _in_short(names: pa.Array) -> pa.Array:
    """Return short forms, null for a name that has none."""
    return pa.array(SHORT.values()).take(pc.index_in(names, value_set=pa.array(SHORT.keys())))


def _birth(sheet: Sheet, rows: Rows, _: np.random.Generator) -> Iterator[tuple[str, pa.Array]]:
    """Day and month change places where they can; otherwise only the year is known, and the first of January is put."""
    for column in (name for name in BIRTH if name in sheet.columns):
        born = sheet.columns[column].take(pa.array(rows))
        texts = pa.types.is_string(born.type)  # as a council writes it: day/month/year
        days = pc.strptime(born, "%d/%m/%Y", "s") if texts else born
        day, month = (pc.cast(part(days), pa.string()) for part in (pc.day, pc.month))
        swaps = pc.less_equal(pc.day(days), 12)
        day, month = pc.if_else(swaps, month, "1"), pc.if_else(swaps, day, "1")
        wrong = pc.strptime(_joined(day, month, pc.cast(pc.year(days), pa.string())), "%d/%m/%Y", "s")
        yield column, pc.strftime(wrong, "%d/%m/%Y") if texts else wrong.cast(born.type)


def _ethnicity(sheet: Sheet, rows: Rows, rng: np.random.Generator) -> Iterator[tuple[str, pa.Array]]:
    if ETHNICITY in sheet.columns:
        yield ETHNICITY, pa.array(STATED).take(pa.array(rng.integers(0, len(STATED), len(rows))))


def _ends_early(sheet: Sheet, rows: Rows, rng: np.random.Generator) -> Iterator[tuple[str, pa.Array]]:
    if sheet.ends is not None:
        first, last = sheet.ends
        began = sheet.columns[first].take(pa.array(rows)).cast(pa.int32()).to_numpy()
        early = pa.array((began - rng.integers(1, 10, len(rows))).astype(np.int32)).cast(pa.date32())
        open_still = pc.is_null(sheet.columns[last].take(pa.array(rows)))
        yield last, pc.if_else(open_still, None, early)


def _joined(*parts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "/")


_CELLS: dict[str, Fault] = {
    "number-missing": _missing,
    "number-mistyped": _mistyped,
    "number-of-another": _of_another,
    "name-variant": _variant,
    "birth-conflicting": _birth,
    "ethnicity-conflicting": _ethnicity,
    "ends-before-start": _ends_early,
}


__all__ = [
    "BIRTH",
    "ETHNICITY",
    "FIRST_FREE",
    "GIVEN",
    "KINDS",
    "NAMES",
    "NUMBER",
    "SHORT",
    "SPOILT",
    "STATED",
    "Fault",
    "Rows",
    "Sheet",
    "check_rate",
    "spoil",
]
