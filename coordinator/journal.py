"""What was asked and what was answered, on disk before it is acted on: a killed coordinator asks nothing anew."""

from __future__ import annotations

from collections.abc import Iterable

from privacy.durable import Database

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS exchange (
        study TEXT NOT NULL, place INTEGER NOT NULL, request BLOB NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (study, place)) STRICT""",
    """CREATE TABLE IF NOT EXISTS answer (
        study TEXT NOT NULL, place INTEGER NOT NULL, node TEXT NOT NULL, content BLOB NOT NULL,
        counted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (study, place, node)) STRICT""",
)


class Journal:
    """The exchanges of all studies. A run's state is what its computations make of the answers, so none is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, study: str, place: int, request: bytes) -> tuple[bytes, dict[str, bytes], bool]:
        """Write a request down before it is sent; one that is there already stands.

        Returns the request that stands, the answers that came (those that counted, once closed), and whether it is
        closed.
        """
        with self._database.transaction() as connection:
            values = (study, place, request)
            connection.execute("INSERT OR IGNORE INTO exchange (study, place, request) VALUES (?, ?, ?)", values)
            query = "SELECT request, closed FROM exchange WHERE study = ? AND place = ?"
            row = connection.execute(query, (study, place)).fetchone()
            query = "SELECT node, content FROM answer WHERE study = ? AND place = ? AND counted >= ?"
            answers = connection.execute(query, (study, place, row["closed"])).fetchall()
        return row["request"], {a["node"]: a["content"] for a in answers}, bool(row["closed"])

    def keep(self, study: str, place: int, node: str, content: bytes) -> None:
        """Keep a verified answer; a second one from the same node for the same place is ignored."""
        with self._database.transaction() as connection:
            values = (study, place, node, content)
            connection.execute("INSERT OR IGNORE INTO answer (study, place, node, content) VALUES (?, ?, ?, ?)", values)

    def close(self, study: str, place: int, nodes: Iterable[str]) -> None:
        """Fix which answers the total was made of."""
        with self._database.transaction() as connection:
            for node in nodes:
                query = "UPDATE answer SET counted = 1 WHERE study = ? AND place = ? AND node = ?"
                connection.execute(query, (study, place, node))
            connection.execute("UPDATE exchange SET closed = 1 WHERE study = ? AND place = ?", (study, place))

    def counted(self, study: str) -> list[bytes]:
        """Return the answers that totals were made of, as the nodes signed them, by place and node."""
        query = "SELECT content FROM answer WHERE study = ? AND counted = 1 ORDER BY place, node"
        return [row["content"] for row in self._database.rows(query, (study,))]


__all__ = ["SCHEMA", "Journal"]
