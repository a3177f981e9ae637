"""A plain document, as Markdown or as one self-contained HTML page: no script, and nothing fetched from anywhere."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

STYLE = (
    "body{font:1rem/1.5 Arial,sans-serif;color:#212b32;max-width:60rem;margin:0 auto;padding:1rem}"
    "h1,h2{line-height:1.25}table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}"
    "th,td{border-bottom:1px solid #aeb7bd;padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}code{overflow-wrap:anywhere}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
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
    for section in sections:
        lines += [f"## {_plain(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def as_html(title: str, sections: Iterable[Section]) -> str:
    """Return the document as one HTML page; no text of it can become markup."""
    body = [f"<h1>{html.escape(title)}</h1>"]
    for section in sections:
        body.append(f"<h2>{html.escape(section.title)}</h2>")
        body += [line for block in section.blocks for line in _html(block)]
    head = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>",
    ]
    return "\n".join([*head, *body, "</main></body></html>"]) + "\n"


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


def _html(block: str | Table | Bullets) -> Iterator[str]:
    match block:
        case str():
            yield f"<p>{html.escape(block)}</p>"
        case Bullets():
            yield "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in block.items) + "</ul>"
        case Table():
            head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in block.head)
            yield f"<table><thead><tr>{head}</tr></thead><tbody>"
            for row in block.rows:
                yield "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            yield "</tbody></table>"


__all__ = ["POLICY", "STYLE", "Bullets", "Section", "Table", "as_html", "as_markdown"]
