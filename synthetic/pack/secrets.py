"""Keeps the seed of a pack with answers out of everything that teams are given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from privacy.canonical import legible
from privacy.errors import Refusal

WITHHELD = "WITHHELD"
PAPERS = {".csv", ".html", ".ipynb", ".json", ".md", ".txt"}


def without(content: bytes, seed: int, *, as_json: bool) -> bytes:
    """Return a paper without its seed, wherever it stands; JSON stays JSON, other papers are taken for UTF-8."""
    if as_json:
        return legible(_walked(json.loads(content), seed))
    return _struck(content.decode(), seed).encode()


def check_told(home: Path, seed: int) -> None:
    """Refuse a folder of which a paper tells the seed: ``seed-told`` names each. Tables of data are no papers."""
    papers = [path for path in sorted(home.rglob("*")) if path.suffix in PAPERS and path.parent == home]
    if told := [path.name for path in papers if _pattern(seed).search(path.read_text(encoding="utf-8"))]:
        raise Refusal("seed-told", str(home), faults=told)


def _walked(value: Any, seed: int) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, dict):
        return {key: _walked(inner, seed) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walked(inner, seed) for inner in value]
    if isinstance(value, str):
        return _struck(value, seed)
    return WITHHELD if value == seed and not isinstance(value, bool) else value


def _struck(text: str, seed: int) -> str:
    return _pattern(seed).sub(WITHHELD, text)


def _pattern(seed: int) -> re.Pattern[str]:
    return re.compile(rf"(?<!\d){seed}(?!\d)")


__all__ = ["PAPERS", "WITHHELD", "check_told", "without"]
