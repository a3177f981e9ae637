"""Reads the demo's study as plain data, before anybody is invited."""

from __future__ import annotations

import tomllib
from pathlib import Path

from privacy.canonical import Document

STUDY, CONTRACT = Path(__file__).with_name("study.toml"), Path(__file__).with_name("contract.toml")


def study_document() -> Document:
    """Return the study's document; ``invited`` is missing and whoever submits it adds it."""
    tables = tomllib.loads(STUDY.read_text(encoding="utf-8"))
    head = tables.pop("study")
    return {**head, **tables, "ends": head["ends"].isoformat()}


__all__ = ["CONTRACT", "STUDY", "study_document"]
