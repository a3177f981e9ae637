"""How a node begins: settings, secrets, store, a policy that two people signed. All of it, or nothing at all."""

from __future__ import annotations

import gc
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import assemble
from node.clock import Clock, stamp
from node.keystore import KEY_BYTES, Keystore
from node.linking import ENROLMENT, new_fleet_key, private_der, public_pem, read_kit
from node.migrations import FORMAT
from node.people import Person, create_key
from node.persons import SPLIT_KEY, key_of
from node.policy import Policy, policy_of
from node.settings import FILE, NAME_RULE
from node.vault import FIRST as RECORDS_KEY
from privacy.atomic import put, sync_directory
from privacy.computation import Finder
from privacy.durable import Database
from privacy.enrolment import Enrolment, JoinKit
from privacy.errors import Invalid, Refusal, Unreachable
from privacy.fields import NAME
from privacy.pseudonyms import Tag
from privacy.signing import PublicKey
from privacy.toml_file import toml_lines

KEY_SUFFIX, WRAPPING_SUFFIX = ".key", ".wrapping-key"
FLOORS: Mapping[str, Any] = {  # what holds where no --policy says otherwise: our choice, and every line can be changed
    "purposes": ["population-health-management", "research", "service-planning"],
    "largest_epsilon": 3.0,
    "largest_delta": 1e-5,
    "least_quorum": 3,
    "least_minimum_cohort": 100,
    "lifetime_epsilon_outside": 10.0,
    "lifetime_epsilon_coordinator": 10.0,
    "lifetime_delta": 1e-5,
}


@dataclass(frozen=True)
class Founder:
    """Somebody who is there when the node begins, and chooses a passphrase for a key of their own."""

    name: str
    role: str
    passphrase: str


@dataclass(frozen=True)
class Founded:
    """What was made, and where: the fingerprint is what people compare with the coordinator's operator."""

    fingerprint: str
    home: Path
    enrolment: Path
    wrapping_key_file: Path
    keys: Mapping[str, Path]


def found(
    *,
    home: Path,
    name: str,
    join: Path,
    founders: Sequence[Founder],
    keys: Path,
    wrapping_key_file: Path | None,
    floors: Mapping[str, Any] | None,
    finder: Finder,
    now: Clock,
) -> Founded:
    """Make a node in ``home``, which must be empty or absent; on any fault nothing is left, nor any key.

    Every founder gets a signing key ``NAME.key`` in ``keys``, outside ``home``; those whose role may approve sign the
    policy. ``floors`` is the policy without these people; the defaults are ``FLOORS`` and all installed computations.
    """
    if not NAME.fullmatch(name):
        raise Invalid("settings-wrong", "--name", faults=[f"name: {NAME_RULE}"])
    home, wrapping = home.absolute(), (wrapping_key_file or home.with_name(home.name + WRAPPING_SUFFIX)).absolute()
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Refusal("home-exists", str(home))
    if wrapping.resolve().is_relative_to(home.resolve()):
        raise Refusal("wrapping-key-inside", str(wrapping))
    kit = read_kit(join)
    paths = {founder.name: keys.absolute() / f"{founder.name}{KEY_SUFFIX}" for founder in founders}
    with _all_or_nothing(home, [*paths.values(), wrapping]) as place:
        signers = {f.name: create_key(paths[f.name], f.passphrase, home=home) for f in founders}
        people = [Person(f.name, f.role, PublicKey.of(signers[f.name]).text) for f in founders]
        policy = _policy(people, {**FLOORS, "computations": finder.names()} if floors is None else floors)
        identity, fleet = Ed25519PrivateKey.generate(), new_fleet_key()
        Keystore.create(place / assemble.KEYSTORE, wrapping, _secrets(kit, identity, fleet, policy))
        _write(place / FILE, toml_lines({"name": name, "wrapping_key_file": str(wrapping)}).encode())
        _write(place / ENROLMENT, Enrolment(name, PublicKey.of(identity), public_pem(fleet)).encode(identity))
        _begin(place, policy, {p.name: signers[p.name] for p in policy.approvers if p.name in signers}, finder, now)
    return Founded(PublicKey.of(identity).fingerprint, home, home / ENROLMENT, wrapping, paths)


def _policy(people: Sequence[Person], floors: Mapping[str, Any]) -> Policy:
    listed = [person.__dict__ for person in people] + list(floors.get("people", []))
    return policy_of({**floors, "people": listed})


def _secrets(
    kit: JoinKit, identity: Ed25519PrivateKey, fleet: ec.EllipticCurvePrivateKey, policy: Policy
) -> dict[str, bytes]:
    return {
        assemble.IDENTITY_KEY: identity.private_bytes_raw(),
        assemble.FLEET_KEY: private_der(fleet),
        key_of(Tag("r" if policy.reversible_pseudonyms else "k", 1)): secrets.token_bytes(KEY_BYTES),
        assemble.JOIN_KIT: kit.encode(),
        SPLIT_KEY: bytes.fromhex(kit.split_key),
        RECORDS_KEY: secrets.token_bytes(KEY_BYTES),
    }


def _begin(place: Path, policy: Policy, signers: Mapping[str, Ed25519PrivateKey], finder: Finder, now: Clock) -> None:
    """Make the state, put the first policy in force, and sign the log as it then stands."""
    Database(place / assemble.STATE, assemble.SCHEMA, file_format=FORMAT).close()
    node = assemble.open_node(place, {}, now, finder=finder)
    node.policies.accept(policy, signers, now=stamp(now()))
    node.sign_log()


@contextmanager
def _all_or_nothing(home: Path, outside: Sequence[Path]) -> Iterator[Path]:
    """Give a directory that becomes ``home`` at the end; on a fault remove it, and what is new of ``outside``."""
    new = [path for path in outside if not path.exists()]
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
    except OSError as error:
        raise Unreachable("home-unwritable", str(home.parent)) from error
    try:
        yield place
        gc.collect()  # closes the state file, so that its write-ahead log is folded in before the directory moves
        place.rename(home)
        sync_directory(home.parent)
    except BaseException as error:
        shutil.rmtree(place, ignore_errors=True)
        for path in new:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Unreachable("home-unwritable", str(home)) from error
        raise


def _write(path: Path, content: bytes) -> None:
    put(path, content)


__all__ = ["FLOORS", "KEY_SUFFIX", "WRAPPING_SUFFIX", "Founded", "Founder", "found"]
