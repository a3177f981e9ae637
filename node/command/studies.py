"""``study``, ``pause`` and ``resume``: what is asked of this node, and what its people decide."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.clock import stamp
from node.command import pricing
from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, StudyName, key_of, opened
from privacy.errors import CATALOGUE
from privacy.terminal import say, table, write_new

if TYPE_CHECKING:
    from node.assemble import Node
    from node.register import Record
    from privacy.contract import Contract
    from privacy.programme import Programme
    from privacy.study import Study

study = typer.Typer(help="Studies that were offered to this node: read, approve or refuse them.", no_args_is_help=True)


@study.command("list")
def list_all(*, home: Home, as_json: AsJson = False) -> None:
    """List the studies that were offered, and where each stands.

    Example: hedgerow-node study list
    """
    records = opened(home).governance.register.all()
    rows = [(r.name, r.hash.removeprefix("sha256:")[:12], r.state, r.code, r.changed_at) for r in records]
    text = table(("STUDY", "HASH", "STATE", "WHY", "SINCE"), rows) if rows else "no study was offered yet"
    say([_summary(record) for record in records], text, as_json=as_json)


@study.command("show")
def show(*, name: StudyName, home: Home, as_json: AsJson = False) -> None:
    """Show where a study stands, who decided, and the whole document that they sign.

    Example: hedgerow-node study show next-year-admission
    """
    register = opened(home).governance.register
    record = register.find(name)
    decisions = register.decisions(record.hash)
    document = record.study().document()
    lines = [f"{record.name}  {record.hash}", f"state: {record.state}, since {record.changed_at}"]
    if record.code:
        lines.append(f"why: {record.code}: {CATALOGUE[record.code].what if record.code in CATALOGUE else ''}")
    lines += [f"{d.decision}: {d.person} ({d.role}), {d.at}" + (f": {d.reason}" if d.reason else "") for d in decisions]
    text = "\n".join([*lines, "", json.dumps(document, indent=2, ensure_ascii=True)])
    data = {**_summary(record), "decisions": [asdict(d) for d in decisions], "document": document}
    say(data, text, as_json=as_json)


@study.command("explain")
def explain(*, name: StudyName, home: Home, as_json: AsJson = False) -> None:
    """Explain a study in plain English: what is computed, over whom, what leaves, what it costs. Read before approving.

    Example: hedgerow-node study explain next-year-admission
    """
    from privacy.explain import explain as explained

    node = opened(home)
    record, plan, here = _planned(node, name)
    text = f"{explained(plan, node.finder, *_contracts(node, plan.study))}\n\n{here}"
    say({**_summary(record), "explanation": text}, text, as_json=as_json)


@study.command("dossier")
def dossier(
    *,
    name: StudyName,
    home: Home,
    out: Annotated[Path | None, typer.Option(help="Write to this new file [stdout].", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Write everything for a DPIA as one page that prints and can be signed, with what it leaves of this node's budget.

    Example: hedgerow-node study dossier next-year-admission --out admission.html
    """
    from privacy.dossier import dossier as made_of
    from privacy.dossier_page import dossier_page

    node = opened(home)
    record, plan, here = _planned(node, name)
    document = made_of(plan, node.finder, *_contracts(node, plan.study))
    page = dossier_page(document, here=here.splitlines())
    if out is None:
        return say({**_summary(record), "dossier": document}, page.decode().rstrip(), as_json=as_json)
    write_new(out, page)
    return say({**_summary(record), "file": str(out)}, f"{out} is written: print it, sign it.", as_json=as_json)


study.command("price")(pricing.price)


@study.command("approve")
def approve(
    *,
    name: StudyName,
    home: Home,
    person: AsPerson,
    key: KeyFile,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Approve a study: you sign its hash. It runs only when a second person has approved it too.

    Example: hedgerow-node study approve next-year-admission --as ada --key /media/ada/ada.key
    """
    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    record = node.governance.approve(name, person=person, key=signing_key, now=node.now())
    say(_summary(record), _stands(record), as_json=as_json)


@study.command("refuse")
def refuse(
    *,
    name: StudyName,
    home: Home,
    person: AsPerson,
    key: KeyFile,
    reason: Annotated[str, typer.Option(help="Why: for this node's log, never sent. Name no patient.")],
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a study; one that was approved already is withdrawn, at once and for good.

    Example: hedgerow-node study refuse next-year-admission --as ben --key /media/ben/ben.key --reason "no DPIA yet"
    """
    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    record = node.governance.refuse(name, person=person, key=signing_key, reason=reason, now=node.now())
    say(_summary(record), _stands(record), as_json=as_json)


def pause(*, home: Home, as_json: AsJson = False) -> None:
    """Stop everything: the next request, from whichever study, is refused. No key is needed to stop.

    Example: hedgerow-node pause
    """
    node = opened(home)
    node.governance.register.pause(at=stamp(node.now()))
    say({"paused": True}, "paused: nothing is answered until `hedgerow-node resume`", as_json=as_json)


def resume(*, home: Home, as_json: AsJson = False) -> None:
    """Go on answering approved studies.

    Example: hedgerow-node resume
    """
    node = opened(home)
    node.governance.register.resume(at=stamp(node.now()))
    say({"paused": False}, "approved studies are answered again", as_json=as_json)


def _planned(node: Node, name: str) -> tuple[Record, Programme, str]:
    """Return a study's record, its plan, and in words what it would leave of this node's budget."""
    from privacy.programme import programme

    record = node.governance.register.find(name)
    plan = programme(record.study(), node.finder)
    return record, plan, pricing.budget_lines(node, plan, record) + _linked(node, record)


def _linked(node: Node, record: Record) -> str:
    """Return who else must approve a study of records that came by linkage, and who has; empty for others."""
    signed = {d.person for d in node.governance.register.decisions(record.hash) if d.decision == "approve"}
    return "".join(_spoken_for(node, each, signed) for each in _contracts(node, record.study()) if each.linkage)


def _spoken_for(node: Node, contract: Contract, signed: set[str]) -> str:
    agreement = node.agreements.current(contract.linkage)
    speakers = agreement.people_of(contract.name)
    lines = [
        f"{contract.name} has rows by linkage {agreement.name}@{agreement.version}, until {agreement.expires}.",
        "So somebody of each controller approves the study:",
    ]
    lines += [
        f"  - {c.person} for {c.name}: {'approved' if c.person in signed else 'has not approved yet'}"
        for c in agreement.controllers
        if c.person in speakers
    ]
    return "\n".join(["\n", *lines])


def _contracts(node: Node, study: Study) -> list[Contract]:
    """Return the contracts of what a study reads, its own data set's first; of what is loaded."""
    from privacy.feature_fit import data_sets

    loaded = [node.store.versions(name) for name in data_sets(study)]
    return [versions[-1].contract for versions in loaded if versions]


def _summary(record: Record) -> dict[str, str]:
    return {
        "name": record.name,
        "hash": record.hash,
        "state": record.state,
        "code": record.code,
        "changed_at": record.changed_at,
    }


def _stands(record: Record) -> str:
    return f"{record.name} is {record.state}" + (f" ({record.code})" if record.code else "")


__all__ = ["approve", "dossier", "explain", "list_all", "pause", "refuse", "resume", "show", "study"]
