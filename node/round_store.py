"""What this node keeps of a round of secure aggregation: sealed with its own key, and destroyed once it has served."""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.keystore import NONCE_BYTES, Keystore
from privacy.audit import AuditLog
from privacy.canonical import Document, canonical, parse, sha256
from privacy.durable import Database
from privacy.errors import Refusal, Tampered
from privacy.protocol import Call, Card, cards_of, confirmation, round_of
from privacy.round_keys import KEY_BYTES
from privacy.secure_aggregation import Round, Share
from privacy.shamir import SHARE_BYTES
from privacy.study import Study

UNMASKED = "unmasked"  # the event in the log
SEALED_UNDER = "identity@1"

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS masking_channel (study TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS masking_roster (
        hash TEXT PRIMARY KEY, study TEXT NOT NULL, cards BLOB NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS masking_round (
        study TEXT NOT NULL, place INTEGER NOT NULL, roster TEXT NOT NULL, seed BLOB NOT NULL,
        request TEXT NOT NULL DEFAULT '', shares BLOB NOT NULL DEFAULT x'', survivors TEXT NOT NULL DEFAULT '',
        revealed BLOB NOT NULL DEFAULT x'', PRIMARY KEY (study, place)) STRICT""",
)
DELETE = (
    "DELETE FROM masking_channel WHERE study = ?",
    "DELETE FROM masking_roster WHERE study = ?",
    "DELETE FROM masking_round WHERE study = ?",
)
NEW = """INSERT INTO masking_round (study, place, roster, seed) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET roster = excluded.roster, seed = excluded.seed WHERE request = ''"""
PURGE = """DELETE FROM masking_roster WHERE study = ?
    AND hash NOT IN (SELECT roster FROM masking_round WHERE study = ?)"""  # or a coordinator could fill the disk
FORGET = """UPDATE masking_round SET seed = x'', shares = x''
    WHERE study = ? AND place != ? AND request != '' AND seed != x''"""


@dataclass(frozen=True)
class KeptRound:
    """A round as it was dealt here: who is in it, by which cards, and how far it has come."""

    of: Round
    cards: Mapping[str, Card]
    request: str
    survivors: str
    seed: bytes
    shares: bytes
    revealed: bytes

    @property
    def channels(self) -> dict[str, bytes]:
        """Return every member's public channel key."""
        return {node: card.channel for node, card in self.cards.items()}

    @property
    def key(self) -> tuple[str, int]:
        """Return the study and the place."""
        return self.of.study, self.of.place


class RoundStore:
    """The node's rounds, in its state; every change of one is a transaction of its own."""

    def __init__(
        self, database: Database, audit: AuditLog, keystore: Keystore, *, now: Callable[[], datetime.datetime]
    ) -> None:
        self._database, self._audit, self._keystore, self._now = database, audit, keystore, now

    def channel(self, study: str) -> bytes:
        """Return the node's private channel key for a study, made when first asked for."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT sealed FROM masking_channel WHERE study = ?", (study,)).fetchone()
            if row is not None:
                return self._opened(_sealed_for(study, 0, "", "channel"), row["sealed"])
            channel = os.urandom(KEY_BYTES)
            sealed = self._seal(_sealed_for(study, 0, "", "channel"), channel)
            connection.execute("INSERT INTO masking_channel VALUES (?, ?)", (study, sealed))
        return channel

    def deal(self, study: str, places: Iterable[int], cards: Mapping[str, Card]) -> None:
        """Draw a seed for each place that has none for this roster; one that was asked is ``place-answered``."""
        listed = cards_of(cards.values())
        roster = sha256(listed)
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO masking_roster VALUES (?, ?, ?)", (roster, study, listed))
            for place in places:
                query = "SELECT request, roster FROM masking_round WHERE study = ? AND place = ?"
                row = connection.execute(query, (study, place)).fetchone()
                if row and row["request"] and row["roster"] != roster:
                    raise Refusal("place-answered", str(place))
                if row is None or row["roster"] != roster:
                    seed = self._seal(_sealed_for(study, place, roster, "seed"), os.urandom(KEY_BYTES))
                    connection.execute(NEW, (study, place, roster, seed))
            connection.execute(PURGE, (study, study))

    def round(self, study: Study, place: int) -> KeptRound:
        """Return a round as it stands; one that was never dealt is ``round-not-dealt``.

        Its secrets open only beside the cards that were verified when it was dealt: others are ``ledger-tampered``.
        """
        query = """SELECT masking_round.*, cards FROM masking_round JOIN masking_roster ON hash = roster
            WHERE masking_round.study = ? AND place = ?"""
        row = self._database.one(query, (study.hash, place))
        if row is None:
            raise Refusal("round-not-dealt", str(place))
        cards = {card.node: card for card in map(Card.of, parse(row["cards"])["cards"])}
        roster = sha256(row["cards"])
        seed, shares = (self._opened(_sealed_for(study.hash, place, roster, n), row[n]) for n in ("seed", "shares"))
        return KeptRound(
            round_of(study, place, cards), cards, row["request"], row["survivors"], seed, shares, row["revealed"]
        )

    def keep(self, study: str, place: int, request: str, shares: Mapping[str, Share]) -> None:
        """Keep what peers dealt for a place, and forget the places before: a run asks one after the other."""
        content = b"".join(shares[peer].mask_key + shares[peer].self_mask for peer in sorted(shares))
        with self._database.transaction() as connection:
            query = "SELECT roster FROM masking_round WHERE study = ? AND place = ?"
            about = _sealed_for(study, place, connection.execute(query, (study, place)).fetchone()["roster"], "shares")
            query = "UPDATE masking_round SET request = ?, shares = ? WHERE study = ? AND place = ? AND revealed = x''"
            connection.execute(query, (request, self._seal(about, content), study, place))
            connection.execute(FORGET, (study, place))

    def confirm(self, kept: KeptRound, survivors: Collection[str]) -> None:
        """Note who is said to have answered; another set than before is ``survivors-changed``."""
        with self._database.transaction() as connection:
            self._settle_on(connection, kept, survivors)

    def reveal(self, kept: KeptRound, call: Call, content: bytes) -> None:
        """Note what is revealed, in the log too, and destroy the round's secrets: all of it, or nothing."""
        facts: Document = {**confirmation(*kept.key, call.request, call.nodes), "roster": list(kept.of.roster)}
        facts["threshold"] = kept.of.threshold
        with self._database.transaction() as connection:
            self._settle_on(connection, kept, call.nodes)
            self._never_before(connection, kept)
            query = "UPDATE masking_round SET revealed = ?, seed = x'', shares = x'' WHERE study = ? AND place = ?"
            connection.execute(query, (content, *kept.key))
            self._audit.append(connection, UNMASKED, facts, at=self._now().isoformat(timespec="seconds"))

    def forget(self, open_studies: Collection[str]) -> None:
        """Destroy what is kept for studies that are over."""
        with self._database.transaction() as connection:
            for row in connection.execute("SELECT study FROM masking_channel").fetchall():
                if row["study"] not in open_studies:
                    for delete in DELETE:
                        connection.execute(delete, (row["study"],))

    @staticmethod
    def _settle_on(connection: sqlite3.Connection, kept: KeptRound, survivors: Collection[str]) -> None:
        told = json.dumps(sorted(survivors))
        query = "SELECT survivors FROM masking_round WHERE study = ? AND place = ?"
        if connection.execute(query, kept.key).fetchone()["survivors"] not in ("", told):
            raise Refusal("survivors-changed", str(kept.of.place))
        query = "UPDATE masking_round SET survivors = ? WHERE study = ? AND place = ?"
        connection.execute(query, (told, *kept.key))

    def _never_before(self, connection: sqlite3.Connection, kept: KeptRound) -> None:
        """Hold the state against the log: an older copy of the row does not open a place a second time."""
        query = "SELECT revealed FROM masking_round WHERE study = ? AND place = ?"
        row = connection.execute(query, kept.key).fetchone()
        if row["revealed"] or kept.of.place in self._audit.places(UNMASKED, kept.of.study):
            raise Tampered("ledger-tampered", "a place that was unmasked already")

    def _seal(self, about: bytes, content: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, content, about)

    def _opened(self, about: bytes, sealed: bytes) -> bytes:
        """Return what was sealed; nothing where nothing is, any more or yet."""
        if not sealed:
            return b""
        try:
            return self._sealing.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            raise Tampered("ledger-tampered", "a round's secrets") from None

    @property
    def _sealing(self) -> AESGCM:
        return AESGCM(self._keystore.derive(SEALED_UNDER, purpose="masking"))


def _sealed_for(study: str, place: int, roster: str, use: str) -> bytes:
    """Return what a secret is sealed for: whoever edits the cards on the disk, or moves a secret, cannot have it used.

    ``roster`` is the hash of the cards; else peers' channel keys could be edited, and all that is dealt be read.
    """
    return canonical([study, place, roster, use])


def shares_in(kept: KeptRound) -> dict[str, Share]:
    """Return the shares that ``keep`` kept; of a round that has served there are none: ``place-answered``."""
    if not kept.shares:
        raise Refusal("place-answered", str(kept.of.place))
    width = 2 * SHARE_BYTES
    parts = [kept.shares[start : start + width] for start in range(0, len(kept.shares), width)]
    pairs = zip(kept.of.roster, parts, strict=True)
    return {peer: Share(part[:SHARE_BYTES], part[SHARE_BYTES:]) for peer, part in pairs}


__all__ = [
    "DELETE",
    "FORGET",
    "NEW",
    "PURGE",
    "SCHEMA",
    "SEALED_UNDER",
    "UNMASKED",
    "KeptRound",
    "RoundStore",
    "shares_in",
]
