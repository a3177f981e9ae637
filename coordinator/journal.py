"""What was asked and what was answered, on disk before it is acted on: a killed coordinator asks nothing anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from sqlite3 import Row
from typing import Literal

from privacy.durable import Database

ContactState = Literal["waiting", "answered", "refused", "silent"]
LOST = b""  # stands for an answer that was damaged, until the node gives it again

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS exchange (
        study TEXT NOT NULL, place INTEGER NOT NULL, request BLOB NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (study, place)) STRICT""",
    """CREATE TABLE IF NOT EXISTS answer (
        study TEXT NOT NULL, place INTEGER NOT NULL, node TEXT NOT NULL, content BLOB NOT NULL,
        counted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (study, place, node)) STRICT""",
    """CREATE TABLE IF NOT EXISTS stage (
        study TEXT NOT NULL, stage TEXT NOT NULL, place INTEGER NOT NULL, about TEXT NOT NULL, node TEXT NOT NULL,
        content BLOB NOT NULL, PRIMARY KEY (study, stage, place, about, node)) STRICT""",
    """CREATE TABLE IF NOT EXISTS contact (
        study TEXT NOT NULL, place INTEGER NOT NULL, node TEXT NOT NULL, title TEXT NOT NULL,
        asks INTEGER NOT NULL, asked_at TEXT NOT NULL, ended_at TEXT NOT NULL DEFAULT '', seconds REAL,
        code TEXT NOT NULL DEFAULT '', PRIMARY KEY (study, place, node)) STRICT""",
)
KEEP = """INSERT INTO answer (study, place, node, content) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET content = excluded.content WHERE answer.content = x''"""
ASK = """INSERT INTO contact (study, place, node, title, asks, asked_at) VALUES (?, ?, ?, ?, 1, ?)
    ON CONFLICT DO UPDATE SET asks = asks + 1, ended_at = '', seconds = NULL, code = '',
    asked_at = CASE WHEN ended_at = '' THEN asked_at ELSE excluded.asked_at END"""

END = "UPDATE contact SET ended_at = ?, seconds = ?, code = ? WHERE study = ? AND place = ? AND node = ?"


@dataclass(frozen=True)
class Standing:
    """A request that stands, and the answers that came, or once ``closed`` those that its total is made of."""

    request: bytes
    answers: Mapping[str, bytes]
    closed: bool


@dataclass(frozen=True)
class Contact:
    """What became of asking one node for one place; ``seconds`` from the last request sent to the answer."""

    place: int
    title: str
    node: str
    asks: int
    asked_at: str
    ended_at: str
    seconds: float | None
    code: str

    @property
    def state(self) -> ContactState:
        """Return how it stands: a node that is neither waited for nor heard of was silent."""
        if self.ended_at == "":
            return "waiting"
        if self.code:
            return "refused"
        return "silent" if self.seconds is None else "answered"


