"""What all commands share: options, and where a home, a key and a passphrase come from."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import system_clock
from node.command.completion import study_names
from node.environment import HOME_VARIABLE
from privacy.errors import Unreachable

if TYPE_CHECKING:
    from node.assemble import Node

PASSPHRASE_VARIABLE = "HEDGEROW_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable that names a file

Home = Annotated[Path, typer.Option(envvar=HOME_VARIABLE, help="The node's directory.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A study's name, or the first digits of its hash.", autocompletion=study_names
    ),
]
AsPerson = Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are, by your name in the policy.")]
KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE", help="Your own signing key.")]
SignedBy = Annotated[
    list[str],
    typer.Option("--signed-by", metavar="NAME=KEYFILE", help="A person who signs, and their key; give two."),
]
PassphraseFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--passphrase-file",
        metavar="[NAME=]FILE",
        help=f"Where a passphrase is (one person's, or everybody's); else {PASSPHRASE_VARIABLE}, else you are asked.",
    ),
]


def opened(home: Path, **flags: object) -> Node:
    """Open the node for one command, on the process's environment and the computer's clock."""
    from node.assemble import open_node

    return open_node(home, os.environ, system_clock, flags=flags)


def passphrase_of(name: str, files: Sequence[str] | None, environ: Mapping[str, str], *, new: bool = False) -> str:
    """Return a person's passphrase: from their file, everybody's file, the environment's file, or by asking."""
    named = dict(entry.split("=", 1) for entry in files or () if "=" in entry)
    shared = [entry for entry in files or () if "=" not in entry]
    file = named.get(name) or next(iter(shared), None) or environ.get(PASSPHRASE_VARIABLE)
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Unreachable("file-unreadable", file) from error
    if not sys.stdin.isatty():
        raise Unreachable("passphrase-absent", name)
    return str(typer.prompt(f"Passphrase of {name}", hide_input=True, confirmation_prompt=new, err=True))


def read(file: Path) -> bytes:
    """Return a file's bytes; ``file-unreadable`` where there are none."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error


def key_of(name: str, path: Path, files: Sequence[str] | None, node: Node) -> Ed25519PrivateKey:
    """Return a person's signing key, opened with their passphrase."""
    from node.people import open_key

    return open_key(path, passphrase_of(name, files, os.environ), home=node.home)


def keys_of(signed_by: Sequence[str], files: Sequence[str] | None, node: Node) -> dict[str, Ed25519PrivateKey]:
    """Return the keys of several people, each given as ``NAME=KEYFILE``."""
    return {name: key_of(name, Path(path), files, node) for name, path in map(pair, signed_by)}


def pair(text: str) -> tuple[str, str]:
    """Return both sides of ``NAME=VALUE``; anything else is a wrong command line."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"{text!r} is not of the form NAME=VALUE")
    return name, value


__all__ = [
    "PASSPHRASE_VARIABLE",
    "AsJson",
    "AsPerson",
    "Home",
    "KeyFile",
    "PassphraseFiles",
    "SignedBy",
    "StudyName",
    "key_of",
    "keys_of",
    "opened",
    "pair",
    "passphrase_of",
    "read",
]
