"""Counts over a simulated data set, a part at a time: people by who they are, and what is on record of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.arrays import Integers
from synthetic.geography import ETHNICITIES
from synthetic.report.spread import Spread
from synthetic.written.reading import DataSet

PEOPLE, EVENTS = "people", "events"
MALE, FEMALE = "male", "female"
OLDEST, DECILES, YEAR = 90, 10, 365.25
BAND = 5  # years of age
BANDS = OLDEST // BAND + 1
DIAGNOSIS = "diagnosis"
MOST_AT_HOME = 7  # of a household, told apart; larger ones are care homes but for a few
MOST_EVENTS = 2_000  # of one person, told apart; who has more counts as having so many


@dataclass(frozen=True)
class Sought:
    """What is looked for: authorities, conditions by their codes and ages, kinds of contact as (setting, method)."""

    index_day: int
    authorities: tuple[str, ...]
    conditions: tuple[tuple[str, int, int], ...]
    contacts: tuple[tuple[str, str], ...]


@dataclass
class Counts:
    """Sums over people: by age (0 to 90 and over) and sex (male, female), authority, decile and ethnic group.

    ``has`` counts who has each condition on record on the index day, by age, decile and authority; ``contacts`` the
    contacts of each kind in the year before it, by authority; ``deaths`` those of the year from it on, by age and sex;
    ``events`` how many people have so many events in all. ``spread`` says how unevenly households have each of these:
    by age (of ``BAND`` years, men first) and sex, authority, ethnicity, decile, condition and contact.
    """

    sought: Sought
    ages: Integers = field(init=False)
    deciles: Integers = field(init=False)
    ethnicities: Integers = field(init=False)
    homes: Integers = field(init=False)
    has: Integers = field(init=False)
    contacts: Integers = field(init=False)
    deaths: Integers = field(init=False)
    events: Integers = field(init=False)
    spread: dict[str, Spread] = field(init=False)
    with_events: bool = False
    with_deaths: bool = False

    def __post_init__(self) -> None:
        places = len(self.sought.authorities)
        self.ages = np.zeros((places, OLDEST + 1, 2), np.int64)
        self.deciles, self.ethnicities = np.zeros(DECILES, np.int64), np.zeros(len(ETHNICITIES), np.int64)
        self.homes = np.zeros(MOST_AT_HOME + 1, np.int64)
        self.has = np.zeros((len(self.sought.conditions), places, OLDEST + 1, DECILES), np.int64)
        self.contacts = np.zeros((len(self.sought.contacts), places), np.int64)
        self.deaths = np.zeros((OLDEST + 1, 2), np.int64)
        self.events = np.zeros(MOST_EVENTS + 1, np.int64)
        kinds = {"ages": 2 * BANDS, "authorities": places, "ethnicities": len(ETHNICITIES), "deciles": DECILES}
        kinds |= {"conditions": len(self.sought.conditions), "contacts": len(self.sought.contacts)}
        self.spread = {name: Spread(count) for name, count in kinds.items()}

    def add(self, people: pa.Table, events: Iterator[pa.RecordBatch] | None) -> None:
        """Count one part: all its people, then their events, some at a time."""
        who = _Who(people, self.sought)
        np.add.at(self.ages, (who.authority, who.age, who.female), 1)
        self.deciles += np.bincount(who.decile, minlength=DECILES)
        group = _places(people["ethnicity"], ETHNICITIES)
        self.ethnicities += np.bincount(group[group >= 0], minlength=len(ETHNICITIES))
        if "household" in people.column_names:
            self.homes += np.bincount(np.minimum(np.bincount(who.home), MOST_AT_HOME), minlength=len(self.homes))
        band = np.minimum(who.age // BAND, BANDS - 1) + BANDS * who.female
        of_kind = {"ages": band, "authorities": who.authority, "ethnicities": group, "deciles": who.decile}
        for name, kind in of_kind.items():
            self.spread[name].add_people(who.home, kind)
        if "died_on" in people.column_names:
            self.with_deaths = True
            died = _days(people["died_on"])
            gone = (died >= self.sought.index_day) & (died < self.sought.index_day + YEAR)
            np.add.at(self.deaths, (who.age[gone], who.female[gone]), 1)
        if events is not None:
            self.with_events = True
            self._events(who, events)

    def _events(self, who: _Who, batches: Iterator[pa.RecordBatch]) -> None:
        has = np.zeros((len(who.number), len(self.sought.conditions)), bool)
        count = np.zeros(len(who.number), np.int64)
        settings, methods = (tuple(dict.fromkeys(names)) for names in zip(*self.sought.contacts, strict=True))
        methods = tuple(dict.fromkeys([*methods, DIAGNOSIS]))
        kinds = np.full((len(settings), len(methods)), -1)
        for place, (where, how) in enumerate(self.sought.contacts):
            kinds[settings.index(where), methods.index(how)] = place
        codes = tuple(code for code, _, _ in self.sought.conditions)
        homes, of = int(who.home.max(initial=-1)) + 1, len(self.sought.contacts)
        had = np.zeros(homes * of, np.int64)
        for batch in batches:
            person, day = who.rows(batch["nhs_number"]), _days(batch["date"])
            before = day < self.sought.index_day
            count += np.bincount(person[before], minlength=len(count))
            method, setting = _places(batch["method"], methods), _places(batch["setting"], settings)
            known = before & (method == methods.index(DIAGNOSIS))
            condition = _places(batch["code"].filter(pa.array(known)), codes)
            there = condition >= 0
            has[person[known][there], condition[there]] = True
            recent = before & (day >= self.sought.index_day - YEAR) & (method >= 0) & (setting >= 0)
            kind, home = kinds[setting[recent], method[recent]], who.home[person[recent]]
            had += np.bincount((home * of + kind)[kind >= 0], minlength=len(had))
        self._contacts(who, had.reshape(homes, of))
        ages = np.array([(low, high) for _, low, high in self.sought.conditions]).T
        counted = (who.age[:, None] >= ages[0]) & (who.age[:, None] <= ages[1])
        self.spread["conditions"].add(_of_homes(who.home, has & counted), _of_homes(who.home, counted))
        people, condition = np.nonzero(has)
        np.add.at(self.has, (condition, who.authority[people], who.age[people], who.decile[people]), 1)
        self.events += np.bincount(np.minimum(count, MOST_EVENTS), minlength=MOST_EVENTS + 1)

    def _contacts(self, who: _Who, had: Integers) -> None:
        """Count the contacts of each household, (homes, contacts), where its people live."""
        authority = np.zeros(len(had), np.int64)
        authority[who.home] = who.authority
        for kind, counts in enumerate(had.T):
            self.contacts[kind] += np.bincount(authority, counts, self.contacts.shape[1]).astype(np.int64)
        self.spread["contacts"].add(had, np.bincount(who.home)[:, None])


def _of_homes(home: Integers, values: NDArray[np.bool_]) -> Integers:
    """Return how many people of each home have each column."""
    return np.stack([np.bincount(home, column) for column in values.T], axis=1).astype(np.int64)


class _Who:
    """One part's people as places; those without a known authority or decile are at the first.

    ``home`` counts the households from 0; where none are known everybody has one of their own.
    """

    def __init__(self, people: pa.Table, sought: Sought) -> None:
        self.number = np.sort(people["nhs_number"].cast(pa.int64()).to_numpy())
        order = np.argsort(people["nhs_number"].cast(pa.int64()).to_numpy(), kind="stable")
        age = ((sought.index_day - _days(people["birth_date"])) / YEAR).astype(np.int64)
        self.age = np.clip(age, 0, OLDEST)
        self.female = np.maximum(_places(people["sex"], (MALE, FEMALE)), 0)
        self.authority = np.maximum(_places(people["local_authority"], sought.authorities), 0)
        self.decile = np.clip(pc.fill_null(people["imd_decile"], 1).to_numpy(), 1, DECILES).astype(np.int64) - 1
        self._order = order
        with_homes = "household" in people.column_names
        of = people["household"].to_numpy() if with_homes else np.arange(people.num_rows)
        self.home: Integers = np.unique(of, return_inverse=True)[1].astype(np.int64)

    def rows(self, numbers: pa.Array) -> NDArray[np.intp]:
        """Return whose each event is; every one is somebody's of the same part."""
        return np.asarray(self._order[np.searchsorted(self.number, numbers.cast(pa.int64()).to_numpy())])


def counted(data: DataSet, sought: Sought) -> Counts:
    """Count a whole data set; memory grows with the people of one part, not with the data."""
    found = Counts(sought)
    events = data.parts(EVENTS) if EVENTS in data.tables() else iter(())
    for people, of_them in zip_longest(data.parts(PEOPLE), events):
        found.add(pa.Table.from_batches(people, data.schema(PEOPLE)), of_them)
    return found


def _days(column: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    """Return dates as days; a missing one is far in the future."""
    return np.asarray(pc.fill_null(column.cast(pa.int32()), 2**30).to_numpy(zero_copy_only=False), np.int64)


def _places(column: pa.ChunkedArray | pa.Array, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the place of each name, -1 for another."""
    found = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)


__all__ = [
    "BAND",
    "DECILES",
    "DIAGNOSIS",
    "EVENTS",
    "FEMALE",
    "MALE",
    "MOST_AT_HOME",
    "MOST_EVENTS",
    "OLDEST",
    "PEOPLE",
    "YEAR",
    "Counts",
    "Sought",
    "counted",
]
