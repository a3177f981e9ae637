"""``node enrol``, ``list``, ``rotate`` and ``revoke``: who may connect, and who may no longer."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, Yes, confirm, say, table
from privacy.errors import HedgerowError, Invalid, Unreachable
from privacy.signing import read_aloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coordinator.register import EnrolledNode, Register, Sighting

app = typer.Typer(no_args_is_help=True, help="Enrol nodes, list them, change a fleet key, and turn a node out.")


@app.command()
def enrol(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="The enrolment file that `hedgerow-node init` wrote.")],
    as_json: Json = False,
) -> None:
    """Enrol a node. Compare the fingerprint with its operator by another channel; a serving coordinator admits it.

    \b
    Example:
      hedgerow-coordinator node enrol leeds/enrolment.txt
    """
    from privacy.enrolment import Enrolment

    shell = Shell.of(context)
    with _naming(file):
        node = _register(shell).enrol(Enrolment.decode(_content(file)), at=shell.now())
    lines = [
        f"{node.name} is enrolled",
        f"key  {node.fingerprint}",
        f"     {read_aloud(node.fingerprint)}",
        "Next: compare the key with the node's operator, by telephone: `hedgerow-node fleet show` shows it there.",
    ]
    say(lines, _document(node), as_json=as_json)


@app.command("list")
def list_nodes(context: typer.Context, *, as_json: Json = False) -> None:
    """List the nodes: enrolled or revoked, since when, last seen, and online if the coordinator is being served.

    \b
    Example:
      hedgerow-coordinator node list --json
    """
    shell = Shell.of(context)
    register = _register(shell)
    nodes, seen, online = [*register.nodes(), *register.revoked()], register.sightings(), _online(shell)
    documents = [_document(node, seen.get(node.fingerprint), online) for node in nodes]
    columns = ("name", "state", "since", "last_seen", "software", "online")
    lines = table([*(c.replace("_", " ") for c in columns)], [[d[c] for c in columns] for d in documents])
    keys = table(["name", "key", "read aloud"], [[d["name"], d["fingerprint"], d["read_aloud"]] for d in documents])
    say([*lines, "", *keys], {"nodes": documents}, as_json=as_json)


@app.command()
def rotate(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="The rotation.txt that `hedgerow-node fleet rotate` wrote.")],
    as_json: Json = False,
) -> None:
    """Take over a node's next fleet key; it switches by itself, and the key before is refused from then on.

    \b
    Example:
      hedgerow-coordinator node rotate rotation.txt
    """
    from privacy.enrolment import Rotation

    shell = Shell.of(context)
    register = _register(shell)
    with _naming(file):
        rotation = Rotation.decode(_content(file), lambda fingerprint: register.must(fingerprint).public_key)
    node = register.rotate(rotation, at=shell.now())
    say([f"{node.name} shows its fleet key {node.serial} from now on"], _document(node), as_json=as_json)


@app.command()
def revoke(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="The node's name, or its fingerprint.")],
    reason: Annotated[str, typer.Option(help="Why; it stays here, in `node list --json`.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Turn a node out for good: its key is never accepted again. Its name may be used by another node.

    A serving coordinator cuts it off within about a second. Running studies go on with the others while the quorum
    holds. What the node released before stays released.

    \b
    Example:
      hedgerow-coordinator node revoke leeds --reason "laptop stolen, ticket 4711"
    """
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    confirm(f"Turn {name} out? It is final.", yes=yes)
    shell = Shell.of(context)
    node = _register(shell).revoke(name, reason=reason.strip(), at=shell.now())
    lines = [
        f"{node.name} is revoked, for good",
        f"key  {node.fingerprint}",
        "Next: tell the node's people. To take part again they found a new node, and carry its ledger over.",
    ]
    say(lines, _document(node), as_json=as_json)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Name the file in what is found wrong with it."""
    try:
        yield
    except Invalid as error:
        raise Invalid(error.code, f"{file}: {error.detail}" if error.detail else str(file)) from error


def _online(shell: Shell) -> frozenset[str] | None:
    """Return who is online, or None when the coordinator is not being served, or not by this key."""
    try:
        return shell.client().online()
    except HedgerowError:
        return None


def _register(shell: Shell) -> Register:
    from coordinator.register import SCHEMA, Register

    return Register(shell.home().database(SCHEMA))


def _document(
    node: EnrolledNode, seen: Sighting | None = None, online: frozenset[str] | None = None
) -> dict[str, object]:
    return {
        "name": node.name,
        "fingerprint": node.fingerprint,
        "read_aloud": read_aloud(node.fingerprint),
        "state": "revoked" if node.revoked_at else "enrolled",
        "since": node.revoked_at or node.enrolled_at,
        "enrolled_at": node.enrolled_at,
        "fleet_key": node.serial,
        "rotated_at": node.rotated_at,
        "reason": node.reason,
        "last_seen": seen.at if seen else "",
        "software": seen.software if seen else "",
        "online": None if online is None else node.fingerprint in online,
    }


__all__ = ["app", "enrol", "list_nodes", "revoke", "rotate"]
