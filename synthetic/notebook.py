"""What a notebook asks for: a table of a data set, or of a preset, as a pandas data frame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from privacy.canonical import hash_of
from privacy.terminal import progress
from synthetic.formats import DEFAULT
from synthetic.generating import generate, plan_for, recipe_of
from synthetic.manifest import NAME
from synthetic.presets import presets
from synthetic.written.reading import DataSet, open_data_set


def frame(name: str, table: str, *, environ: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of the data set at a path, else of the preset of that name, which is made once and kept."""
    path = Path(name)
    if (path / NAME).is_file() or (name not in presets() and (path.exists() or os.sep in name)):
        return _read(open_data_set(path), table)
    recipe = recipe_of(name, {})
    kept = cache(environ) / f"{name}-{hash_of(plan_for(recipe, DEFAULT).document()).partition(':')[2][:16]}"
    if not kept.exists():
        progress(f"Making {name}: {recipe.people:,} people, kept in {kept}")
        generate(recipe, kept, format=DEFAULT, processes=None, tell=lambda done, of: progress(f"{done} of {of} parts"))
    return _read(open_data_set(kept), table)


def cache(environ: Mapping[str, str]) -> Path:
    """Return where made presets are kept: XDG's cache directory of the person, and there ``hedgerow-synthetic``."""
    home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or os.curdir) / ".cache"
    return Path(home) / "hedgerow-synthetic"


def _read(data: DataSet, table: str) -> pd.DataFrame:
    """Return a table with days as times and texts that repeat as categories."""
    rows = pa.Table.from_batches(data.batches(table), data.schema(table))
    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type) and field.name != "nhs_number":
            rows = rows.set_column(place, field.name, rows.column(place).dictionary_encode())
    found: pd.DataFrame = rows.to_pandas(date_as_object=False)
    return found


__all__ = ["cache", "frame"]
