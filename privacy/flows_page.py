"""The register of flows as a data-use register to publish: a page or Markdown, in the columns of the five safes."""

from __future__ import annotations

from collections.abc import Sequence

from privacy.flows import Direction, Flow
from privacy.page import Html, bullets, facts, page, paragraphs, section, table, tag

SECTIONS: tuple[tuple[Direction, str, str], ...] = (
    (
        "out",
        "What leaves",
        "Studies that two people of this organisation approved. About people only noisy sums leave.",
    ),
    ("linked", "What is linked", "Agreements under which records without an NHS number become a person's."),
    ("in", "What comes in", "Records that are loaded, and what is done with each field before anything is stored."),
)
# The Five Safes, as UK data-use registers print them
SAFES = ("safe project", "safe people", "safe data", "safe setting", "safe outputs", "until", "on record")
FOOT = (
    "Generated from the audit log, and from the contracts, agreements and studies whose hashes are in it. No figure in "
    "it depends on whose records are here, but for which study goes on: whether it has people enough is judged with "
    "noise, and charged."
)
FIELDS = ("field", "kind", "what is done with it", "what it is")


def flows_page(flows: Sequence[Flow], *, organisation: str, as_of: str = "") -> bytes:
    """Return the register as one page that stands alone; ``as_of`` says of which log, and who signed it."""
    parts = [section(title, *_part(what, _of(flows, direction))) for direction, title, what in SECTIONS]
    return page(organisation, *parts, kind="Data-use register", foot=_foot(as_of))


def flows_markdown(flows: Sequence[Flow], *, organisation: str, as_of: str = "") -> str:
    """Return the register as Markdown; ``as_of`` says of which log, and who signed it."""
    lines = [f"# Data-use register: {_plain(organisation)}", ""]
    for direction, title, what in SECTIONS:
        lines += [f"## {title}", "", what, ""]
        for flow in _of(flows, direction):
            lines += flow_lines(flow)
        if not _of(flows, direction):
            lines += ["Nothing.", ""]
    return "\n".join([*lines, _plain(_foot(as_of)), ""])


def flow_lines(flow: Flow) -> list[str]:
    """Return one flow as lines of Markdown."""
    head = [f"### {_plain(flow.title)} (`{flow.name}`)", "", "| | |", "|---|---|"]
    return [*head, *(f"| {name} | {_plain(text)} |" for name, text in _safes(flow)), "", *_field_lines(flow)]


def _of(flows: Sequence[Flow], direction: Direction) -> list[Flow]:
    return [flow for flow in flows if flow.direction == direction]


def _part(what: str, flows: Sequence[Flow]) -> list[Html]:
    parts = [paragraphs(what)]
    for flow in flows:
        parts += [tag("h3", f"{flow.title} ({flow.name})"), facts(_safes(flow)[:2]), facts(_safes(flow)[2:])]
        if flow.fields:
            rows = [(f.name, f.kind, f.treatment, f.description) for f in flow.fields]
            parts.append(table(f"Fields of {flow.name}", FIELDS, rows))
    return parts if flows else [*parts, bullets(["Nothing."])]


def _safes(flow: Flow) -> list[tuple[str, str]]:
    """Return a flow under the headings of the five safes, then until when."""
    project = _sentences(flow.purpose, f"Legal basis: {flow.legal_basis}")
    people = _sentences(flow.people, f"From {flow.source} to {flow.recipient}", f"Controller: {flow.controller}")
    record = _sentences(*flow.record)
    said = (project, people, _sentences(*flow.data), flow.setting, _sentences(*flow.outputs), flow.until, record)
    return [(name.capitalize(), text) for name, text in zip(SAFES, said, strict=True) if text]


def _foot(as_of: str) -> str:
    return f"{FOOT} {as_of}".rstrip()


def _sentences(*texts: str) -> str:
    """Return texts one after the other, each ending as a sentence does."""
    return " ".join(text if text.endswith((".", "?", "!")) else f"{text}." for text in texts)


def _field_lines(flow: Flow) -> list[str]:
    if not flow.fields:
        return []
    rows = [f"| `{f.name}` | {f.kind} | {f.treatment} | {_plain(f.description)} |" for f in flow.fields]
    return [f"| {' | '.join(FIELDS)} |", "|---|---|---|---|", *rows, ""]


def _plain(text: str) -> str:
    """Return a text that stays in its cell: what people wrote must not become markup."""
    return "".join(f"\\{c}" if c in r"\|*_`<>[]#" else c for c in text)


__all__ = ["FIELDS", "FOOT", "SAFES", "SECTIONS", "flow_lines", "flows_markdown", "flows_page"]
