"""``backup``, ``restore`` and ``upgrade``: a node's state in one file, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command.console import AsJson, Home, opened
from privacy.terminal import progress, say

if TYPE_CHECKING:
    from privacy.archive import Manifest, Progress

Written = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


def backup(*, file: Written, home: Home, as_json: AsJson = False) -> None:
    """Write the node's whole state into one new file, also while it serves; nothing is ever replaced.

    It holds what the directory holds, as of one moment, signed by the node. The wrapping key is not in it: keep that
    elsewhere, or the backup opens nothing.

    Example: hedgerow-node backup /mnt/backups/st-marys-2026-11-20.backup
    """
    from node.backup import back_up

    manifest = back_up(opened(home), file, progress=_bytes_told())
    say(_data(file, manifest), f"{file}: {_described(manifest)}", as_json=as_json)


def restore(
    *,
    file: Written,
    home: Annotated[Path, typer.Argument(metavar="HOME", help="A directory that is empty or not there yet.")],
    wrapping_key: Annotated[Path, typer.Option(help="The wrapping key that belongs to the node's keystore.")],
    as_json: AsJson = False,
) -> None:
    """Make a node's directory from a backup: all of it, verified, or nothing.

    Only the newest state may go into service. The node asks its coordinator when it starts, and stops if it once was
    further than this.

    Example: hedgerow-node restore st-marys-2026-11-20.backup /srv/node --wrapping-key /etc/hedgerow/st-marys.key
    """
    from node.backup import restore as restore_node
    from node.clock import system_clock

    manifest = restore_node(
        file, home, wrapping_key=wrapping_key, environ=os.environ, now=system_clock, progress=_bytes_told()
    )
    progress("Verified: log, ledger, policy, studies and store. The coordinator is asked at the next start.")
    say(_data(file, manifest) | {"home": str(home)}, f"{home}: {_described(manifest)}", as_json=as_json)


def upgrade(
    *,
    home: Home,
    backup_to: Annotated[
        Path | None, typer.Option("--backup", help="Where the backup from before goes [beside the directory].")
    ] = None,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Make none: you have one already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the state to the format of the installed software, after a backup; the node must not be serving.

    Example: hedgerow-node upgrade
    """
    from node.backup import default_backup
    from node.backup import upgrade as upgrade_node

    node = opened(home)
    where = None if no_backup else backup_to or default_backup(home, node.now())
    done = upgrade_node(node, backup=where, progress=_bytes_told())
    if done.backup is not None:
        progress(f"backup from before: {done.backup}")
    text = "\n".join(f"upgraded: {step}" for step in done.steps) or "nothing to do: the state is of this format"
    say({"steps": list(done.steps), "backup": str(done.backup or "") or None}, text, as_json=as_json)


def _bytes_told() -> Progress:
    """Say how far it is on stderr, at each tenth: a small state says little."""
    told = 0

    def tell(done: int, of: int) -> None:
        nonlocal told
        tenths = 10 * done // max(of, 1)
        if tenths > told:
            told = tenths
            progress(f"{10 * tenths} %, {done / 2**20:.1f} of {of / 2**20:.1f} MiB")

    return tell


def _described(manifest: Manifest) -> str:
    about = manifest.about
    leaves = f", {about.checkpoint['size']} leaves" if about.checkpoint else ""
    return f"{about.name} as of {about.made_at}{leaves}, {len(manifest.files)} files, {manifest.size / 2**20:.1f} MiB"


def _data(file: Path, manifest: Manifest) -> dict[str, object]:
    about = manifest.about
    return {
        "file": str(file),
        "name": about.name,
        "made_at": about.made_at,
        "software": about.software,
        "state_format": about.state_format,
        "leaves": about.checkpoint["size"],
        "files": len(manifest.files),
        "bytes": manifest.size,
    }


__all__ = ["backup", "restore", "upgrade"]
