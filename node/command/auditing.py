"""``audit export``, ``check``, ``seen``, ``vouch``, ``admit``, ``forfeit``: what others know of the log, and say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from node.clock import stamp, system_clock
from node.command.console import AsJson, Home, KeyFile, PassphraseFiles, SignedBy, keys_of, opened, passphrase_of, read
from node.command.merging import releases_in
from privacy.errors import Invalid
from privacy.terminal import progress, say, table, write_new

Kept = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", help="A checkpoint of this node that somebody else kept (repeatable)."),
]


def export(
    *,
    out: Annotated[Path, typer.Option(help="The file to write; nothing is ever replaced.")],
    home: Home,
    checkpoint: Kept = None,
    as_json: AsJson = False,
) -> None:
    """Write what the log proves of charges, answers and decisions, for an auditor; no leaf about records is in it.

    With a checkpoint that the auditor kept, it is proven to continue that too. `audit check` reads the file anywhere.

    Example: hedgerow-node audit export --out leeds.evidence --checkpoint kept-last-year.checkpoint
    """
    from node.witness import Cosigned, kept_checkpoint
    from privacy.evidence import evidence

    node = opened(home)
    node.verify()
    since = [kept_checkpoint(read(path), node.audit.public_key) for path in checkpoint or ()]
    for word in since:
        node.audit.check_newest(size=word.size, root=word.root)
    document = evidence(node.audit, node.sign_log(), Cosigned(node.database, node.audit).all(), since)
    write_new(out, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    data = {"out": str(out), "leaves": len(document["leaves"]), "of": document["checkpoint"]["size"]}
    say(data, f"{out}: {data['leaves']} of {data['of']} leaves, each with its proof", as_json=as_json)


def check(
    *,
    file: Annotated[Path, typer.Argument(help="What `audit export` wrote.")],
    node: Annotated[
        str,
        typer.Option(help="The node's fingerprint, as its operator reads it out (`fleet show`).", show_default=False),
    ],
    checkpoint: Kept = None,
    receipts: Annotated[
        Path | None, typer.Option(help="What `hedgerow-coordinator node receipts` wrote of this node.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check evidence without any node: each proof, each signature, and what was spent by it; exit status 6 if not.

    With receipts that the coordinator kept, the charge of each sum that was ever released must be among the leaves.

    Example: hedgerow-node audit check leeds.evidence --node 5a61fc2b... --checkpoint mine --receipts leeds.receipts
    """
    from privacy.canonical import parse
    from privacy.evidence import check_evidence

    kept = [read(path) for path in checkpoint or ()]
    found = check_evidence(parse(read(file)), kept=kept, receipts=releases_in(receipts) if receipts else ())
    if found.node.fingerprint != node.replace(" ", ""):
        raise Invalid("evidence-foreign", found.node.fingerprint)
    progress("Every leaf shown is in the log that was signed, which continues all that others signed of it.")
    data = found.document()
    lines = [f"{data['shown']} of {data['size']} leaves are shown and proven; root {data['root']}"]
    lines += [f"  {event}: {count}" for event, count in sorted(data["events"].items())]
    lines += [f"spent on {part} people, {view} view: {units} units" for part, views in data["spent"].items()
              for view, units in views.items()]  # fmt: skip
    lines += [f"signed by {word['by']}: {word['size']} leaves, {word['at']}" for word in data["cosigned"]]
    lines += [f"{data['receipts']} receipts, each with its charge"] if receipts else []
    say(data, "\n".join(lines), as_json=as_json)


def seen(
    *,
    home: Home,
    of: Annotated[str, typer.Option(help="Only the log of the node with this fingerprint.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write the checkpoint of that one to this new file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what this node has seen and signed of other nodes' logs; or write one, for whoever is to vouch for it.

    Example: hedgerow-node audit seen --of 5a61fc2b9d17d390130cda9c85116d3f7119d4ad --out leeds.checkpoint
    """
    from node.witnessing import Witnessed

    node = opened(home)
    witnessed = Witnessed(node.database, node=node.fingerprint)
    rows = [row for row in witnessed.all() if of in ("", row[0])]
    if out is not None:
        if len(rows) != 1:
            raise Invalid("log-unseen", of)
        write_new(out, witnessed.held(rows[0][0])[2])
    documents = [{"log": log, "size": size, "root": root} for log, size, root in rows]
    say(documents, table(("LOG", "LEAVES", "ROOT"), rows), as_json=as_json)


def vouch(
    *,
    question: Annotated[Path, typer.Argument(help="The `witness.question` that the waiting node left.")],
    kept: Annotated[list[Path], typer.Option(help="A checkpoint of that node that you or others kept (repeatable).")],
    key: KeyFile,
    out: Annotated[Path, typer.Option(help="Your answer, for `audit admit`; nothing is ever replaced.")],
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Say with your own key, on a machine of your own, how long a node's log was when you last knew.

    Look at more than one place: the coordinator's `node checkpoint`, another node's `audit seen`, your own files. A
    node that says that its log is shorter was put back: exit status 6, and you sign nothing.

    Example: hedgerow-node audit vouch witness.question --kept leeds.checkpoint --key ada.key --out ada.word
    """
    from node.offline import asked_in
    from node.offline import vouch as vouch_for
    from node.people import open_key

    asked, whose = asked_in(question)
    progress(f"The node {whose.fingerprint} asks; its log has {asked.size} leaves now. Compare that with its operator.")
    own = open_key(key, passphrase_of(key.stem, passphrase_file, os.environ), home=None)
    newest, content = vouch_for(asked, whose, kept, own, at=stamp(system_clock()))
    write_new(out, content)
    data = {"node": whose.fingerprint, "size": newest.size, "now": asked.size, "out": str(out)}
    say(data, f"{out}: of {newest.size} leaves; the node has {asked.size} now", as_json=as_json)


def admit(
    *,
    file: Annotated[Path, typer.Argument(help="The answer that a person wrote with `audit vouch`.")],
    home: Home,
    as_json: AsJson = False,
) -> None:
    """Hand a person's answer to the service that waits for it; it is worth nothing to any other start.

    Example: hedgerow-node audit admit ada.word
    """
    from node.offline import bring_answer

    bring_answer(home, file)
    say({"brought": True}, "brought: the service reads it within `poll_seconds`", as_json=as_json)


def forfeit(
    *,
    home: Home,
    signed_by: SignedBy,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Let the whole budget count as spent, for good, where nobody can say any more how long the log was.

    Two people who may approve sign it. The node may be served again, and charges nothing: what an older state has
    forgotten cannot be spent twice.

    Example: hedgerow-node audit forfeit --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.forfeit import forfeit_budget

    node = opened(home)
    keys = keys_of(signed_by, passphrase_file, node)
    parts = (node.database, node.audit, node.ledger, node.policy)
    spent = forfeit_budget(*parts, keys, node=node.fingerprint, now=node.now())
    say({"spent": spent}, "the whole budget counts as spent, for good", as_json=as_json)


__all__ = ["admit", "check", "export", "forfeit", "seen", "vouch"]
