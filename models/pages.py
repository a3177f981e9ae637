"""A plain document, as Markdown or as one self-contained HTML page: no script, and nothing fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from privacy.page import Html, bullets, page, paragraphs, section, table

KIND = "Model card"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True)
class Table:
    """Rows under a head; every cell is plain text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Bullets:
    """A list of plain texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it: paragraphs, lists and tables."""

    title: str
    blocks: tuple[str | Table | Bullets, ...]


def as_markdown(title: str, sections: Iterable[Section]) -> str:
    """Return the document as Markdown; no text of it can become markup."""
    lines = [f"# {_plain(title)}", ""]
    for each in sections:
        lines += [f"## {_plain(each.title)}", ""]
        for block in each.blocks:
            lines += [*_markdown(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def as_html(title: str, sections: Iterable[Section]) -> str:
    """Return the document as one HTML page; no text of it can become markup."""
    parts = [section(s.title, *(_html(block, s.title) for block in s.blocks)) for s in sections]
    return page(
        title, *parts, kind=KIND, foot="Its sidecar, of the same name and .sig, is the coordinator's signature."
    ).decode()


def _markdown(block: str | Table | Bullets) -> Iterator[str]:
    match block:
        case str():
            yield _plain(block)
        case Bullets():
            yield from (f"* {_plain(item)}" for item in block.items)
        case Table():
            yield _row(block.head)
            yield "|" + "---|" * len(block.head)
            yield from (_row(row) for row in block.rows)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _html(block: str | Table | Bullets, title: str) -> Html:
    match block:
        case str():
            return paragraphs(block)
        case Bullets():
            return bullets(block.items)
        case Table():
            return table(title, block.head, block.rows, captioned=False)


__all__ = ["KIND", "Bullets", "Section", "Table", "as_html", "as_markdown"]
