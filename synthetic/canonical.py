"""The canonical tables: people, and the truth apart, under the names that a node gives every source of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synthetic.geography import ETHNICITIES
from synthetic.people import FEMALE, MALE, People
from synthetic.priors import Priors

SEXES = {MALE: "male", FEMALE: "female"}
NUMBER = pa.field("nhs_number", pa.string(), nullable=False)
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
        ("household", pa.int64()),
    ]
)


def numbers_of(people: People) -> pa.Array:
    """Return the NHS numbers as texts of ten digits."""
    return pa.array(people.nhs_number).cast(pa.string())


def people_batch(people: People, priors: Priors, numbers: pa.Array) -> pa.RecordBatch:
    """Return a block's people, a row each."""
    areas = priors.areas
    columns = [
        numbers,
        days(people.born),
        named(people.sex - MALE, list(SEXES.values()), pa.int8()),
        named(people.ethnicity, ETHNICITIES, pa.int8()),
        pa.array(areas.imd_decile[people.area]),
        named(people.area, areas.lsoa, pa.int32()),
        named(areas.authority[people.area], priors.authorities.code, pa.int32()),
        pa.array(people.household),
    ]
    return pa.record_batch(columns, schema=PEOPLE)


def named(places: NDArray[np.generic], names: Sequence[str] | pa.Array, index: pa.DataType) -> pa.DictionaryArray:
    """Return the name of each place; -1 is missing."""
    at = pa.array(places.astype(index.to_pandas_dtype()), mask=np.asarray(places) < 0)
    return pa.DictionaryArray.from_arrays(at, names if isinstance(names, pa.Array) else pa.array(names, pa.string()))


def days(since_1970: NDArray[np.int32], missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return days as dates."""
    return pa.array(since_1970.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())


def types_of(schemas: Mapping[str, pa.Schema]) -> dict[str, dict[str, str]]:
    """Return each table's columns and their types in plain words, as a manifest says them."""
    return {table: {field.name: _word(field.type) for field in schema} for table, schema in schemas.items()}


def _word(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return "text"
    words = ((pa.types.is_date, "date"), (pa.types.is_boolean, "yes or no"), (pa.types.is_integer, "whole number"))
    return next((word for judge, word in words if judge(kind)), "number")


__all__ = ["NUMBER", "PEOPLE", "SEXES", "days", "named", "numbers_of", "people_batch", "types_of"]
