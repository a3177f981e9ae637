"""The simulator's tables: people, events, and the truth apart, under the names that a node gives every source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synthetic.draws import draws
from synthetic.geography import ETHNICITIES
from synthetic.lives.codes import codes
from synthetic.lives.figures import figures
from synthetic.lives.outcomes import Outcome
from synthetic.lives.providers import organisations
from synthetic.lives.records import METHODS, STREAMS, Events
from synthetic.lives.simulator import Block, block
from synthetic.lives.traits import NEVER
from synthetic.lives.truth import outcomes_of
from synthetic.population.people import FEMALE, MALE, People
from synthetic.population.priors import Priors, priors
from synthetic.recipe import Recipe
from synthetic.tables import NUMBER, TRUTH, blocks_of, days, parts_of

SEXES = {MALE: "male", FEMALE: "female"}
MOST_EVENTS = 1 << 24  # of a block: so many record ids it has to itself
_SMALL, _LARGE = pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.string())
PEOPLE = pa.schema(
    [
        NUMBER,
        ("birth_date", pa.date32()),
        ("sex", _SMALL),
        ("ethnicity", _SMALL),
        ("imd_decile", pa.int8()),
        ("lsoa", _LARGE),
        ("local_authority", _LARGE),
        ("practice", _LARGE),
        ("pcn", _LARGE),
        ("household", pa.int64()),
        ("died_on", pa.date32()),
    ]
)
EVENTS = pa.schema(
    [
        NUMBER,
        ("record_id", pa.int64()),
        ("date", pa.date32()),
        ("until", pa.date32()),
        ("source", _SMALL),
        ("setting", _SMALL),
        ("method", _SMALL),
        ("system", _SMALL),
        ("code", _LARGE),
        ("value", pa.float32()),
        ("unit", _SMALL),
        ("organisation", _LARGE),
        ("cost", pa.float32()),
    ]
)
OUTCOME = pa.schema([NUMBER, ("probability", pa.float32()), ("happened", pa.bool_())])
CONDITION = pa.schema([NUMBER, ("condition", _SMALL), ("began", pa.date32())])


@dataclass(frozen=True)
class Simulated:
    """The people of a recipe, their events and the truth, as a source of tables: eight blocks a part."""

    recipe: Recipe

    def schemas(self) -> Mapping[str, pa.Schema]:
        """Return the tables by name."""
        outcomes = {TRUTH + name: OUTCOME for name in outcomes_of(self.recipe)}
        return {"people": PEOPLE, "events": EVENTS, **outcomes, TRUTH + "conditions": CONDITION}

    def parts(self) -> int:
        """Return how many parts the people fill, the last perhaps not whole."""
        return parts_of(self.recipe.people)

    def part(self, number: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of one part, block by block."""
        known = priors(self.recipe.place)
        for index in blocks_of(number, self.recipe.people):
            yield from _batches(block(self.recipe, known, index), known, self.recipe.seed, index)


