"""Who else knows how long this node's log is: told often, what they signed of it kept, and held against the log."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from node import witnessing
from privacy.audit import AuditLog, Checkpoint
from privacy.canonical import Document
from privacy.durable import Database
from privacy.errors import HedgerowError, Invalid, Unreachable
from privacy.signing import PublicKey
from privacy.witnessing import NONCE_BYTES, Said, Word, content_of, read_word

if TYPE_CHECKING:
    from node.assemble import Node

TOLD_AT_LEAST = datetime.timedelta(seconds=10)  # while the log keeps growing; once it is quiet, at once
MAY_LAG = datetime.timedelta(minutes=15)  # how old a leaf may be that most pinned witnesses have not signed

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS cosigned (
        witness TEXT PRIMARY KEY, size INTEGER NOT NULL, root TEXT NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL
        ) STRICT""",
    *witnessing.SCHEMA,
)


def kept_checkpoint(content: bytes, node: PublicKey) -> Word:
    """Return what this node once said of its log; ``signature-wrong`` or ``message-malformed`` if it never did."""
    word = read_word(content, node)
    if word.kind != "checkpoint":
        raise Invalid("message-malformed")
    return word


def read_checkpoint(path: Path, log: AuditLog) -> Checkpoint:
    """Return the checkpoint in a file that somebody else kept, once it is shown to be this node's own word."""
    try:
        word = kept_checkpoint(path.read_bytes(), log.public_key)
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    return log.vouched(word.size, word.root)


class Cosigned:
    """The newest that each of the others signed of this node's log, kept beside it."""

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database, self._log = database, log

    def all(self) -> list[tuple[Word, Said]]:
        """Return every co-signature, each verified again; one that does not hold is ``signature-wrong``."""
        rows = self._database.rows("SELECT key, content FROM cosigned ORDER BY size DESC, witness")
        said = [Said(PublicKey(row["key"]), row["content"]) for row in rows]
        return [(each.word(self._log.public_key), each) for each in said]

    def checkpoints(self) -> list[Checkpoint]:
        """Return what they signed, for the log to be held against."""
        return [self._log.vouched(word.size, word.root) for word, _ in self.all()]

    def hear(self, said: Said) -> Word:
        """Keep a co-signature if it tells of more than the one before; ``state-behind`` if the log does not hold it.

        What the node itself did not sign is in none: it is ``signature-wrong``.
        """
        word = said.word(self._log.public_key)
        if word.by == word.log:
            raise Invalid("message-malformed")
        self._log.check_newest(size=word.size, root=word.root)
        if word.size:
            with self._database.transaction() as write:
                keep = """INSERT INTO cosigned VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                    size = excluded.size, root = excluded.root, content = excluded.content WHERE excluded.size > size"""
                write.execute(keep, [word.by, word.size, word.root, said.key.text, said.content])
        return word

    def sizes(self) -> dict[str, int]:
        """Return how many leaves each of them signed for, by fingerprint; what was edited here counts for nothing."""
        sizes: dict[str, int] = {}
        for row in self._database.rows("SELECT key, content FROM cosigned"):
            with suppress(HedgerowError):
                word = Said(PublicKey(row["key"]), row["content"]).word(self._log.public_key)
                sizes[word.by] = word.size
        return sizes


