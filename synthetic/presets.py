"""The recipes that have a name, read from ``presets.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from privacy.errors import Invalid

DEFAULT = "small"


@dataclass(frozen=True)
class Preset:
    """One of them: its name, what it is for, and the fields of a recipe that it sets."""

    name: str
    title: str
    fields: Mapping[str, Any]


@cache
def presets() -> Mapping[str, Preset]:
    """Return every preset by its name, the smallest first."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {name: Preset(name, table.pop("title"), table) for name, table in tables.items()}


def preset(name: str) -> Preset:
    """Return one of them; ``preset-unknown`` lists what there is."""
    if name not in presets():
        raise Invalid("preset-unknown", name[:100], faults=presets())
    return presets()[name]


__all__ = ["DEFAULT", "Preset", "preset", "presets"]
