"""A profile in words and lines, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from privacy.canonical import JSON, Document

Table = Callable[[Sequence[str], Sequence[Sequence[object]]], str]


def told(name: str, profile: Document, reached: Sequence[Document], table: Table) -> str:
    """Return a profile as text: a line a column, what is not as it should be, who is in it, and whom it reaches."""
    head = ("COLUMN", "TYPE", "COMPLETE", "VALID", "NEWEST", "MOSTLY")
    rows = [
        (c["name"], c["type"], *map(share, (c["complete"], c["valid"])), newest(c), mostly(c))
        for c in profile["columns"]
    ]
    parts = [
        f"{name}, loaded on {profile['as_of']}: {profile['rows']} rows of {profile['people']} people",
        table(head, rows),
    ]
    if notes := list(noticed(profile)):
        parts.append("\n".join(f"  ! {note}" for note in notes))
    for covered in profile["coverage"]:
        groups = [(g["group"], g["people"], share(g["share"])) for g in covered["groups"]]
        parts.append(f"People by {covered['role']}\n" + table((covered["column"].upper(), "PEOPLE", "SHARE"), groups))
    for group in reached:
        with_events = [(g["group"], g["people"], g["with_events"], share(g["share"])) for g in group["groups"]]
        heading = (group["column"].upper(), "PEOPLE", "WITH EVENTS", "SHARE")
        parts.append(f"People with an event, by {group['role']}\n" + table(heading, with_events))
    return "\n\n".join(parts)


def noticed(profile: Document) -> Iterator[str]:
    """Give what deserves a look: rows set aside, checks that were broken, and columns that are not fresh."""
    if profile["repeated"]:
        yield f"{profile['repeated']} rows were set aside since they share the contract's key"
    for column in profile["columns"]:
        if faults := sum(column["faults"].values()):
            yield f"{column['name']}: {faults} rows were set aside ({', '.join(column['faults'])})"
        if not is_fresh(column):
            days = column["summary"]["days_old"]
            yield f"{column['name']}: the newest is {days:.0f} days old, at most {column['freshness_days']} are agreed"
    for check in profile["checks"]:
        if check["broken"]:
            yield f"check {check['name']}: {check['broken']} rows were set aside"


def is_fresh(column: Document) -> bool:
    """Say whether the newest day of a column was within the days agreed when it was loaded; True where none are."""
    days, agreed = (column["summary"] or {}).get("days_old"), column["freshness_days"]
    return days is None or agreed is None or days <= agreed


def line_of_history(name: str, profile: Document) -> dict[str, JSON]:
    """Return one load in a line: its rows and people, and its least complete and least valid column."""
    columns = [c for c in profile["columns"] if c["complete"] is not None]
    least = min(columns, key=lambda c: c["complete"], default=None)
    worst = min((c for c in columns if c["valid"] is not None), key=lambda c: c["valid"], default=None)
    return {
        "version": name,
        "loaded": profile["as_of"],
        "rows": profile["rows"],
        "people": profile["people"],
        "least_complete": least["complete"] if least else None,
        "in": least["name"] if least else "",
        "least_valid": worst["valid"] if worst else None,
        "of": worst["name"] if worst else "",
    }


def newest(column: Document) -> str:
    """Return the newest day of a column of days."""
    return str((column["summary"] or {}).get("newest", ""))


def mostly(column: Document) -> str:
    """Return the fullest bin of a column that has bins or codes."""
    summary = column["summary"]
    if not summary or not sum(summary["counts"]):
        return ""
    most = max(range(len(summary["counts"])), key=summary["counts"].__getitem__)
    return f"{summary['labels'][most]} ({share(summary['counts'][most] / sum(summary['counts']))})"


def share(value: float | None) -> str:
    """Return a share in per cent, never 100 where something is missing, nor 0 where something is there."""
    if value is None:
        return "-"
    if value in (0, 1):
        return f"{value:.0%}"
    return f"{min(max(value, 0.001), 0.999):.1%}"


__all__ = ["Table", "is_fresh", "line_of_history", "mostly", "newest", "noticed", "share", "told"]
