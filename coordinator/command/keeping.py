"""``backup``, ``restore``, ``upgrade``: the state in one file, and back; ``node checkpoint``: a node's own word."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, say, tell
from privacy.errors import Refusal, Unreachable

if TYPE_CHECKING:
    from privacy.archive import Manifest, Progress

PASSPHRASE_VARIABLE = "HEDGEROW_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable that names a file

Written = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help=f"Where the passphrase of the backup is; else {PASSPHRASE_VARIABLE}, else you are asked."
    ),
]


def add_to(app: typer.Typer, nodes: typer.Typer) -> None:
    """Add the three commands to the program, and one to those about nodes."""
    app.command()(backup)
    app.command()(restore)
    app.command()(upgrade)
    nodes.command()(checkpoint)


def backup(
    context: typer.Context, *, file: Written, passphrase_file: PassphraseFile = None, as_json: Json = False
) -> None:
    """Write the coordinator's whole state into one new file under a passphrase, also while it serves.

    The private keys are in it: nodes know a coordinator by them. So keep the file as you keep the keys, and the
    passphrase (at least 16 characters) apart from it. Nothing is ever replaced.

    \b
    Example:
      hedgerow-coordinator backup /mnt/backups/north-west-2026-11-20.backup
    """
    from coordinator.backup import back_up

    shell = Shell.of(context)
    passphrase = _passphrase(shell, passphrase_file, new=True)
    manifest = back_up(shell.home(), file, passphrase=passphrase, now=shell.now, progress=_bytes_told())
    say([f"{file}: {_described(manifest)}"], _data(file, manifest), as_json=as_json)


def restore(
    context: typer.Context,
    *,
    file: Written,
    home: Annotated[Path, typer.Argument(metavar="HOME", help="A directory that is empty or not there yet.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Make a coordinator's directory from a backup: all of it, checked, or nothing.

    \b
    Example:
      hedgerow-coordinator restore north-west-2026-11-20.backup /srv/hub
    """
    from coordinator.backup import restore as restore_home

    shell = Shell.of(context)
    passphrase = _passphrase(shell, passphrase_file, new=False)
    environ = {name: value for name, value in shell.environ.items() if name != "HEDGEROW_COORDINATOR_HOME"}
    manifest = restore_home(file, home, passphrase=passphrase, environ=environ, progress=_bytes_told())
    say([f"{home}: {_described(manifest)}"], _data(file, manifest) | {"home": str(home)}, as_json=as_json)


def upgrade(
    context: typer.Context,
    *,
    backup_to: Annotated[
        Path | None, typer.Option("--backup", help="Where the backup from before goes [beside the directory].")
    ] = None,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Make none: you have one already.")] = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Bring the state to the format of the installed software, after a backup; it must not be serving.

    \b
    Example:
      hedgerow-coordinator upgrade
    """
    from coordinator.backup import default_backup, is_old
    from coordinator.backup import upgrade as upgrade_home

    shell = Shell.of(context)
    home = shell.home()
    where, passphrase = None, ""
    if is_old(home) and not no_backup:
        where, passphrase = (
            backup_to or default_backup(home, shell.now()),
            _passphrase(shell, passphrase_file, new=True),
        )
    done = upgrade_home(home, backup=where, passphrase=passphrase, now=shell.now, progress=_bytes_told())
    if done.backup is not None:
        tell(f"backup from before: {done.backup}")
    lines = [f"upgraded: {step}" for step in done.steps] or ["nothing to do: the state is of this format"]
    say(lines, {"steps": list(done.steps), "backup": str(done.backup or "") or None}, as_json=as_json)


def checkpoint(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node, by name or fingerprint; also a revoked one.")],
    out: Annotated[Path, typer.Option(help="The file to write; nothing is ever replaced.")],
    as_json: Json = False,
) -> None:
    """Write the newest checkpoint that a node told, as it signed it, for `hedgerow-node audit verify --checkpoint`.

    \b
    Example:
      hedgerow-coordinator node checkpoint leeds --out leeds.checkpoint
    """
    from coordinator import checkpoints, register
    from privacy.atomic import put
    from privacy.envelope import Envelope

    home = Shell.of(context).home()
    database = home.database(register.SCHEMA, checkpoints.SCHEMA)
    nodes = register.Register(database)
    node = next((n for n in (*nodes.nodes(), *nodes.revoked()) if name in {n.name, n.fingerprint}), None)
    if node is None:
        raise Refusal("node-unknown", name)
    content = checkpoints.Checkpoints(database, home.identity).newest(node.fingerprint)
    if content is None:
        raise Refusal("checkpoint-absent", name)
    try:
        put(out, content)
    except OSError as error:
        raise Unreachable("file-unwritable", str(out)) from error
    size = Envelope.decode(content).header["size"]
    lines = [f"{name}'s newest checkpoint, of a log of {size} leaves, is in {out}"]
    say(lines, {"node": node.fingerprint, "size": size, "file": str(out)}, as_json=as_json)


def _passphrase(shell: Shell, file: Path | None, *, new: bool) -> str:
    named = file or shell.environ.get(PASSPHRASE_VARIABLE)
    if named:
        try:
            return Path(named).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Unreachable("file-unreadable", str(named)) from error
    if not sys.stdin.isatty():
        raise Unreachable("passphrase-absent", "of the backup")
    return str(typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=new, err=True))


def _bytes_told() -> Progress:
    """Say how far it is on stderr, at each tenth."""
    told = 0

    def telling(done: int, of: int) -> None:
        nonlocal told
        tenths = 10 * done // max(of, 1)
        if tenths > told:
            told = tenths
            tell(f"{10 * tenths} %, {done / 2**20:.1f} of {of / 2**20:.1f} MiB")

    return telling


def _described(manifest: Manifest) -> str:
    about = manifest.about
    return f"{about.name} as of {about.made_at}, {len(manifest.files)} files, {manifest.size / 2**20:.1f} MiB"


def _data(file: Path, manifest: Manifest) -> dict[str, object]:
    about = manifest.about
    said = {"file": str(file), "name": about.name, "made_at": about.made_at, "software": about.software}
    return said | {"state_format": about.state_format, "files": len(manifest.files), "bytes": manifest.size}


__all__ = ["PASSPHRASE_VARIABLE", "add_to", "backup", "checkpoint", "restore", "upgrade"]
