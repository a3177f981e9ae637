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
    """Return if every column has a plain text; else ``column-type-unread`` with all that have none."""
    if faults := list(_type_faults(schema)):
        raise Invalid("column-type-unread", faults=faults)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that cells of this type come as, dictionaries aside."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if _is_decimal_text(kind):
        return pa.string()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    return pa.float32() if pa.types.is_float16(kind) else kind


def plain(column: pa.Array) -> pa.Array:
    """Return cells as ``plain_type``; dictionaries of text stay, others are unpacked."""
    kind = plain_type(column.type)
    if _is_decimal_text(column.type):
        return pc.replace_with_mask(column.storage, pc.equal(column.storage, "nan"), pa.scalar(None, pa.string()))
    if pa.types.is_dictionary(column.type):
        if kind != pa.string():
            return plain(column.dictionary).take(column.indices)
        kind = pa.dictionary(pa.int32(), pa.string())
    return column if column.type == kind else pc.cast(column, kind)


def _is_decimal_text(kind: pa.DataType) -> bool:
    """Say whether a type is a database's exact decimal, which has no limit of digits: its text is kept."""
    return isinstance(kind, pa.OpaqueType) and kind.type_name == "numeric" and pa.types.is_string(kind.storage_type)


def _type_faults(schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if _is_decimal_text(kind):
            continue
        if pa.types.is_nested(kind):
            yield f"{field.name}: is nested"
        elif not any(has_text(kind) for has_text in _WITH_TEXT):
            yield f"{field.name}: is of a type that has no plain text"


__all__ = ["check_types", "plain", "plain_type"]
