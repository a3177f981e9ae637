"""Reads a demo's study as plain data, before anybody is invited."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

from privacy.canonical import Document
from privacy.feature_reading import completed

STUDY, CONTRACT = Path(__file__).with_name("study.toml"), Path(__file__).with_name("contract.toml")


def study_document(file: Path = STUDY) -> Document:
    """Return a study's document; ``invited`` is missing and whoever submits it adds it."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    whole = completed({**tables.pop("study"), **tables}, file.parent)
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in whole.items()}


__all__ = ["CONTRACT", "STUDY", "study_document"]
