"""``data``: what is stored, until when, and what it takes to erase a data set or a person with proof."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command.console import AsJson, Home, PassphraseFiles, SignedBy, keys_of, opened
from privacy.errors import Unreachable
from privacy.terminal import progress, say, table

if TYPE_CHECKING:
    from node.assemble import Node

data = typer.Typer(help="What is stored here, and how it is erased for good.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why, for the log; never a name or a number.")]
Certificate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where to write the proof, signed by this node; there is none yet.")
]


@data.command("list")
def list_data(*, home: Home, as_json: AsJson = False) -> None:
    """List every version of every data set, when it was loaded, and until when its contract keeps it.

    Example: hedgerow-node data list
    """
    from node.erasure import held

    node = opened(home)
    rows = [
        {
            "data_set": h.version.data_set,
            "version": h.version.version,
            "contract_version": h.version.contract.version,
            "loaded_at": h.version.loaded_at,
            "kept_until": h.until.isoformat(timespec="seconds") if h.until else None,
        }
        for h in held(node.store, node.now())
    ]
    lines = [[row[n] or "for good" for n in row] for row in rows]
    say(rows, table(("DATA SET", "VERSION", "CONTRACT", "LOADED", "KEPT UNTIL"), lines), as_json=as_json)


@data.command("erase")
def erase(
    *,
    name: Annotated[str, typer.Argument(metavar="DATA_SET[@VERSION]", help="All versions, or one, as visits@2.")],
    home: Home,
    reason: Reason,
    signed_by: SignedBy,
    certificate: Certificate = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Erase a data set or one version of it: records, quarantine, and the keys that open any copy of the files.

    Example: hedgerow-node data erase visits@2 --reason "loaded without a legal basis"
    --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.erasure import erase_data

    node = opened(home)
    leaf = erase_data(node, name=name, keys=keys_of(signed_by, passphrase_file, node), reason=reason)
    _prove(node, leaf, certificate, as_json=as_json)


@data.command("erase-person")
def erase_person(
    *,
    home: Home,
    reason: Reason,
    signed_by: SignedBy,
    number_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="NHS numbers, one a line; else stdin, or you are asked.")
    ] = None,
    certificate: Certificate = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person from every version, quarantine and the opt-out list; the number is never typed on a command line.

    Example: hedgerow-node data erase-person --reason "article 17 request 41" --number-file number.txt
    --certificate proof.json --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.erasure import erase_person as erase_them

    node = opened(home)
    keys = keys_of(signed_by, passphrase_file, node)
    leaf = erase_them(node, numbers=_numbers(number_file), keys=keys, reason=reason)
    _prove(node, leaf, certificate, as_json=as_json)


@data.command("certificate")
def show_certificate(
    *,
    leaf: Annotated[int, typer.Argument(help="The leaf of the log that tells of the erasure.")],
    home: Home,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it; else it is printed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the proof of an erasure again, signed by this node.

    Example: hedgerow-node data certificate 214 --out proof.json
    """
    _prove(opened(home), leaf, out, as_json=as_json or out is None)


def _prove(node: Node, leaf: int, out: Path | None, *, as_json: bool) -> None:
    from node.erasure import certificate
    from privacy.atomic import put

    node.sign_log()
    proof = certificate(node, leaf)
    if out is not None:
        try:
            put(out, (json.dumps(proof, indent=1) + "\n").encode(), replace=True)
        except OSError as error:
            raise Unreachable("file-unwritable", str(out)) from error
    files = proof["facts"]["files"]
    progress("Backups made before still hold it: see docs/erasure.md. The next extract may bring it back.")
    names = [f"{f['data_set']}@{f['version']}" if "data_set" in f else "" for f in files]
    rows = [(n, f["kind"], "rewritten" if "file" in f else "gone") for n, f in zip(names, files, strict=True)]
    say(proof, f"leaf {leaf}\n\n" + table(("DATA", "WHAT", "IS NOW"), rows), as_json=as_json)


def _numbers(file: Path | None) -> list[str]:
    """Return the numbers, one a line; from a terminal, one that is not shown."""
    try:
        if file is not None:
            text = file.read_text(encoding="utf-8-sig")
        elif sys.stdin.isatty():
            text = str(typer.prompt("NHS number", hide_input=True, err=True))
        else:
            text = sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable("file-unreadable", str(file or "stdin")) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


__all__ = ["data", "erase", "erase_person", "list_data", "show_certificate"]