class Journal:
    """The exchanges of all studies. A run's state is what its computations make of the answers, so none is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, study: str, place: int, request: bytes) -> Standing:
        """Write a request down before it is sent; one that is there already stands."""
        with self._database.transaction() as connection:
            values = (study, place, request)
            connection.execute("INSERT OR IGNORE INTO exchange (study, place, request) VALUES (?, ?, ?)", values)
            query = "SELECT request, closed FROM exchange WHERE study = ? AND place = ?"
            row = connection.execute(query, (study, place)).fetchone()
            query = "SELECT node, content FROM answer WHERE study = ? AND place = ? AND counted >= ?"
            answers = connection.execute(query, (study, place, row["closed"])).fetchall()
        return Standing(row["request"], {a["node"]: a["content"] for a in answers}, bool(row["closed"]))

    def ask(self, study: str, place: int, title: str, nodes: Iterable[str], *, at: str) -> None:
        """Note that these nodes are asked; who is still waited for keeps the time of the first request."""
        with self._database.transaction() as connection:
            connection.executemany(ASK, [(study, place, node, title, at) for node in nodes])

    def keep(self, study: str, place: int, node: str, content: bytes, *, seconds: float, at: str) -> None:
        """Keep a verified answer; a second one from the same node for the same place is ignored."""
        with self._database.transaction() as connection:
            connection.execute(KEEP, (study, place, node, content))
            connection.execute(END, (at, seconds, "", study, place, node))

    def refuse(self, study: str, place: int, node: str, code: str, *, seconds: float, at: str) -> None:
        """Note that a node answered with a code, or with what does not count."""
        with self._database.transaction() as connection:
            connection.execute(END, (at, seconds, code, study, place, node))

    def give_up(self, study: str, place: int, *, at: str) -> None:
        """Note that nobody is waited for any more at a place."""
        with self._database.transaction() as connection:
            query = "UPDATE contact SET ended_at = ? WHERE study = ? AND place = ? AND ended_at = ''"
            connection.execute(query, (at, study, place))

    def lose(self, study: str, place: int, node: str) -> None:
        """Drop an answer that cannot be read any more; whether it was counted stays known."""
        with self._database.transaction() as connection:
            query = "UPDATE answer SET content = ? WHERE study = ? AND place = ? AND node = ?"
            connection.execute(query, (LOST, study, place, node))

    def close(self, study: str, place: int, nodes: Iterable[str]) -> None:
        """Fix which answers the total was made of."""
        with self._database.transaction() as connection:
            query = "UPDATE answer SET counted = 1 WHERE study = ? AND place = ? AND node = ?"
            connection.executemany(query, [(study, place, node) for node in nodes])
            connection.execute("UPDATE exchange SET closed = 1 WHERE study = ? AND place = ?", (study, place))

    def abandon(self, study: str, place: int) -> None:
        """Give a place up for good: its total is made of no answer, whether too few came or they stay masked."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE answer SET counted = 0 WHERE study = ? AND place = ?", (study, place))
            connection.execute("UPDATE exchange SET closed = 1 WHERE study = ? AND place = ?", (study, place))

    def asked(self, study: str, place: int) -> bool:
        """Say whether a request stands for a place."""
        query = "SELECT 1 FROM exchange WHERE study = ? AND place = ?"
        return self._database.one(query, (study, place)) is not None

    def keep_stage(self, study: str, stage: str, contents: Mapping[int, bytes], node: str, *, about: str) -> None:
        """Keep what a node said in a stage of secure aggregation, place by place; what is there already stays."""
        rows = [(study, stage, place, about, node, content) for place, content in contents.items()]
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO stage VALUES (?, ?, ?, ?, ?, ?)", rows)

    def forget_shares(self, study: str, places: Iterable[int], *, about: str) -> None:
        """Drop what was dealt for these places to any other roster: whoever deals anew has forgotten it."""
        query = "DELETE FROM stage WHERE study = ? AND stage = 'share' AND place = ? AND about != ?"
        with self._database.transaction() as connection:
            connection.executemany(query, [(study, place, about) for place in places])

    def stage(self, study: str, stage: str, place: int, *, about: str) -> dict[str, bytes]:
        """Return what nodes said in a stage of a place, about one roster or request."""
        query = "SELECT node, content FROM stage WHERE study = ? AND stage = ? AND place = ? AND about = ?"
        return {row["node"]: row["content"] for row in self._database.rows(query, (study, stage, place, about))}

    def counted(self, study: str) -> list[bytes]:
        """Return the answers that totals were made of, as the nodes signed them, by place and node."""
        query = "SELECT content FROM answer WHERE study = ? AND counted = 1 ORDER BY place, node"
        return [row["content"] for row in self._database.rows(query, (study,))]

    def signed_by(self, node: str) -> list[bytes]:
        """Return every release of one node, as it signed it, by study and place."""
        query = "SELECT content FROM answer WHERE node = ? AND content != ? ORDER BY study, place"
        return [row["content"] for row in self._database.rows(query, (node, LOST))]

    def contacts(self, study: str, place: int | None = None) -> list[Contact]:
        """Return who was asked for what in a study, or for one place of it, in the plan's order."""
        query = "SELECT * FROM contact WHERE study = ? AND (? IS NULL OR place = ?) ORDER BY place, node"
        return [_contact(row) for row in self._database.rows(query, [study, place, place])]


def _contact(row: Row) -> Contact:
    return Contact(**{name: row[name] for name in Contact.__dataclass_fields__})


__all__ = ["ASK", "END", "KEEP", "LOST", "SCHEMA", "Contact", "ContactState", "Journal", "Standing"]
