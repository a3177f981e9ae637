"""``init``: a node begins, with two people present."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.clock import system_clock
from node.command.console import AsJson, PassphraseFiles, pair, passphrase_of
from privacy.signing import read_aloud
from privacy.terminal import progress, say

if TYPE_CHECKING:
    from node.founding import Founded

NewHome = Annotated[Path, typer.Argument(help="The node's directory; it must not exist yet, or be empty.")]
Name = Annotated[str, typer.Option(help="What the coordinator and its people call this node.")]
Join = Annotated[Path, typer.Option(metavar="FILE", help="The join kit that the coordinator's operator gave you.")]
People = Annotated[
    list[str], typer.Option(metavar="NAME=ROLE", help="A person who is here now; two must be approvers.")
]
Keys = Annotated[Path, typer.Option(metavar="DIR", help="Where each person's signing key is written, NAME.key.")]
Floors = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The policy's floors as TOML; else careful defaults.")
]
WrappingKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where the key that opens the keystore is kept, outside HOME.")
]


def init(
    *,
    home: NewHome,
    name: Name,
    join: Join,
    person: People,
    keys: Keys,
    policy: Floors = None,
    wrapping_key: WrappingKey = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Make a node: settings, secrets, encrypted store, and a policy that two people sign. All of it or nothing.

    Each person chooses a passphrase for a key of their own, which they take with them: the node never holds it. Send
    HOME/enrolment.txt to the coordinator's operator, and compare the fingerprint by telephone.

    Example: hedgerow-node init /srv/node --name st-marys --join join.kit --keys /media/keys
    --person ada=ig-lead --person ben=caldicott-guardian
    """
    from node.assemble import COMPUTATIONS
    from node.founding import Founder, found
    from node.policy import read_policy_file

    people = [(who, role, passphrase_of(who, passphrase_file, os.environ, new=True)) for who, role in map(pair, person)]
    made = found(
        home=home,
        name=name,
        join=join,
        founders=[Founder(*one) for one in people],
        keys=keys,
        wrapping_key_file=wrapping_key,
        floors=read_policy_file(policy) if policy else None,
        finder=COMPUTATIONS,
        now=system_clock,
    )
    progress(f"Send {made.enrolment} to the coordinator's operator, and compare the fingerprint by another channel.")
    progress(f"The key in {made.wrapping_key_file} opens the keystore: back it up apart from {made.home}.")
    progress(f"Read it as {read_aloud(made.fingerprint)}")
    say(_data(made), made.fingerprint, as_json=as_json)


def _data(made: Founded) -> dict[str, object]:
    return {
        "fingerprint": made.fingerprint,
        "read_aloud": read_aloud(made.fingerprint),
        "home": str(made.home),
        "enrolment": str(made.enrolment),
        "wrapping_key_file": str(made.wrapping_key_file),
        "keys": {name: str(path) for name, path in made.keys.items()},
    }


__all__ = ["init"]
