"""The node's composition root: the one place where its parts meet. What is heavy is opened when first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import findings, policies, register, reidentification, round_store, shelf, witness
from node.clock import Clock
from node.findings import AcceptedFindings
from node.governance import Governance
from node.intake import Intake
from node.keystore import Keystore
from node.linkage import agreements
from node.linkage.agreements import Agreements
from node.linking import JOIN, fleet_keys
from node.masking import Masking
from node.migrations import FORMAT
from node.policies import Policies
from node.policy import Policy
from node.register import Register
from node.reidentification import Requests
from node.round_store import RoundStore
from node.settings import Settings, read_settings
from node.shelf import Shelf
from node.witness import Cosigned
from privacy import audit, ledger
from privacy.audit import AuditLog, Checkpoint
from privacy.computation import PACKAGES, Finder
from privacy.contract import Contract
from privacy.dry_run import dry_run
from privacy.durable import Database
from privacy.enrolment import JoinKit
from privacy.feature_fit import data_sets
from privacy.ledger import Ledger
from privacy.signing import PublicKey
from privacy.software import package_sha256
from privacy.study import Study

if TYPE_CHECKING:  # opened when first needed: a person who reads a list waits for none of these
    from node.egress import Door
    from node.federation.fleet import FleetSettings
    from node.federation.hub import Hub
    from node.linkage.resolving import Linked
    from node.linkage.tables import LinkTables
    from node.store import Store
    from node.sums import Sums

IDENTITY_KEY, FLEET_KEY = "identity@1", "fleet@1"
JOIN_KIT = "join@1"  # in the keystore: whom the node obeys is not for whoever can write a file to say
KEYSTORE, STATE, RECORDS, FLOWER, MODELS = "keystore.json", "state.sqlite", "store", "flower", "models"
Trial = Callable[[Study, Finder], None]
COMPUTATIONS = Finder(*PACKAGES)
SCHEMA = (
    *audit.SCHEMA,
    *ledger.SCHEMA,
    *policies.SCHEMA,
    *register.SCHEMA,
    *shelf.SCHEMA,
    *agreements.SCHEMA,
    *findings.SCHEMA,
    *reidentification.SCHEMA,
    *round_store.SCHEMA,
    *witness.SCHEMA,
)


@dataclass(frozen=True)
class Node:
    """One opened node: its parts, wired. Nothing in it decides anything."""

    home: Path
    settings: Settings
    kit: JoinKit
    keystore: Keystore
    finder: Finder
    now: Clock
    trial: Trial = dry_run

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """Return the node's identity: it signs what leaves."""
        return Ed25519PrivateKey.from_private_bytes(self.keystore.secret(IDENTITY_KEY))

    @cached_property
    def fingerprint(self) -> str:
        """Return who this node is."""
        return PublicKey.of(self.key).fingerprint

    @cached_property
    def database(self) -> Database:
        """Return the node's state; one that is gone or empty is ``state-damaged``, never begun anew."""
        return Database(self.home / STATE, SCHEMA, file_format=FORMAT, new=False)

    @cached_property
    def audit(self) -> AuditLog:
        """Return the log of all that happened here."""
        return AuditLog(self.database, self.key)

    def sign_log(self) -> Checkpoint:
        """Sign the log as it stands, and keep the signature beside it."""
        with self.database.transaction() as connection:
            return self.audit.checkpoint(connection)

    def verify(self, *, elsewhere: Iterable[Checkpoint] = ()) -> Checkpoint | None:
        """Recompute the log, and hold policy, ledger, studies and store against it; return the newest checkpoint.

        ``elsewhere`` are checkpoints of this node that somebody else kept.
        """
        store = self.store  # opened first: it makes its tables
        with self.database.snapshot():  # somebody may be approving a study just now
            self.database.check()
            newest = self.audit.verify(elsewhere=[*Cosigned(self.database, self.audit).checkpoints(), *elsewhere])
            self.policies.verify()
            self.ledger.verify(self.policy.ceilings())
            self.governance.verify()
            store.verify()
            self.agreements.verify()
            self.links.verify()
            self.shelf.verify()
            self.findings.verify()
            self.requests.verify()
        return newest

    @cached_property
    def ledger(self) -> Ledger:
        """Return the privacy ledger."""
        return Ledger(self.database, self.audit, node=self.fingerprint)

    @cached_property
    def policies(self) -> Policies:
        """Return the policy's signed history."""
        return Policies(self.home, self.database, self.audit, self.ledger, node=self.fingerprint)

    @property
    def policy(self) -> Policy:
        """Return the policy in force, verified now; ``policy-unsigned`` stops whatever asked."""
        return self.policies.current()

    @cached_property
    def governance(self) -> Governance:
        """Return who decides."""
        intake = Intake(self.fingerprint, package_sha256, self.finder, self._contract, self.ledger, self.trial)
        return Governance(
            Register(self.database, self.audit, on_end=self.ledger.reservations.free),
            intake,
            policy=self.policies.current,
            judge_cohort=lambda study: self.sums.judge_cohort(study),  # noqa: PLW0108 - opened when first judged
            controllers=self._controllers,
        )

    @cached_property
    def agreements(self) -> Agreements:
        """Return the linkage agreements."""
        return Agreements(self.database, self.audit, self.policies.current, node=self.fingerprint)

    @property
    def links(self) -> LinkTables:
        """Return what was linked under them."""
        from node.linkage.tables import LinkTables  # noqa: PLC0415 - pyarrow

        return LinkTables(self.store.files, self.database, self.audit)

    def linked(self, contract: Contract) -> Linked | None:
        """Return the linkage in force for a contract's rows, None where they bear NHS numbers."""
        from node.linkage.resolving import linkage_of  # noqa: PLC0415 - pyarrow

        return linkage_of(contract, self.agreements, self.links, now=self.now()) if contract.linkage else None

    @cached_property
    def requests(self) -> Requests:
        """Return who asked to find patients again, and who approved."""
        return Requests(self.database, self.audit)

    @cached_property
    def findings(self) -> AcceptedFindings:
        """Return the findings of identifiers that somebody here answers for."""
        return AcceptedFindings(self.database, self.audit, self.fingerprint, lambda: self.policy, self.now)

    @cached_property
    def store(self) -> Store:
        """Return the records at rest."""
        from node import store  # noqa: PLC0415 - pyarrow

        with self.database.transaction() as connection:
            for statement in store.SCHEMA:
                connection.execute(statement)
        return store.Store(self.home / RECORDS, self.keystore, self.database, self.audit)

    @cached_property
    def sums(self) -> Sums:
        """Return what takes private sums."""
        from node.sums import Sums  # noqa: PLC0415 - numpy

        return Sums(
            ledger=self.ledger,
            store=lambda: self.store,
            finder=self.finder,
            optouts_at_most_days=lambda: self.policy.optouts_at_most_days,
            now=self.now,
            check_not_paused=self.governance.register.check_not_paused,
        )

    @cached_property
    def masking(self) -> Masking:
        """Return this node's part in secure aggregation."""
        return Masking(RoundStore(self.database, self.audit, self.keystore, now=self.now), self.key)

    @cached_property
    def door(self) -> Door:
        """Return the one door."""
        from node.egress import Door  # noqa: PLC0415 - structlog

        return Door(
            node=self.fingerprint,
            key=self.key,
            coordinator=self.coordinator,
            governance=self.governance,
            sums=self.sums,
            masking=self.masking,
            finder=self.finder,
            now=self.now,
            slot_seconds=self.policy.reply_slot_seconds,
        )

    @cached_property
    def shelf(self) -> Shelf:
        """Return the models that are kept here, and what the coordinator said of them."""
        return Shelf(self.home / MODELS, self.database, self.audit, self.coordinator, self.now)

    @property
    def coordinator(self) -> PublicKey:
        """Return the key that signs requests and models."""
        return PublicKey(self.kit.public_key)

    @cached_property
    def hub(self) -> Hub:
        """Return the coordinator's API."""
        from node.federation.hub import Hub  # noqa: PLC0415 - httpx

        return Hub(self.kit, self.key, self.now)

    def fleet(self) -> FleetSettings:
        """Return how to hold Flower's connection."""
        from node.federation.fleet import FleetSettings  # noqa: PLC0415 - flwr

        return FleetSettings(
            address=self.kit.fleet,
            root_certificate=self.kit.root_certificate.encode(),
            private_key=fleet_keys(self.keystore)[0],
            other_keys=lambda: fleet_keys(self.keystore),  # read anew: `fleet rotate` adds one while we serve
            home=self.home / FLOWER,
        )

    def _contract(self, data_set: str) -> Contract:
        return self.store.latest(data_set).contract

    def _controllers(self, study: Study) -> tuple[str, ...]:
        contracts = [self._contract(name) for name in data_sets(study)]
        linked = [each for each in contracts if each.linkage]
        agreed = [self.agreements.in_force(each.linkage, now=self.now()).people_of(each.name) for each in linked]
        return tuple(dict.fromkeys(person for people in agreed for person in people))


def open_node(
    home: Path,
    environ: Mapping[str, str],
    now: Clock,
    *,
    finder: Finder = COMPUTATIONS,
    flags: Mapping[str, object] | None = None,
    trial: Trial = dry_run,
) -> Node:
    """Open the node in ``home``; a home without one, wrong settings or a wrapping key that is away have their codes."""
    settings = read_settings(home, environ=environ, flags=flags)
    keystore = Keystore.open(home / KEYSTORE, settings.wrapping_key_file)
    return Node(home, settings, JoinKit.decode(keystore.secret(keystore.newest(JOIN))), keystore, finder, now, trial)


__all__ = [
    "COMPUTATIONS",
    "FLEET_KEY",
    "FLOWER",
    "IDENTITY_KEY",
    "JOIN_KIT",
    "KEYSTORE",
    "MODELS",
    "RECORDS",
    "SCHEMA",
    "STATE",
    "Node",
    "Trial",
    "open_node",
]
