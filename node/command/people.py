"""``person`` and ``policy``: who belongs to the node, and what it allows; every change is signed by two."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.clock import stamp
from node.command.console import AsJson, Home, PassphraseFiles, SignedBy, keys_of, opened, passphrase_of
from node.people import ROLES, create_key
from privacy.signing import PublicKey
from privacy.terminal import progress, say

if TYPE_CHECKING:
    from node.policy import Policy

person = typer.Typer(help="People, their roles, and signing keys that only they hold.", no_args_is_help=True)
policy = typer.Typer(help="The node's own floors, signed by two of its people.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The person's name in the policy: small letters, digits, hyphens.")]


@person.command("key")
def make_key(
    *,
    name: Name,
    home: Home,
    key: Annotated[Path, typer.Option(metavar="FILE", help="Where the new signing key is written; never inside HOME.")],
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Make a signing key under a passphrase, and print its public half; nobody becomes a person of the node by that.

    Example: hedgerow-node person key cara --key /media/cara/cara.key
    """
    made = create_key(key, passphrase_of(name, passphrase_file, os.environ, new=True), home=home)
    text = PublicKey.of(made).text
    say({"name": name, "public_key": text, "key": str(key)}, text, as_json=as_json)


@person.command("add")
def add(
    *,
    name: Name,
    home: Home,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")],
    signed_by: SignedBy,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Where a new signing key is written.")] = None,
    public_key: Annotated[str | None, typer.Option(help="Or the public half of a key that this person has.")] = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Add a person to the policy; two people who may approve sign the changed policy.

    Example: hedgerow-node person add cara --role clinician --key /media/cara/cara.key
    --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.policy import policy_of

    if (key is None) == (public_key is None):
        raise typer.BadParameter("give either --key, for a new key, or --public-key")
    node = opened(home)
    signers = keys_of(signed_by, passphrase_file, node)
    document = node.policy.document()
    made = None
    if key is not None:
        made = create_key(key, passphrase_of(name, passphrase_file, os.environ, new=True), home=home)
        public_key = PublicKey.of(made).text
    try:
        changed = policy_of({**document, "people": [*document["people"], _entry(name, role, public_key or "")]})
        node.policies.accept(changed, signers, now=stamp(node.now()))
    except BaseException:
        if key is not None and made is not None:
            key.unlink(missing_ok=True)  # nothing half-done: a key that no policy names is of no use
        raise
    say(_data(changed), f"{name} is {role}; policy {changed.hash}", as_json=as_json)


@policy.command("show")
def show(*, home: Home, as_json: AsJson = False) -> None:
    """Show the policy in force, its signatures checked; save the text to a file to change it.

    Example: hedgerow-node policy show > changed.toml
    """
    node = opened(home)
    progress(f"in force, signed by two: {node.policy.hash}")
    say(_data(node.policy), node.policy.toml(), as_json=as_json)


@policy.command("change")
def change(
    *,
    file: Annotated[Path, typer.Argument(help="The whole changed policy, people included, as TOML.")],
    home: Home,
    signed_by: SignedBy,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Put a changed policy in force; two people of the policy before it sign.

    Example: hedgerow-node policy change changed.toml --signed-by ada=/media/ada/ada.key
    --signed-by ben=/media/ben/ben.key
    """
    from node.policy import policy_of, read_policy_file

    changed = policy_of(read_policy_file(file))
    node = opened(home)
    node.policies.accept(changed, keys_of(signed_by, passphrase_file, node), now=stamp(node.now()))
    say(_data(changed), f"in force: {changed.hash}", as_json=as_json)


def _entry(name: str, role: str, public_key: str) -> dict[str, str]:
    return {"name": name, "role": role, "public_key": public_key}


def _data(policy: Policy) -> dict[str, object]:
    return {"hash": policy.hash, **policy.document()}


__all__ = ["add", "change", "make_key", "person", "policy", "show"]
