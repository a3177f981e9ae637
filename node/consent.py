"""What two of the node's people sign for before it is done: one statement, two signatures, kept in the log."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.people import require_person
from node.policy import APPROVALS_NEEDED, Policy
from privacy.canonical import JSON
from privacy.errors import Refusal
from privacy.signing import sign


def both_sign(
    policy: Policy, keys: Mapping[str, Ed25519PrivateKey], context: str, statement: Mapping[str, JSON]
) -> dict[str, str]:
    """Return a signature by name of two different people whom the policy lets decide; fewer is a refusal."""
    require_two(policy, keys)
    return {name: sign(key, context, dict(statement)) for name, key in sorted(keys.items())}


def require_two(policy: Policy, keys: Mapping[str, Ed25519PrivateKey]) -> None:
    """Return if ``keys`` are those of two people who may decide; ``same-person-twice`` for one alone."""
    for name, key in keys.items():
        require_person(policy.approver(name), key)
    if len(keys) < APPROVALS_NEEDED:
        raise Refusal("same-person-twice", "two different people sign for this")


__all__ = ["both_sign", "require_two"]
