"""What each node said of its log, co-signed where it continues what was said before, and what others signed of it."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Iterable
from sqlite3 import Connection

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.canonical import Document
from privacy.durable import Database
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered
from privacy.proofs import EMPTY
from privacy.signing import PublicKey
from privacy.witnessing import Said, Word, cosign, is_word

WITNESSES = 2  # nodes that are shown a log though it asked none: its next two, by fingerprint, in a ring
MOST_ASKED = 10  # witnesses that one node may name

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS checkpoint (
        node TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (node, size)
        ) STRICT""",
    """CREATE TABLE IF NOT EXISTS newest_checkpoint (
        node TEXT PRIMARY KEY, size INTEGER NOT NULL, content BLOB NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS proven_checkpoint (
        node TEXT NOT NULL, old INTEGER NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL,
        PRIMARY KEY (node, old)) STRICT""",
    """CREATE TABLE IF NOT EXISTS forked_checkpoint (
        node TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, content BLOB NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (node, size, root)) STRICT""",
    """CREATE TABLE IF NOT EXISTS asked_witness (
        node TEXT NOT NULL, witness TEXT NOT NULL, nonce TEXT NOT NULL, PRIMARY KEY (node, witness)) STRICT""",
    """CREATE TABLE IF NOT EXISTS cosigned_checkpoint (
        node TEXT NOT NULL, witness TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, key TEXT NOT NULL,
        content BLOB NOT NULL, PRIMARY KEY (node, witness)) STRICT""",
)


