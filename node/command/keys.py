"""``key``: which keys this node has, and how those change that can."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.clock import system_clock
from node.command.console import AsJson, Home, PassphraseFiles, SignedBy, keys_of, opened
from node.environment import PREFIX
from privacy.terminal import progress, say, table

key = typer.Typer(help="The node's keys: what each is for, and how they rotate.", no_args_is_help=True)
rotate = typer.Typer(help="Let a new key take the place of one that may have been seen.", no_args_is_help=True)
key.add_typer(rotate, name="rotate")


@key.command("list")
def list_keys(*, home: Home, as_json: AsJson = False) -> None:
    """List the keys by name, what each is for, and how many files' keys it wraps; never a key itself.

    Example: hedgerow-node key list
    """
    from node.keys import key_lines

    lines = key_lines(opened(home))
    rows = [(line.id, line.files or "", line.purpose) for line in lines]
    say([asdict(line) for line in lines], table(("KEY", "FILES", "FOR"), rows), as_json=as_json)


@rotate.command("wrapping")
def rotate_wrapping(
    *,
    home: Home,
    new_file: Annotated[Path, typer.Option(metavar="FILE", help="The new wrapping key; made if it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Put the keystore under another wrapping key; the file before opens nothing but earlier backups. Restart `serve`.

    Cut short, it goes on when run again with the same file.

    Example: hedgerow-node key rotate wrapping --new-file /etc/hedgerow/st-marys-2.key
    """
    from node.keys import rotate_wrapping as rewrap

    before = rewrap(home, new=new_file, environ=os.environ, now=system_clock)
    if f"{PREFIX}WRAPPING_KEY_FILE" in os.environ:
        progress(f"{PREFIX}WRAPPING_KEY_FILE is set and goes before node.toml: set it to {new_file.absolute()}.")
    progress(
        f"Back up {new_file.absolute()} apart from the node. Only {before} opens backups that were made until now:"
    )
    progress("destroy it, and its copy in the safe, once you have a new backup.")
    progress("Restart `hedgerow-node serve`: until then it answers nothing more.")
    data = {"wrapping_key_file": str(new_file.absolute()), "before": str(before)}
    say(data, f"the keystore opens with {new_file.absolute()}", as_json=as_json)


@rotate.command("records")
def rotate_records(
    *,
    home: Home,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Write every file anew, then destroy the records keys before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Use a new records key from now on; with --rewrite for what is stored already, too.

    Cut short, it goes on when run again with --rewrite.

    Example: hedgerow-node key rotate records --rewrite
    """
    from node.keys import rotate_records as renew

    newest = renew(opened(home), rewrite=rewrite)
    what = "all files, each written anew" if rewrite else "new files"
    say({"key": newest, "rewritten": rewrite}, f"{newest} wraps the keys of {what}", as_json=as_json)


@rotate.command("pseudonym")
def rotate_pseudonym(
    *,
    home: Home,
    signed_by: SignedBy,
    erase_records: Annotated[
        bool,
        typer.Option("--erase-records", help="Erase what cannot be translated: all data, and the opt-out list."),
    ] = False,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Name everybody anew under a new key, in the mode that the policy says; the key before is destroyed.

    Reversible pseudonyms are translated. Irreversible ones are made again from their sources: docs/pseudonyms.md.

    Example: hedgerow-node key rotate pseudonym --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.rotation import rotate_pseudonyms

    node = opened(home)
    tag = rotate_pseudonyms(node, keys=keys_of(signed_by, passphrase_file, node), erase_records=erase_records)
    progress("Files with pseudonyms that were written out before, such as scores, fit nothing here any more.")
    if erase_records:
        progress("Load the opt-out list and the sources again.")
    say({"tag": str(tag), "mode": tag.mode, "epoch": tag.epoch}, f"pseudonyms now begin with {tag}.", as_json=as_json)


__all__ = ["key", "list_keys", "rotate", "rotate_pseudonym", "rotate_records", "rotate_wrapping"]
