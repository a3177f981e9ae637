"""The log that nobody can quietly change: a Merkle tree of events (RFC 9162), appended in the caller's transaction."""

from __future__ import annotations

import datetime
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privacy.canonical import JSON, Document, canonical
from privacy.durable import Database
from privacy.errors import Refusal, Tampered
from privacy.proofs import Path, consistency_path, grown, inclusion_path, leaf_hash, node_hash, root_of
from privacy.signing import PublicKey, sign

SALT_BYTES = 16
CHECKPOINT = "audit-checkpoint"
CLOCK_ACCEPTED = "clock-accepted"  # the one leaf that may be older than the leaf before it
CLOCK_MAY_LAG = datetime.timedelta(minutes=5)  # what time servers and a person at the console put right without a word
NEWEST = "SELECT position, content, frontier FROM audit_leaf ORDER BY position DESC LIMIT 1"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS audit_leaf (
        position INTEGER PRIMARY KEY, content BLOB NOT NULL, frontier BLOB NOT NULL, seal BLOB NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS audit_checkpoint (
        size INTEGER PRIMARY KEY, root TEXT NOT NULL, signature TEXT NOT NULL) STRICT""",
)


@dataclass(frozen=True)
class Checkpoint:
    """The log's size and root hash, signed by the node: whoever keeps one can tell if the past was rewritten."""

    size: int
    root: str
    signature: str

    def verify(self, key: PublicKey) -> None:
        """Return if ``key`` signed this checkpoint; otherwise ``signature-wrong``."""
        key.verify(CHECKPOINT, {"size": self.size, "root": self.root}, self.signature)


class Scribe:
    """Writes leaves and checkpoints with the node's key, on whatever connection it is given.

    A leaf is salted, so that its hash, and so a checkpoint that leaves the node, tells nothing about what it holds. It
    is sealed with a key that only the node has, so that whoever can write to the disk, and no more, can add none.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._sealing = HKDF(SHA256(), 32, salt=None, info=b"hedgerow audit seal").derive(key.private_bytes_raw())

    def append(
        self,
        connection: sqlite3.Connection,
        event: str,
        facts: Mapping[str, JSON],
        *,
        at: str,
        whatever_the_clock: bool = False,
    ) -> int:
        """Add one leaf inside the caller's transaction and return its position: both commit, or neither.

        Time in the log never runs back. A clock up to five minutes behind the newest leaf is taken to say that leaf's
        time; one further behind is ``clock-behind``, and nothing is written, unless ``whatever_the_clock``.
        """
        row = connection.execute(NEWEST).fetchone()
        if row and event != CLOCK_ACCEPTED:
            at = _not_before(json.loads(row["content"])["at"], at, refuse=not whatever_the_clock)
        leaf: Document = {"event": event, "at": at, "facts": dict(facts), "salt": secrets.token_hex(SALT_BYTES)}
        position, frontier = (row["position"] + 1, json.loads(row["frontier"])) if row else (0, [])
        content = canonical(leaf)
        frontier = grown(frontier, position, leaf_hash(content))
        connection.execute(
            "INSERT INTO audit_leaf VALUES (?, ?, ?, ?)",
            (position, content, json.dumps(frontier).encode(), self._seal(position, content)),
        )
        return position

    def _seal(self, position: int, content: bytes) -> bytes:
        return hmac.digest(self._sealing, b"%d " % position + content, "sha256")

    @property
    def public_key(self) -> PublicKey:
        """Return the key that checkpoints are verified with."""
        return PublicKey.of(self._key)

    def signed(self, connection: sqlite3.Connection) -> Checkpoint:
        """Return a signature over the log as this connection sees it, and keep nothing."""
        row = connection.execute(NEWEST).fetchone()
        return self._signed(row)

    def _signed(self, row: sqlite3.Row | None) -> Checkpoint:
        size, root = (row["position"] + 1, root_of(json.loads(row["frontier"]))) if row else (0, root_of([]))
        return self.vouched(size, root)

    def vouched(self, size: int, root: str) -> Checkpoint:
        """Sign figures that the caller knows to be this node's own."""
        return Checkpoint(size, root, sign(self._key, CHECKPOINT, {"size": size, "root": root}))

    def checkpoint(self, connection: sqlite3.Connection) -> Checkpoint:
        """Sign the log as it stands, inside the caller's transaction, and keep the signature beside it."""
        signed = self.signed(connection)
        row = (signed.size, signed.root, signed.signature)
        connection.execute("INSERT OR REPLACE INTO audit_checkpoint VALUES (?, ?, ?)", row)
        return signed


class AuditLog(Scribe):
    """The log in a node's state: ``verify`` recomputes everything from the leaves."""

    def __init__(self, database: Database, key: Ed25519PrivateKey) -> None:
        super().__init__(key)
        self._database = database
        self._places: dict[tuple[str, str], tuple[int, frozenset[int]]] = {}

    @property
    def size(self) -> int:
        """Return how many leaves there are."""
        row = self._database.one("SELECT max(position) AS newest FROM audit_leaf")
        return 0 if row is None or row["newest"] is None else int(row["newest"]) + 1

    def check_newest(self, *, size: int, root: str) -> None:
        """Hold the log against a size and root that it once had, by this node's own word: else ``state-behind``.

        A log that is smaller, or went on otherwise from there, is an older state put back: what was spent since is
        not in it.
        """
        if self.root_at(size) != root:
            raise Tampered("state-behind", f"this log has {self.size} leaves; one of {size} was signed here")

    def as_it_stands(self) -> Checkpoint:
        """Return a signature over the whole log, and keep nothing."""
        return self._signed(self._database.one(NEWEST))

    def root_at(self, size: int) -> str:
        """Return the root that the log had when it had ``size`` leaves, as it now tells."""
        row = self._database.one("SELECT frontier FROM audit_leaf WHERE position = ?", [size - 1])
        return root_of(json.loads(row["frontier"]) if row else [])

    def includes(self, position: int, size: int) -> Path:
        """Return the proof that the leaf at ``position`` is in the log of ``size`` leaves."""
        return inclusion_path(self._subtree, position, size)

    def continues(self, old: int, size: int) -> Path:
        """Return the proof that the log of ``size`` leaves begins with that of ``old``."""
        return consistency_path(self._subtree, old, size)

    def _subtree(self, start: int, end: int) -> str:
        """Return the root over a full subtree; a left child was kept when it was made whole."""
        row = self._database.one("SELECT content, frontier FROM audit_leaf WHERE position = ?", [end - 1])
        if row is None:
            raise Tampered("audit-tampered", f"leaf {end - 1} is missing")
        if end & -end == end - start:
            return str(json.loads(row["frontier"])[-1])
        if end - start == 1:
            return leaf_hash(row["content"])
        middle = (start + end) // 2
        return node_hash(self._subtree(start, middle), self._subtree(middle, end))

    def newest_at(self) -> str:
        """Return the time of the newest leaf, before which no other may be written; empty when there is none."""
        row = self._database.one(NEWEST)
        return str(json.loads(row["content"])["at"]) if row else ""

    def at(self, position: int) -> str:
        """Return the time of the leaf at a position; empty where the log does not reach."""
        row = self._database.one("SELECT content FROM audit_leaf WHERE position = ?", [position])
        return str(json.loads(row["content"])["at"]) if row else ""

    def facts(self, connection: sqlite3.Connection, position: int) -> Document:
        """Return the facts of one leaf that this node sealed; otherwise ``audit-tampered``."""
        row = connection.execute("SELECT content, seal FROM audit_leaf WHERE position = ?", (position,)).fetchone()
        if row is None or not hmac.compare_digest(row["seal"], self._seal(position, row["content"])):
            raise Tampered("audit-tampered", f"leaf {position}")
        facts: Document = json.loads(row["content"])["facts"]
        return facts

    def places(self, event: str, study: str) -> frozenset[int]:
        """Return of which places of a study the log tells such an event, whatever rows elsewhere in the state say.

        Each leaf is looked at once for a study, and only parsed if it names it. Ask before you append: what is rolled
        back would be remembered.
        """
        seen, found = self._places.get((event, study), (0, frozenset()))
        size = self.size
        query = "SELECT content FROM audit_leaf WHERE position BETWEEN ? AND ? AND instr(content, ?)"
        leaves = (json.loads(row["content"]) for row in self._database.rows(query, [seen, size - 1, study.encode()]))
        told = (leaf["facts"] for leaf in leaves if leaf["event"] == event)
        found |= {int(facts["place"]) for facts in told if facts["study"] == study}
        self._places[event, study] = max(seen, size), found
        return found

    def contents(self, size: int) -> list[tuple[int, bytes]]:
        """Return place and content of the first ``size`` leaves."""
        query = "SELECT position, content FROM audit_leaf WHERE position < ? ORDER BY position"
        return [(row["position"], row["content"]) for row in self._database.rows(query, [size])]

    def events(self, *, after: int = -1) -> list[Document]:
        """Return every leaf, or those after a position, oldest first, with its position."""
        query = "SELECT position, content FROM audit_leaf WHERE position > ? ORDER BY position"
        rows = self._database.rows(query, [after])
        return [{"position": row["position"], **json.loads(row["content"])} for row in rows]

    def verify(self, *, elsewhere: Iterable[Checkpoint] = ()) -> Checkpoint | None:
        """Verify the log as ``verify_log`` does, and that this node sealed every leaf."""
        for row in self._database.rows("SELECT position, content, seal FROM audit_leaf"):
            if not hmac.compare_digest(row["seal"], self._seal(row["position"], row["content"])):
                raise Tampered("audit-tampered", f"leaf {row['position']} was not written here")
        return verify_log(self._database, self.public_key, elsewhere=elsewhere)


def verify_log(database: Database, key: PublicKey, *, elsewhere: Iterable[Checkpoint] = ()) -> Checkpoint | None:
    """Recompute the tree and hold every checkpoint against it; a difference is ``audit-tampered``.

    ``elsewhere`` are checkpoints that somebody else kept: with them, a log that was rewritten by whoever holds the key,
    or cut short together with its own checkpoints, shows. Returns the newest checkpoint, or None when there is none.
    """
    signed = [Checkpoint(*row) for row in database.rows("SELECT * FROM audit_checkpoint")] + list(elsewhere)
    for each in signed:
        each.verify(key)
    kept = {each.size: each for each in signed}
    if any(kept[each.size].root != each.root for each in signed):
        raise Tampered("audit-tampered", "two checkpoints of one size differ")
    rows = database.rows("SELECT position, content, frontier FROM audit_leaf ORDER BY position")
    frontier: list[str] = []
    for expected, row in enumerate(rows):
        if row["position"] != expected:
            raise Tampered("audit-tampered", f"leaf {expected} is missing")
        frontier = grown(frontier, expected, leaf_hash(row["content"]))
        if row["frontier"] != json.dumps(frontier).encode():
            raise Tampered("audit-tampered", f"leaf {expected} was changed")
        if (checkpoint := kept.get(expected + 1)) and checkpoint.root != root_of(frontier):
            raise Tampered("audit-tampered", f"checkpoint {expected + 1} does not match the leaves")
    if kept and max(kept) > len(rows):
        raise Tampered("audit-tampered", f"leaves after {len(rows)} are missing")
    return kept[max(kept)] if kept else None


def _not_before(newest: str, at: str, *, refuse: bool) -> str:
    lag = datetime.datetime.fromisoformat(newest) - datetime.datetime.fromisoformat(at)
    if lag > CLOCK_MAY_LAG and refuse:
        raise Refusal("clock-behind", f"the newest leaf of the log is of {newest}, the clock says {at}")
    return newest if lag > datetime.timedelta(0) else at


__all__ = [
    "CHECKPOINT",
    "CLOCK_ACCEPTED",
    "CLOCK_MAY_LAG",
    "NEWEST",
    "SALT_BYTES",
    "SCHEMA",
    "AuditLog",
    "Checkpoint",
    "Scribe",
    "verify_log",
]
