"""Rows in the form in which the store keeps them: pseudonyms for people, and no text that no row has."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from node.ingest.order import LINE, PERSON
from node.ingest.population import Population
from node.persons import spelled_out
from privacy.contract import Contract

_ADDED = ("line", pa.int64()), ("reasons", pa.string()), ("person", pa.string())


def quarantine_schema(contract: Contract) -> pa.Schema:
    """Return what a quarantine holds: line, reasons, person, and the stored columns as texts."""
    return pa.schema([*_ADDED, *((column.name, pa.string()) for column in contract.stored)])


def text_for_missing(contract: Contract) -> str:
    """Return the text that a cell without a value has in quarantine, wherever the row came from."""
    return "" if "" in contract.missing or not contract.missing else contract.missing[0]


def of_people(table: pa.Table, population: Population) -> pa.Table:
    """Return rows sorted by people's numbers with ``person`` and ``held_back`` there, keyed texts spelled."""
    people = table[PERSON].to_numpy()
    first = np.flatnonzero(np.diff(people, prepend=people[:1] - 1))  # a pseudonym a person, in the order of rows
    at = np.repeat(np.arange(len(first), dtype=np.int32), np.diff(np.append(first, len(people))))
    names = population.pseudonyms.take(pa.array(people[first]))
    columns = {
        "person": pa.DictionaryArray.from_arrays(pa.array(at), names),
        "held_back": pa.array(population.held_back[people]),
    }
    for name in table.column_names:
        if name != PERSON:
            columns[name] = without_unused(spelled_out(table[name].combine_chunks(), population.tag))
    return pa.table(columns)


def as_quarantined(rows: pa.Table, reasons: str, population: Population, contract: Contract) -> pa.Table:
    """Return rows that were good until all were seen, with one text for their reasons and texts for their values."""
    table = {
        "line": rows[LINE],
        "reasons": pa.array([reasons] * rows.num_rows, pa.string()),
        "person": population.pseudonyms.take(rows[PERSON].combine_chunks()),
    }
    for column in contract.stored:
        values = spelled_out(rows[column.name].combine_chunks(), population.tag)
        table[column.name] = pc.fill_null(values.cast(pa.string()), text_for_missing(contract))
    return pa.table(table, schema=quarantine_schema(contract))


def without_unused(column: pa.Array) -> pa.Array:
    """Return a column without what no row has: a source's dictionary has texts of people who were left out, too."""
    if not pa.types.is_dictionary(column.type):
        return column
    at = pc.fill_null(column.indices, len(column.dictionary)).to_numpy()
    used = np.zeros(len(column.dictionary) + 1, bool)
    used[at] = True
    used[-1] = False
    anew = (np.cumsum(used, dtype=np.int32) - 1)[at]
    indices = pa.array(anew, mask=column.indices.is_null().to_numpy(zero_copy_only=False))
    return pa.DictionaryArray.from_arrays(indices, column.dictionary.filter(pa.array(used[:-1])))


__all__ = ["as_quarantined", "of_people", "quarantine_schema", "text_for_missing", "without_unused"]
