"""The leaderboard: a CSV with one line for each answer that was scored, added whole or not at all."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from privacy.errors import Invalid, Tampered, Unreachable

TEAM = re.compile(r"[^\W_](?:[\w .'-]{0,38}\w)?")  # no sign that a spreadsheet would take for a formula
SHARE = re.compile(r"(?:-?[0-9]+\.[0-9]{4})?")  # of pairs, as a line has it; nothing where there is none


@dataclass(frozen=True)
class Entry:
    """One answer's line; ``scored`` is a time in ISO 8601, numbers are texts, empty where there is none."""

    team: str
    use_case: str
    scored: str
    people: str
    outcomes: str
    auc: str
    auc_expected: str
    distance: str
    brier: str
    slope: str
    predictions_sha256: str


HEAD = tuple(field.name for field in fields(Entry))


def check_team(name: str) -> None:
    """Refuse a name that could not stand in a line: ``team-malformed``."""
    if not TEAM.fullmatch(name):
        raise Invalid("team-malformed", name[:60])


def add(path: Path, entry: Entry) -> list[Entry]:
    """Add a line, alone and forced to the disk, and return all lines; what a power cut left of one is taken away.

    ``leaderboard-malformed`` when the file is not a leaderboard: it is never changed then.
    """
    check_team(entry.team)
    try:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            entries = _entries(whole, path)
            file.seek(len(whole))
            file.truncate()
            file.write(_lines([entry] if whole else [HEAD, entry]))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unreachable("file-unwritable", str(path)) from error
    return [*entries, entry]


def ranked(entries: Iterable[Entry], use_case: str) -> list[tuple[Entry, int]]:
    """Return each team's best answer to a use case, the best team first, and how many answers the team gave.

    By the expected AUC, which luck has no part in; by the AUC where the truth is not known.
    """
    own = [entry for entry in entries if entry.use_case == use_case]
    counts = {entry.team: sum(other.team == entry.team for other in own) for entry in own}
    best: dict[str, Entry] = {}
    for entry in own:
        if entry.team not in best or _worth(entry) > _worth(best[entry.team]):
            best[entry.team] = entry
    return [(entry, counts[entry.team]) for entry in sorted(best.values(), key=_worth, reverse=True)]


def _worth(entry: Entry) -> float:
    return float(entry.auc_expected or entry.auc or 0)


def _entries(content: bytes, path: Path) -> list[Entry]:
    try:
        head, *rows = csv.reader(io.StringIO(content.decode(), newline="")) if content else [list(HEAD)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Tampered("leaderboard-malformed", str(path)) from error
    if tuple(head) != HEAD or any(len(row) != len(HEAD) for row in rows):
        raise Tampered("leaderboard-malformed", str(path))
    entries = [Entry(*row) for row in rows]
    if not all(SHARE.fullmatch(text) for each in entries for text in (each.auc, each.auc_expected)):
        raise Tampered("leaderboard-malformed", str(path))  # a nan would stand first
    return entries


def _lines(rows: Iterable[Entry | tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(astuple(row) if isinstance(row, Entry) else row for row in rows)
    return text.getvalue().encode()


__all__ = ["HEAD", "SHARE", "TEAM", "Entry", "add", "check_team", "ranked"]