class Witness:
    """Holds the log against what others kept of it, and says what they are to be told.

    A checkpoint that this node did not sign says nothing about it: it is ignored, and cannot stop the node. One that it
    did sign, and that its log does not hold, is ``state-behind``. Where the policy pins witnesses, most of them must
    have said since this start what they last saw, in words that no earlier start could have brought forth; one person
    of the policy may say it in their stead. A node whose budget is all spent needs nobody: nothing can be overspent.
    """

    def __init__(
        self,
        log: AuditLog,
        cosigned: Cosigned,
        *,
        node: str,
        pinned: Callable[[], frozenset[str]] = frozenset,
        people: Callable[[], frozenset[str]] = frozenset,
        spent: Callable[[], bool] = lambda: False,
    ) -> None:
        self._log, self._cosigned, self._node = log, cosigned, node
        self._pinned, self._people, self._spent = pinned, people, spent
        self._nonce = secrets.token_hex(NONCE_BYTES)  # another at each start: earlier answers are worth nothing
        self._fresh: set[str] = set()
        self._compared: str | None = None
        self._kept = 0
        self._prove_from: tuple[int, ...] = ()
        self._seen = self._told = -1
        self._told_at: datetime.datetime | None = None

    def compare(self, kept: str) -> None:
        """Hold the log against a kept checkpoint (base64; empty when there is none): ``state-behind`` if it lacks it.

        What is not this node's own word is ``signature-wrong`` or ``message-malformed``.
        """
        if kept == "":
            self._kept = 0
        elif kept != self._compared:
            word = kept_checkpoint(content_of(kept), self._log.public_key)
            self._log.check_newest(size=word.size, root=word.root)
            self._compared, self._kept = kept, word.size

    def hear(self, documents: Iterable[Document]) -> list[HedgerowError]:
        """Take what others signed of this log; return why any of it was ignored. Else as ``compare``."""
        ignored: list[HedgerowError] = []
        for document in documents:
            try:
                word = self._cosigned.hear(Said.of(document))
            except HedgerowError as error:
                if error.code == "state-behind":
                    raise
                ignored.append(error)
            else:
                if word.nonce == self._nonce and (word.size or word.by not in self._people()):
                    self._fresh.add(word.by)
        return ignored

    @property
    def admitted(self) -> bool:
        """Say whether enough is known, since this start, of what was signed before it."""
        pinned = self._pinned()
        return not pinned or bool(self._fresh & self._people()) or _most(self._fresh, pinned) or self._spent()

    def asks(self) -> list[Word]:
        """Return whom to ask for a fresh word; nobody once the node is admitted."""
        return [] if self.admitted else [self._asked(witness) for witness in sorted(self._pinned())]

    def asks_anybody(self) -> Word:
        """Return what a person is asked who comes by with their key."""
        return self._asked("")

    def _asked(self, witness: str) -> Word:
        size = self._log.size
        root = self._log.root_at(size)
        return Word("asked", self._node, self._node, size, root, witness=witness, nonce=self._nonce)

    def overdue(self, now: datetime.datetime) -> bool:
        """Say whether most pinned witnesses have not signed for too long what the log has had since.

        The log itself tells since when: a start is no reason to wait anew, else who starts a node often enough could
        have it answer for ever what nobody signs, and put an old state back.
        """
        pinned = self._pinned()
        if not pinned or self._spent():
            return False
        sizes = self._cosigned.sizes()
        signed = sorted((sizes.get(each, 0) for each in pinned), reverse=True)[len(pinned) // 2]
        since = self._log.at(signed)
        return bool(since) and now - datetime.datetime.fromisoformat(since) > MAY_LAG

    def to_prove(self, sizes: Iterable[int]) -> None:
        """Note from which sizes the coordinator would have the next checkpoint proven, for those who witness it."""
        self._prove_from = tuple(sorted(set(sizes)))

    def due(self, now: datetime.datetime) -> bool:
        """Say whether the log has something new that the coordinator should hear now: it grew, and was quiet since."""
        size = self._log.size
        quiet, self._seen = size in (self._seen, 0), size
        long_ago = self._told_at is None or now - self._told_at >= TOLD_AT_LEAST
        return bool(self._prove_from) or (size != self._told and (quiet or long_ago))

    def words(self, signed: Checkpoint) -> list[Word]:
        """Return what is sent of a checkpoint: proven first from the most leaves, which the coordinator has signed."""
        olds = sorted({self._kept, *self._prove_from}, reverse=True)
        return [
            Word(
                "checkpoint",
                self._node,
                self._node,
                signed.size,
                signed.root,
                old,
                self._log.continues(old, signed.size),
            )
            for old in olds
            if old <= signed.size
        ]

    def was_told(self, word: Word, now: datetime.datetime) -> None:
        """Note that the coordinator has it."""
        self._told, self._told_at, self._kept, self._prove_from = word.size, now, word.size, ()


def witness_of(node: Node) -> Witness:
    """Return what holds a node's log against the word of others, from this moment on."""
    return Witness(
        node.audit,
        Cosigned(node.database, node.audit),
        node=node.fingerprint,
        pinned=lambda: frozenset(w.fingerprint for w in node.policy.witnesses),
        people=lambda: frozenset(PublicKey(p.public_key).fingerprint for p in node.policy.vouchers),
        spent=lambda: all(account.spent >= account.ceiling for account in node.ledger.accounts()),
    )


def _most(some: Iterable[str], of: frozenset[str]) -> bool:
    """Say whether more than half are among them: any two such halves have a witness in common."""
    return 2 * len(of.intersection(some)) > len(of)


__all__ = [
    "MAY_LAG",
    "SCHEMA",
    "TOLD_AT_LEAST",
    "Cosigned",
    "Witness",
    "kept_checkpoint",
    "read_checkpoint",
    "witness_of",
]
