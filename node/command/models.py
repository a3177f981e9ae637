"""``models pull|list|verify``: the hub's models on this node's own shelf, verified before anything uses them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command.console import AsJson, Home, StudyName, opened, read
from privacy.errors import HedgerowError, Unreachable
from privacy.terminal import progress, say, table

if TYPE_CHECKING:
    from node.assemble import Node

models = typer.Typer(no_args_is_help=True, help="Pull, list and verify models.")

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write a copy here too; a file that is there is not replaced."),
]


@models.command("pull")
def pull_model(*, home: Home, study: StudyName, out: Out = None, as_json: AsJson = False) -> None:
    """Fetch a study's published model, verify it, and keep it on this node; nothing is kept that does not hold.

    Example: hedgerow-node models pull next-year-admission
    """
    from privacy.atomic import put
    from privacy.canonical import sha256

    node = opened(home)
    record = node.governance.register.find(study)
    if out is not None and (out.exists() or not out.parent.is_dir()):
        raise Unreachable("file-unwritable", str(out))
    hear_news(node)
    content = pull(node, record.hash)
    if out is not None:
        put(out, content)
    version = sha256(content)
    say({"study": record.name, "version": version}, f"{record.name}: {version} is kept here", as_json=as_json)


@models.command("list")
def list_models(*, home: Home, as_json: AsJson = False) -> None:
    """List the models that the coordinator spoke of: published or withdrawn and why, kept here or not.

    Example: hedgerow-node models list
    """
    node = opened(home)
    names = {record.hash: record.name for record in node.governance.register.all()}
    kept = set(node.shelf.versions())
    said = {(s.version, s.standing): s for s in node.shelf.statements()}
    latest = {s.version: said.get((s.version, "withdrawn"), s) for s in said.values()}
    data = [
        {
            "study": names.get(s.study, s.study),
            "version": s.version,
            "state": s.standing,
            "at": s.at,
            "kept": s.version in kept,
            "reason": s.reason,
            "superseded_by": next((o.version for o in said.values() if o.supersedes == s.version), ""),
        }
        for s in latest.values()
    ]
    rows = [
        (d["study"], str(d["version"])[7:19], d["state"], d["at"], "yes" if d["kept"] else "no", d["reason"])
        for d in data
    ]
    say(data, table(("STUDY", "VERSION", "STATE", "SINCE", "KEPT", "REASON"), rows), as_json=as_json)


@models.command("verify")
def verify_model(
    *,
    home: Home,
    file: Annotated[Path, typer.Argument(help="A model, or a card, export or page with its .sig beside it.")],
    enrolment: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A node's enrolment file that you trust (repeatable): no other may be in it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a file against the coordinator's pinned key, offline; a model down to each node's own signature.

    Example: hedgerow-node models verify admission.onnx
    """
    from models.verification import verify_file
    from privacy.enrolment import Enrolment

    node = opened(home)
    known = [Enrolment.decode(read(f).strip()).public_key for f in enrolment] if enrolment else None
    found = verify_file(file, node.coordinator, node.finder, nodes=known)
    node.shelf.check(found.model)
    lines = [found.line]
    lines += [f"  {o.name} {o.fingerprint}: {o.releases} signed releases" for o in found.organisations]
    if found.organisations:
        planned = "the plan is of other software" if found.planned is None else f"{found.planned} planned"
        lines.append(f"  {found.sums} sums; {planned}")
    say(asdict(found), "\n".join(lines), as_json=as_json)


def hear_news(node: Node) -> None:
    """Ask the coordinator which models it withdrew; where it cannot be asked, what this node knows holds."""
    try:
        ignored = node.shelf.hear(node.hub.news().models)
    except HedgerowError as error:
        progress(
            f"The coordinator could not be asked about withdrawn models ({error.code}): what this node knows holds."
        )
        return
    finally:
        node.hub.close()
    for each in ignored:
        progress(f"A statement about a model was ignored: {each.code}")


def pull(node: Node, study: str) -> bytes:
    """Fetch a study's model and keep it once it is verified; return its bytes."""
    try:
        content = node.hub.model(study)
    finally:
        node.hub.close()
    node.shelf.keep(content, study)
    return content


__all__ = ["hear_news", "list_models", "models", "pull", "pull_model", "verify_model"]
