"""The newest word of each node about its own log, kept as the node signed it, and given back when the node asks."""

from __future__ import annotations

import base64
import datetime

from privacy.durable import Database
from privacy.errors import Invalid, Tampered
from privacy.release import Notice

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS checkpoint (
        node TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (node, size)
        ) STRICT""",
    """CREATE TABLE IF NOT EXISTS newest_checkpoint (
        node TEXT PRIMARY KEY, size INTEGER NOT NULL, content BLOB NOT NULL) STRICT""",
)


class Checkpoints:
    """What nodes said of their logs, in the coordinator's database.

    Every size and root is kept, so that a node cannot show two histories. Of the newest the signed bytes are kept too:
    a node whose state was put back to an older one is shown what it signed itself, and cannot take it for our word.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, notice: Notice, content: bytes, *, at: datetime.datetime) -> None:
        """Keep a checkpoint whose signature is checked; another root for a size known is ``audit-tampered``."""
        if notice.place != 0 or notice.size >= 2**63:
            raise Invalid("message-malformed")
        with self._database.transaction() as write:
            query = "SELECT root FROM checkpoint WHERE node = ? AND size = ?"
            row = write.execute(query, [notice.node, notice.size]).fetchone()
            if row and row["root"] != notice.root:
                raise Tampered("audit-tampered", notice.node)
            values = [notice.node, notice.size, notice.root, at.isoformat(timespec="seconds")]
            write.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?)", values)
            newest = """INSERT INTO newest_checkpoint VALUES (?, ?, ?) ON CONFLICT DO UPDATE
                SET size = excluded.size, content = excluded.content WHERE excluded.size > size"""
            write.execute(newest, [notice.node, notice.size, content])

    def newest(self, node: str) -> bytes | None:
        """Return the signed checkpoint of this node that tells of the most leaves, if it ever sent one."""
        row = self._database.one("SELECT content FROM newest_checkpoint WHERE node = ?", [node])
        return bytes(row["content"]) if row else None

    def told(self, node: str) -> str:
        """Return the same as text for the wire; empty when there is none."""
        return base64.b64encode(self.newest(node) or b"").decode()


__all__ = ["SCHEMA", "Checkpoints"]