def _batches(block: Block, known: Priors, seed: int, index: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Give a block's rows: its people, their events by person and day, and then the truth about them."""
    numbers = pa.array(block.people.nhs_number).cast(pa.string())
    yield "people", _people(block.people, block.died, known, numbers)
    yield "events", _events(block.events, known.geography.place, numbers, _record_ids(len(block.events), seed, index))
    for name, outcome in block.truth.items():
        yield TRUTH + name, _outcome(outcome, numbers)
    yield TRUTH + "conditions", _conditions(block.conditions, numbers)


def _people(people: People, died: NDArray[np.int32], known: Priors, numbers: pa.Array) -> pa.RecordBatch:
    areas, practices = known.areas, known.practices
    columns = [
        numbers,
        days(people.born),
        _named(people.sex - MALE, list(SEXES.values()), pa.int8()),
        _named(people.ethnicity, ETHNICITIES, pa.int8()),
        pa.array(areas.imd_decile[people.area]),
        _named(people.area, areas.lsoa, pa.int32()),
        _named(areas.authority[people.area], known.authorities.code, pa.int32()),
        _named(people.practice, practices.code, pa.int32()),
        pc.dictionary_encode(pa.array(practices.network, pa.string()).take(pa.array(people.practice))),
        pa.array(people.household),
        days(died, died < 0),
    ]
    return pa.record_batch(columns, schema=PEOPLE)


def _events(events: Events, place: str, numbers: pa.Array, ids: NDArray[np.int64]) -> pa.RecordBatch:
    known = codes()
    code = events.code
    names, at, first = _organisations(place)
    columns = [
        numbers.take(pa.array(events.person)),
        pa.array(ids),
        days(events.day),
        days(events.until, events.until == events.day),
        _looked_up(events.stream, [stream.source for stream in STREAMS]),
        _looked_up(events.stream, [stream.setting for stream in STREAMS]),
        _named(events.method, METHODS, pa.int8()),
        _looked_up(code, [each.system for each in known]),
        _looked_up(code, [each.code for each in known], np.int32),
        pa.array(events.value, mask=np.isnan(events.value)),
        _looked_up(code, [each.unit for each in known]),
        _named(at[events.provider + first[events.stream]], names, pa.int32()),
        pa.array(events.cost, mask=np.isnan(events.cost)),
    ]
    return pa.record_batch(columns, schema=EVENTS)


def _record_ids(count: int, seed: int, index: int) -> NDArray[np.int64]:
    """Return different numbers, of which no other block has one, in an order that tells nothing of whose row it is."""
    return index * MOST_EVENTS + draws(seed, "record ids", index).permutation(count)


def _outcome(outcome: Outcome, numbers: pa.Array) -> pa.RecordBatch:
    """Return the truth about those who could have the outcome."""
    who = pa.array(np.flatnonzero(outcome.eligible))
    columns = [numbers, pa.array(outcome.probability), pa.array(outcome.happened)]
    return pa.record_batch([column.take(who) for column in columns], schema=OUTCOME)


def _conditions(onset: NDArray[np.int32], numbers: pa.Array) -> pa.RecordBatch:
    """Return the day on which each condition began, a row each, whether or not a record shows it."""
    person, condition = np.nonzero(onset != NEVER)
    keys = [each.key for each in figures().conditions]
    columns = [
        numbers.take(pa.array(person)),
        _named(condition, keys, pa.int8()),
        days(onset[person, condition]),
    ]
    return pa.record_batch(columns, schema=CONDITION)


@cache
def _organisations(place: str) -> tuple[pa.Array, NDArray[np.int32], NDArray[np.int32]]:
    """Return each organisation's code once, where each stream's stand among them, and where each stream begins there.

    An organisation of several streams is there once: Parquet's bytes of a dictionary that repeats itself vary.
    """
    lists = [organisations(priors(place), stream.key) for stream in STREAMS]
    first = np.cumsum([0, *map(len, lists)])[:-1].astype(np.int32)
    at = {code: row for row, code in enumerate(dict.fromkeys(code for each in lists for code in each))}
    return pa.array(list(at), pa.string()), np.array([at[c] for each in lists for c in each], np.int32), first


def _named(places: NDArray[np.integer], names: Sequence[str] | pa.Array, index: pa.DataType) -> pa.DictionaryArray:
    """Return the name of each place."""
    texts = names if isinstance(names, pa.Array) else pa.array(names, pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(index.to_pandas_dtype())), texts)


def _looked_up(
    places: NDArray[np.integer], names: Sequence[str], index: type[np.integer] = np.int8
) -> pa.DictionaryArray:
    """Return the name of each place where several places have one name; an empty name is missing."""
    known = [name for name in dict.fromkeys(names) if name]
    at = np.array([known.index(name) if name else -1 for name in names], index)[places]
    return pa.DictionaryArray.from_arrays(pa.array(at, mask=at < 0), pa.array(known, pa.string()))


__all__ = ["CONDITION", "EVENTS", "MOST_EVENTS", "OUTCOME", "PEOPLE", "SEXES", "Simulated"]
