"""Which nodes are enrolled: each a name and two keys, known for good by the fingerprint of the first."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from sqlite3 import Row

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from privacy.durable import Database
from privacy.enrolment import Enrolment
from privacy.errors import Invalid, Refusal
from privacy.fields import NAME
from privacy.signing import PublicKey

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS node (
        fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, public_key TEXT NOT NULL,
        fleet_key TEXT NOT NULL UNIQUE, enrolled_at TEXT NOT NULL) STRICT""",
)


@dataclass(frozen=True)
class EnrolledNode:
    """A node that may connect; ``fleet_key`` (PEM) is the one that Flower checks."""

    name: str
    public_key: PublicKey
    fleet_key: str
    enrolled_at: str

    @property
    def fingerprint(self) -> str:
        """Return what the node is known by, for operators to compare."""
        return self.public_key.fingerprint


class Register:
    """The enrolled nodes, in the coordinator's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enrol(self, enrolment: Enrolment, *, at: datetime.datetime) -> EnrolledNode:
        """Add a node whose enrolment proved that it holds its key; a key or name known already is refused."""
        if not NAME.fullmatch(enrolment.name):
            raise Invalid("kit-malformed", "the node's name")
        key = PublicKey.of(enrolment.public_key.key)  # one spelling a key
        node = EnrolledNode(enrolment.name, key, _pem(enrolment.fleet_key), at.isoformat(timespec="seconds"))
        with self._database.transaction() as write:
            for column, value, code in (
                ("fingerprint", node.fingerprint, "node-enrolled"),
                ("name", node.name, "node-name-taken"),
            ):
                if write.execute(f"SELECT 1 FROM node WHERE {column} = ?", [value]).fetchone():  # noqa: S608 - ours
                    raise Refusal(code, node.name)
            if write.execute("SELECT 1 FROM node WHERE fleet_key = ?", [node.fleet_key]).fetchone():
                raise Invalid("node-key-reused", node.name)
            values = [node.fingerprint, node.name, key.text, node.fleet_key, node.enrolled_at]
            write.execute("INSERT INTO node VALUES (?, ?, ?, ?, ?)", values)
        return node

    def nodes(self) -> list[EnrolledNode]:
        """Return all enrolled nodes by name."""
        return [_node(row) for row in self._database.rows("SELECT * FROM node ORDER BY name")]

    def find(self, fingerprint: str) -> EnrolledNode | None:
        """Return the node with this fingerprint, if it is enrolled."""
        row = self._database.one("SELECT * FROM node WHERE fingerprint = ?", [fingerprint])
        return _node(row) if row else None

    def key_of(self, fingerprint: str) -> PublicKey | None:
        """Return the identity key of an enrolled node: the one source of keys for tokens and signatures."""
        node = self.find(fingerprint)
        return node.public_key if node else None


def _node(row: Row) -> EnrolledNode:
    return EnrolledNode(row["name"], PublicKey(row["public_key"]), row["fleet_key"], row["enrolled_at"])


def _pem(fleet_key: str) -> str:
    """Return the key in its one spelling; Flower's SuperNode authentication wants an elliptic curve."""
    try:
        key = load_pem_public_key(fleet_key.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("kit-malformed", "the fleet key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Invalid("kit-malformed", "the fleet key")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


__all__ = ["SCHEMA", "EnrolledNode", "Register"]
