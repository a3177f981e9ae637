"""Which nodes are enrolled, and which were: each is its identity key's fingerprint, for life.

What may change is the key that Flower checks. A node that was revoked is kept apart, so that it never comes back and
what it released can still be verified; its name is free again.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from sqlite3 import Connection, Row

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from privacy.durable import Database
from privacy.enrolment import Enrolment, Rotation
from privacy.errors import Invalid, Refusal
from privacy.fields import NAME
from privacy.signing import PublicKey

SOFTWARE = re.compile(r"hedgerow-node/([0-9A-Za-z.+-]{1,32})")  # what a node may say of itself, no more
FINGERPRINT = re.compile(r"[0-9a-f]{40}")  # no name: operators name a node by either
SEEN_SECONDS = 60  # a node that calls every second is written down once a minute

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS node (
        fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, public_key TEXT NOT NULL,
        fleet_key TEXT NOT NULL UNIQUE, enrolled_at TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS revoked_node (
        fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL, public_key TEXT NOT NULL, fleet_key TEXT NOT NULL,
        enrolled_at TEXT NOT NULL, revoked_at TEXT NOT NULL, reason TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS fleet_key (
        fleet_key TEXT PRIMARY KEY, node TEXT NOT NULL, serial INTEGER NOT NULL, at TEXT NOT NULL,
        UNIQUE (node, serial)) STRICT""",
    """CREATE TABLE IF NOT EXISTS node_seen (
        node TEXT PRIMARY KEY, at TEXT NOT NULL, software TEXT NOT NULL) STRICT""",
)


@dataclass(frozen=True)
class EnrolledNode:
    """A node that may connect, or, where ``revoked_at`` is set, one that never may again.

    ``fleet_key`` (PEM) is the one that Flower checks; ``serial`` counts those that it has had.
    """

    name: str
    public_key: PublicKey
    fleet_key: str
    enrolled_at: str
    serial: int = 1
    rotated_at: str = ""
    revoked_at: str = ""
    reason: str = ""

    @property
    def fingerprint(self) -> str:
        """Return what the node is known by, for operators to compare."""
        return self.public_key.fingerprint


@dataclass(frozen=True)
class Sighting:
    """When a node was last heard, to the minute, and the version of the software that it said it runs."""

    at: str
    software: str


