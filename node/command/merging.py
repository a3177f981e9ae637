"""``ledger hand-over`` and ``ledger merge``: what one organisation's people have spent, counted on at another."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.clock import stamp, system_clock
from node.command.console import AsJson, Home, PassphraseFiles, SignedBy, keys_of, opened, pair, passphrase_of, read
from privacy.errors import Invalid, Unreachable
from privacy.spending import VIEWS, Populations, spending_document
from privacy.terminal import progress, say, table

if TYPE_CHECKING:
    from privacy.handover import SignedStatement
    from privacy.spending import Spending

HEAD = ("PEOPLE", "VIEW", "UNITS SPENT")


def hand_over(
    *,
    home: Home,
    to: Annotated[str, typer.Option(metavar="FINGERPRINT", help="The node that counts it on, as its people read it.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the statement is written.")],
    signed_by: SignedBy,
    identity_lost: Annotated[
        Path | None,
        typer.Option(metavar="JOINKIT", help="The keystore is lost: two people speak. A join kit of the coordinator."),
    ] = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Close this node's ledger for good, and write what it says for the one node that counts it on.

    No study is answered here any more. Take the file to the other node, and read the fingerprints to its people.

    Example: hedgerow-node ledger hand-over --to 4f1c… --out st-marys.statement
    --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.merging import hand_over as close
    from node.merging import speak_for
    from node.people import open_key
    from privacy.atomic import SHARED, put

    files = {name: Path(path) for name, path in map(pair, signed_by)}
    people = {n: open_key(f, passphrase_of(n, passphrase_file, os.environ), home=home) for n, f in files.items()}
    if identity_lost is None:
        signed = close(opened(home), to=to, keys=people)
    else:
        signed = speak_for(home, to=to, join=identity_lost, keys=people, at=stamp(system_clock()))
    try:
        put(out, signed.encode(), mode=SHARED, replace=True)
    except OSError as error:
        raise Unreachable("file-unwritable", str(out)) from error
    progress(f"{out} is for node {to} and for no other." + ("" if identity_lost else " This ledger is closed."))
    _show(signed, as_json=as_json)


def _show(signed: SignedStatement, *, as_json: bool) -> None:
    from privacy.signing import PublicKey

    said, signers = signed.statement, sorted(PublicKey(text).fingerprint for text in signed.signatures)
    data = {"node": said.node, "to": said.to, "spent": spending_document(said.spent), "signers": signers}
    text = f"node {said.node}, log of {said.checkpoint.size} leaves\n\n{_accounts(said.spent)}\n\nsigned with\n  "
    say({**data, "leaves": said.checkpoint.size}, text + "\n  ".join(signers), as_json=as_json)


def merge(
    *,
    file: Annotated[Path, typer.Argument(help="The other node's statement.")],
    home: Home,
    key_of: Annotated[
        list[str],
        typer.Option(metavar="FINGERPRINT", help="The other node's, compared by telephone; or two of its people's."),
    ],
    populations: Annotated[
        Populations, typer.Option(help="May somebody be in both? If in doubt, overlapping: it counts more.")
    ],
    signed_by: SignedBy,
    receipts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Releases that the other node signed after its statement.")
    ] = None,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Count another node's spending into this ledger, once: the larger where disjoint, the sum where overlapping.

    Example: hedgerow-node ledger merge st-marys.statement --key-of 9a30… --populations overlapping
    --signed-by cara=/media/cara/cara.key --signed-by dan=/media/dan/dan.key
    """
    from node.merging import merge as count_in

    node = opened(home)
    spent = count_in(
        node,
        content=read(file),
        trusted=key_of,
        populations=populations,
        keys=keys_of(signed_by, passphrase_file, node),
        receipts=releases_in(receipts) if receipts else (),
    )
    progress("Counted in. What is left for studies here is in `hedgerow-node ledger show`.")
    say({"spent": spending_document(spent)}, _accounts(spent), as_json=as_json)


def _accounts(spent: Spending) -> str:
    return table(HEAD, [(part, view, units) for (part, view), units in spent.items() if view in VIEWS])


def releases_in(file: Path) -> list[bytes]:
    """Return releases from a file of one a line, in base64, as the coordinator exports them."""
    try:
        return [base64.b64decode(line, validate=True) for line in read(file).split()]
    except binascii.Error as error:
        raise Invalid("message-malformed", str(file)) from error


__all__ = ["HEAD", "hand_over", "merge", "releases_in"]