class Checkpoints:
    """What nodes said of their logs, in the coordinator's database.

    A checkpoint is taken when it is proven to continue the newest; then the coordinator signs it too. One that does
    not, though the node signed it, is kept as evidence that the node showed two histories. Of the newest the signed
    bytes are kept: a node whose state was put back to an older one is shown what it signed itself.
    """

    def __init__(self, database: Database, key: Ed25519PrivateKey) -> None:
        self._database, self._key = database, key

    def keep(self, word: Word, content: bytes, *, at: datetime.datetime) -> None:
        """Keep and co-sign a checkpoint whose signature is checked.

        Another root for a size known, or a proof that does not hold, is ``audit-tampered``; one that is not proven
        from the newest is ``proof-wanted``, and the node is told from where in its next news.
        """
        with self._database.transaction() as write:
            fault = self._judge(write, word)
            values = [word.log, word.size, word.root, at.isoformat(timespec="seconds")]
            if fault is None:
                write.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?)", values)
                newest = """INSERT INTO newest_checkpoint VALUES (?, ?, ?) ON CONFLICT DO UPDATE
                    SET size = excluded.size, content = excluded.content WHERE excluded.size > size"""
                write.execute(newest, [word.log, word.size, content])
                proven = """INSERT INTO proven_checkpoint VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
                    SET size = excluded.size, content = excluded.content WHERE excluded.size > size"""
                write.execute(proven, [word.log, word.old, word.size, content])
                self._cosign(write, word, content, at)
            elif isinstance(fault, Tampered):
                evidence = "INSERT OR IGNORE INTO forked_checkpoint VALUES (?, ?, ?, ?, ?)"
                write.execute(evidence, [*values[:3], content, values[3]])
        if fault is not None:
            raise fault

    def ask(self, word: Word) -> None:
        """Note that a node asks another for a fresh word, which is from now on shown its log."""
        query = "SELECT count(*) FROM asked_witness WHERE node = ? AND witness <> ?"
        with self._database.transaction() as write:
            if not word.witness or write.execute(query, [word.log, word.witness]).fetchone()[0] >= MOST_ASKED:
                raise Invalid("message-malformed")
            query = "INSERT INTO asked_witness VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET nonce = excluded.nonce"
            write.execute(query, [word.log, word.witness, word.nonce])

    def note(self, said: Said, log: PublicKey) -> None:
        """Keep what a node signed of another's log; a word that is not that is refused, as ``read_cosigned`` does."""
        word = said.word(log)
        with self._database.transaction() as write:
            _put(write, word, said)
            query = "UPDATE asked_witness SET nonce = '' WHERE node = ? AND witness = ? AND nonce = ?"
            write.execute(query, [word.log, word.by, word.nonce])

    def newest(self, node: str) -> bytes | None:
        """Return the signed checkpoint of this node that tells of the most leaves, if it ever sent one."""
        row = self._database.one("SELECT content FROM newest_checkpoint WHERE node = ?", [node])
        return bytes(row["content"]) if row else None

    def cosigned(self, node: str) -> list[Said]:
        """Return what others signed of a node's log, this coordinator first."""
        query = "SELECT key, content FROM cosigned_checkpoint WHERE node = ? ORDER BY witness <> ?, witness"
        rows = self._database.rows(query, [node, PublicKey.of(self._key).fingerprint])
        return [Said(PublicKey(row["key"]), row["content"]) for row in rows]

    def forked(self, node: str) -> list[bytes]:
        """Return the checkpoints that this node signed and that do not continue what it signed before."""
        query = "SELECT content FROM forked_checkpoint WHERE node = ? ORDER BY at, size"
        return [row["content"] for row in self._database.rows(query, [node])]

    def news(self, node: str, nodes: Iterable[str], key_of: Callable[[str], PublicKey | None]) -> Document:
        """Return what a node is told of logs: its own newest word, what others signed of it, and whose it may sign.

        ``nodes`` are the fingerprints of all that are enrolled.
        """
        ring = sorted(nodes)
        shown = {log: self._seen_by(log, node) for log in ring if node in self._witnesses(log, ring)}
        mine = {self._seen_by(node, witness) for witness in self._witnesses(node, ring)}
        row = self._database.one("SELECT size, content FROM newest_checkpoint WHERE node = ?", [node])
        before = {row["size"]} if row and not is_word(row["content"]) else set()  # a notice, as 0.3 took it
        return {
            "checkpoint": base64.b64encode(row["content"] if row else b"").decode(),
            "prove_from": sorted(before | {size for size in mine if self._proven(node, size) is None}),
            "cosigned": [said.document() for said in self.cosigned(node)],
            "logs": [
                {
                    "key": key.text,
                    "checkpoint": base64.b64encode(self._proven(log, seen) or b"").decode(),
                    "asked": self._asked(log, node),
                }
                for log, seen in shown.items()
                if (key := key_of(log)) is not None
            ],
        }

    def _judge(self, write: Connection, word: Word) -> HedgerowError | None:
        if word.kind != "checkpoint" or word.size >= 2**63:
            return Invalid("message-malformed")
        roots = dict(write.execute("SELECT size, root FROM checkpoint WHERE node = ?", [word.log]).fetchall())
        newest = max(roots, default=0)
        if roots.get(word.size, word.root) != word.root or (word.size < newest and word.size not in roots):
            return Tampered("audit-tampered", word.log)
        query = "SELECT size, root FROM cosigned_checkpoint WHERE node = ?"  # of before this state was lost
        base = {0: EMPTY} | dict(write.execute(query, [word.log]).fetchall()) | roots
        if word.old not in base or (word.size > newest and word.old != newest):
            return Refusal("proof-wanted", word.log)
        try:
            word.continues(base[word.old])
        except Tampered:
            return Tampered("audit-tampered", word.log)
        return None

    def _cosign(self, write: Connection, word: Word, content: bytes, at: datetime.datetime) -> None:
        stamp = at.astimezone(datetime.UTC).isoformat(timespec="seconds")
        said = Said(PublicKey.of(self._key), cosign(word.log, (word, content), self._key, at=stamp))
        _put(write, word, said)

    def _witnesses(self, node: str, ring: list[str]) -> set[str]:
        """Return whom a node asked to know its log, and its next in the ring."""
        rows = self._database.rows("SELECT witness FROM asked_witness WHERE node = ?", [node])
        at = ring.index(node) if node in ring else 0
        after = [*ring[at + 1 :], *ring[:at]] if node in ring else []
        return ({row["witness"] for row in rows} & set(ring) | set(after[:WITNESSES])) - {node}

    def _seen_by(self, node: str, witness: str) -> int:
        query = "SELECT size FROM cosigned_checkpoint WHERE node = ? AND witness = ?"
        row = self._database.one(query, [node, witness])
        return int(row["size"]) if row else 0

    def _proven(self, node: str, old: int) -> bytes | None:
        """Return the newest checkpoint with its proof from ``old`` leaves; None when the node has yet to prove it."""
        query = """SELECT p.content FROM proven_checkpoint p JOIN newest_checkpoint n USING (node)
            WHERE p.node = ? AND p.size = n.size AND p.old = ?"""
        row = self._database.one(query, [node, old])
        newest = self._database.one("SELECT size FROM newest_checkpoint WHERE node = ?", [node])
        if row is None and newest is not None and newest["size"] > old:
            return None
        return bytes(row["content"]) if row else b""

    def _asked(self, node: str, witness: str) -> str:
        query = "SELECT nonce FROM asked_witness WHERE node = ? AND witness = ?"
        row = self._database.one(query, [node, witness])
        return str(row["nonce"]) if row else ""


def _put(write: Connection, word: Word, said: Said) -> None:
    query = "INSERT OR REPLACE INTO cosigned_checkpoint VALUES (?, ?, ?, ?, ?, ?)"
    write.execute(query, [word.log, said.key.fingerprint, word.size, word.root, said.key.text, said.content])


__all__ = ["MOST_ASKED", "SCHEMA", "WITNESSES", "Checkpoints"]
