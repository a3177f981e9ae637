"""Which key names people is for the node's state to say: what a rotation changes, it changes there, with the files."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection

from node.keystore import Keystore
from node.persons import FAMILIES, key_of
from privacy.durable import Database
from privacy.errors import Refusal
from privacy.pseudonyms import Tag

NEXT = "-next"  # pseudonym-next@2: a key that no pseudonym was committed under yet

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS pseudonym_tag (
        newest INTEGER PRIMARY KEY CHECK (newest = 1), tag TEXT NOT NULL) STRICT""",
)


def waiting(tag: Tag) -> str:
    """Return the id of a key that waits for the commit of its epoch."""
    return f"{FAMILIES[tag.mode]}{NEXT}@{tag.epoch}"


def committed(database: Database) -> Tag | None:
    """Return the tag that the last rotation committed; None where nothing was ever rotated."""
    row = database.one("SELECT tag FROM pseudonym_tag")
    return Tag.of(row["tag"]) if row else None


def commit(connection: Connection, tag: Tag) -> None:
    """Let this tag be the one in force, in the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO pseudonym_tag VALUES (1, ?)", (str(tag),))


def require_in_force(connection: Connection, pseudonyms: Iterable[str]) -> None:
    """Return if these were made under the key in force; else, a rotation came between: ``pseudonyms-rotated``.

    Asked in the transaction that keeps them, so that no store ever holds pseudonyms of two keys.
    """
    row = connection.execute("SELECT tag FROM pseudonym_tag").fetchone()
    for pseudonym in pseudonyms:
        tag = Tag.of(pseudonym.partition(".")[0])
        if (str(tag) != row["tag"]) if row else (tag.epoch != 1):
            raise Refusal("pseudonyms-rotated", str(tag))


def finish(database: Database, keystore: Keystore) -> None:
    """Bring the keystore to what the state says: the key of a committed rotation takes the place of those before.

    One replacement of one file. Whoever opens the store next does it, should the rotation have been cut short there.
    """
    tag = committed(database)
    if tag is None or key_of(tag) in keystore.key_ids or waiting(tag) not in _file(keystore):
        return
    before = [k for k in keystore.key_ids if k.rpartition("@")[0].removesuffix(NEXT) in FAMILIES.values()]
    keystore.change(put_in={key_of(tag): keystore.secret(waiting(tag))}, take_out=before)


def _file(keystore: Keystore) -> tuple[str, ...]:
    keystore.refresh()
    return keystore.key_ids


__all__ = ["NEXT", "SCHEMA", "commit", "committed", "finish", "require_in_force", "waiting"]
