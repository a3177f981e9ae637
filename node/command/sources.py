"""How a person says what a source is and how it is written, for every command that reads one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="csv, parquet, postgresql, omop or fhir.", show_default="by its name and first bytes"
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(help="Of CSV: comma, semicolon, tab or pipe.", show_default="what the header has"),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        help="Of CSV: utf-8, utf-16, windows-1252 or iso-8859-1.", show_default="the byte order mark, or utf-8"
    ),
]
Table = Annotated[
    str | None,
    typer.Option(help="Of a database: the table, as schema.table; of OMOP in one, the schema.", show_default=False),
]
Query = Annotated[
    Path | None, typer.Option(help="Of a database: a file with one SELECT, instead of a table.", show_default=False)
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="Of a database: a file with the password.", show_default="PGPASSFILE, or the service file"),
]
PersonColumn = Annotated[
    str | None,
    typer.Option(help="Of OMOP: the column of person with the NHS number.", show_default="person_source_value"),
]

__all__ = ["Delimiter", "Encoding", "Format", "PasswordFile", "PersonColumn", "Query", "Table"]