class Register:
    """The nodes, in the coordinator's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[str, datetime.datetime] = {}

    def enrol(self, enrolment: Enrolment, *, at: datetime.datetime) -> EnrolledNode:
        """Add a node whose enrolment proved that it holds its key; a key or name known already is refused."""
        if not NAME.fullmatch(enrolment.name) or FINGERPRINT.fullmatch(enrolment.name):
            raise Invalid("kit-malformed", "the node's name")
        key = PublicKey.of(enrolment.public_key.key)  # one spelling a key
        if not key.sound:
            raise Invalid("kit-malformed", "the public key")
        node = EnrolledNode(enrolment.name, key, _pem(enrolment.fleet_key), _stamp(at), enrolment.serial)
        with self._database.transaction() as write:
            if _any(write, "revoked_node", "fingerprint", node.fingerprint):
                raise Refusal("node-revoked", node.name)
            if _any(write, "node", "fingerprint", node.fingerprint):
                raise Refusal("node-enrolled", node.name)
            if _any(write, "node", "name", node.name):
                raise Refusal("node-name-taken", node.name)
            _take_key(write, node.fingerprint, node.fleet_key, node.serial, node.enrolled_at)
            values = [node.fingerprint, node.name, key.text, node.fleet_key, node.enrolled_at]
            write.execute("INSERT INTO node VALUES (?, ?, ?, ?, ?)", values)
        return node

    def rotate(self, rotation: Rotation, *, at: datetime.datetime) -> EnrolledNode:
        """Put a node's next fleet key in the place of the one before; an earlier rotation is ``rotation-old``."""
        node = self.must(rotation.fingerprint)
        key, when = _pem(rotation.fleet_key), _stamp(at)
        with self._database.transaction() as write:
            if rotation.serial <= self.must(node.fingerprint).serial:
                raise Refusal("rotation-old", node.name)
            write.execute(  # a node that an earlier version enrolled has none noted
                "INSERT OR IGNORE INTO fleet_key VALUES (?, ?, ?, ?)",
                [node.fleet_key, node.fingerprint, node.serial, node.enrolled_at],
            )
            _take_key(write, node.fingerprint, key, rotation.serial, when)
            write.execute("UPDATE node SET fleet_key = ? WHERE fingerprint = ?", [key, node.fingerprint])
        return self.must(node.fingerprint)

    def revoke(self, named: str, *, reason: str, at: datetime.datetime) -> EnrolledNode:
        """Turn a node out for good, by its name or fingerprint; only its name may be used again."""
        with self._database.transaction() as write:
            node = self.must(named)
            row = write.execute("SELECT * FROM node WHERE fingerprint = ?", [node.fingerprint]).fetchone()
            write.execute("INSERT INTO revoked_node VALUES (?, ?, ?, ?, ?, ?, ?)", [*row, _stamp(at), reason])
            write.execute("DELETE FROM node WHERE fingerprint = ?", [node.fingerprint])
        return self.was(node.fingerprint) or node

    def nodes(self) -> list[EnrolledNode]:
        """Return all enrolled nodes by name."""
        return [_node(row) for row in self._database.rows(_ENROLLED + " ORDER BY name")]

    def revoked(self) -> list[EnrolledNode]:
        """Return all nodes that were revoked, in that order."""
        return [_node(row) for row in self._database.rows(_REVOKED + " ORDER BY revoked_at, name")]

    def find(self, fingerprint: str) -> EnrolledNode | None:
        """Return the node with this fingerprint, if it is enrolled."""
        row = self._database.one(_ENROLLED + " WHERE fingerprint = ?", [fingerprint])
        return _node(row) if row else None

    def was(self, fingerprint: str) -> EnrolledNode | None:
        """Return the node with this fingerprint, if it was revoked."""
        row = self._database.one(_REVOKED + " WHERE fingerprint = ?", [fingerprint])
        return _node(row) if row else None

    def must(self, named: str) -> EnrolledNode:
        """Return the enrolled node of this name or fingerprint, or say that it was revoked or never was here."""
        row = self._database.one(_ENROLLED + " WHERE name = ? OR fingerprint = ?", [named, named])
        if row:
            return _node(row)
        if self._database.one("SELECT 1 FROM revoked_node WHERE name = ? OR fingerprint = ?", [named, named]):
            raise Refusal("node-revoked", named)
        raise Refusal("node-unknown", named)

    def key_of(self, fingerprint: str) -> PublicKey | None:
        """Return the identity key of an enrolled node: the one source of keys for tokens and signatures."""
        node = self.find(fingerprint)
        return node.public_key if node else None

    def revoked_key_of(self, fingerprint: str) -> PublicKey | None:
        """Return the identity key of a node that was revoked."""
        node = self.was(fingerprint)
        return node.public_key if node else None

    def key_ever_of(self, fingerprint: str) -> PublicKey | None:
        """Return the identity key of a node that is or was enrolled: for the signatures on what it released."""
        return self.key_of(fingerprint) or self.revoked_key_of(fingerprint)

    def former_fleet_keys(self) -> dict[str, str]:
        """Return the fleet keys (PEM) that no longer serve, each with the fingerprint of the node that had it."""
        query = "SELECT fleet_key, node FROM fleet_key WHERE fleet_key NOT IN (SELECT fleet_key FROM node)"
        former = {row["fleet_key"]: row["node"] for row in self._database.rows(query)}
        return former | {node.fleet_key: node.fingerprint for node in self.revoked()}

    def note_seen(self, fingerprint: str, software: str, *, at: datetime.datetime) -> None:
        """Write down that a node called, at most once a minute; ``software`` is what it said, believed if it fits."""
        before = self._seen.get(fingerprint)
        if before is not None and abs((at - before).total_seconds()) < SEEN_SECONDS:
            return
        said = SOFTWARE.fullmatch(software)
        with self._database.transaction() as write:
            values = [fingerprint, _stamp(at), said[1] if said else ""]
            write.execute("INSERT OR REPLACE INTO node_seen VALUES (?, ?, ?)", values)
        self._seen[fingerprint] = at

    def sightings(self) -> dict[str, Sighting]:
        """Return when each node was last seen, by fingerprint."""
        return {r["node"]: Sighting(r["at"], r["software"]) for r in self._database.rows("SELECT * FROM node_seen")}


_ENROLLED = """SELECT n.*, k.serial, k.at AS keyed_at, '' AS revoked_at, '' AS reason
    FROM node AS n LEFT JOIN fleet_key AS k ON k.fleet_key = n.fleet_key"""
_REVOKED = """SELECT n.*, k.serial, k.at AS keyed_at
    FROM revoked_node AS n LEFT JOIN fleet_key AS k ON k.fleet_key = n.fleet_key"""


def _node(row: Row) -> EnrolledNode:
    serial, keyed_at = row["serial"] or 1, row["keyed_at"] or ""  # none noted: enrolled by an earlier version
    return EnrolledNode(
        row["name"],
        PublicKey(row["public_key"]),
        row["fleet_key"],
        row["enrolled_at"],
        serial,
        keyed_at if keyed_at != row["enrolled_at"] else "",
        row["revoked_at"],
        row["reason"],
    )


def _any(write: Connection, table: str, column: str, value: str) -> bool:
    query = f"SELECT 1 FROM {table} WHERE {column} = ?"  # noqa: S608 - both are ours
    return write.execute(query, [value]).fetchone() is not None


def _take_key(write: Connection, fingerprint: str, fleet_key: str, serial: int, when: str) -> None:
    """Note a fleet key as this node's; one that any node has, or ever had, is ``node-key-reused``."""
    if any(_any(write, table, "fleet_key", fleet_key) for table in ("node", "revoked_node", "fleet_key")):
        raise Invalid("node-key-reused")
    write.execute("INSERT INTO fleet_key VALUES (?, ?, ?, ?)", [fleet_key, fingerprint, serial, when])


def _stamp(at: datetime.datetime) -> str:
    return at.isoformat(timespec="seconds")


def _pem(fleet_key: str) -> str:
    """Return the key in its one spelling; Flower's SuperNode authentication wants an elliptic curve."""
    try:
        key = load_pem_public_key(fleet_key.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("kit-malformed", "the fleet key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Invalid("kit-malformed", "the fleet key")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


__all__ = ["FINGERPRINT", "SCHEMA", "SEEN_SECONDS", "SOFTWARE", "EnrolledNode", "Register", "Sighting"]
