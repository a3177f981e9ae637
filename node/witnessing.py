"""What this node has seen of other nodes' logs, and signs: that each continues all that it signed of it before."""

from __future__ import annotations

from collections.abc import Iterable

from privacy.canonical import Document
from privacy.durable import Database
from privacy.errors import HedgerowError, Invalid, Tampered
from privacy.proofs import EMPTY
from privacy.signing import PublicKey
from privacy.witnessing import Said, Word, read_word

MOST_LOGS = 250  # DESIGN section 14: nodes of a federation

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS witnessed (
        log TEXT PRIMARY KEY, size INTEGER NOT NULL, root TEXT NOT NULL, content BLOB NOT NULL) STRICT""",
)


class Witnessed:
    """The newest checkpoint of each log that the coordinator showed, taken only with a proof that it continues."""

    def __init__(self, database: Database, *, node: str) -> None:
        self._database, self._node = database, node

    def look(self, documents: Iterable[Document], *, at: str) -> tuple[list[tuple[Word, bytes]], list[HedgerowError]]:
        """Return what to sign of the logs shown, each with the checkpoint seen, and why any was not taken.

        Signed is what is new, what was asked for, and, where what is shown is not proven from there, what is held here.
        One that the node signed and that does not continue what it signed before is ``audit-tampered``.
        """
        words: list[tuple[Word, bytes]] = []
        ignored: list[HedgerowError] = []
        for document in list(documents)[:MOST_LOGS]:
            try:
                words += self._signed(document, at)
            except HedgerowError as error:
                ignored.append(error)
        return words, ignored

    def _signed(self, document: Document, at: str) -> list[tuple[Word, bytes]]:
        shown = Said.of({"key": document.get("key"), "word": document.get("checkpoint")})
        nonce = str(document.get("asked", ""))
        log = shown.key.fingerprint
        changed = bool(shown.content) and log != self._node and self._take(shown.content, shown.key)
        if log == self._node or not (changed or nonce):
            return []
        size, root, content = self.held(log)
        return [(Word("cosigned", self._node, log, size, root, nonce=nonce, at=at), content)]

    def all(self) -> list[tuple[str, int, str]]:
        """Return each log seen, by its node's fingerprint: how many leaves, and the root."""
        return [tuple(row) for row in self._database.rows("SELECT log, size, root FROM witnessed ORDER BY log")]

    def held(self, log: str) -> tuple[int, str, bytes]:
        """Return size, root and signed bytes of the newest checkpoint seen of a log; 0 and none if never any."""
        row = self._database.one("SELECT size, root, content FROM witnessed WHERE log = ?", [log])
        return (row["size"], row["root"], row["content"]) if row else (0, EMPTY, b"")

    def _take(self, content: bytes, key: PublicKey) -> bool:
        """Keep a checkpoint that continues the one held; say whether there is something to tell of it."""
        word = read_word(content, key)
        size, root, _ = self.held(word.log)
        if word.kind != "checkpoint" or word.size < size:
            return word.size < size
        if word.size == size and word.root != root:
            raise Tampered("audit-tampered", f"log of {word.log}: two of {size} leaves")
        if word.size == size or word.old != size:
            return word.size > size
        try:
            word.continues(root)
        except Tampered as error:
            raise Tampered("audit-tampered", f"log of {word.log}: {word.size} leaves do not continue {size}") from error
        with self._database.transaction() as write:
            if not size and write.execute("SELECT count(*) FROM witnessed").fetchone()[0] >= MOST_LOGS:
                raise Invalid("message-malformed", f"more than {MOST_LOGS} logs")
            row = [word.log, word.size, word.root, content]
            write.execute("INSERT OR REPLACE INTO witnessed VALUES (?, ?, ?, ?)", row)
        return True


__all__ = ["MOST_LOGS", "SCHEMA", "Witnessed"]
