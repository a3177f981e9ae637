"""Which types of cells a source may have, and the few of them that the rest of the node meets."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from privacy.errors import Invalid

_WITH_TEXT = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)


def check_types(schema: pa.Schema) -> None:
    """Return if every column has a plain text; else ``parquet-column-type`` with all that have none."""
    if faults := list(_type_faults(schema)):
        raise Invalid("parquet-column-type", faults=faults)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that cells of this type come as, dictionaries aside."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    return pa.float32() if pa.types.is_float16(kind) else kind


def plain(column: pa.Array) -> pa.Array:
    """Return cells as ``plain_type``; dictionaries of text stay, others are unpacked."""
    kind = plain_type(column.type)
    if pa.types.is_dictionary(column.type):
        if kind != pa.string():
            return plain(column.dictionary).take(column.indices)
        kind = pa.dictionary(pa.int32(), pa.string())
    return column if column.type == kind else pc.cast(column, kind)


def _type_faults(schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(kind):
            yield f"{field.name}: is nested"
        elif not any(has_text(kind) for has_text in _WITH_TEXT):
            yield f"{field.name}: is of a type that has no plain text"


__all__ = ["check_types", "plain", "plain_type"]
