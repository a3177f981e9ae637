"""``linkage``: records without an NHS number become people of this node, inside one signed agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, SignedBy, key_of, keys_of, opened
from privacy.terminal import progress, say, table

if TYPE_CHECKING:
    from node.assemble import Node
    from node.inner_door import InnerDoor
    from node.linkage.agreements import Standing
    from node.linkage.zone import Zone

linkage = typer.Typer(help="Link records that have no NHS number, inside one agreement.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The agreement's name.")]
Reference = Annotated[Path, typer.Option(metavar="FILE", help="The reference: NHS numbers and demographics.")]
Target = Annotated[Path, typer.Option(metavar="FILE", help="The records to link: local ids and demographics.")]
Records = Annotated[str, typer.Option(metavar="TARGET", help="Which of the agreement's targets; else the only one.")]
Purpose = Annotated[str, typer.Option(help="What it is for; it is written into the log.")]


@linkage.command("agree")
def agree(
    *,
    file: Annotated[Path, typer.Argument(help="The agreement, as TOML.")],
    home: Home,
    signed_by: SignedBy,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Sign a linkage agreement for a controller; it is in force when somebody of each controller has signed.

    Example: hedgerow-node linkage agree north.toml --signed-by ada=/media/ada/ada.key
    """
    from privacy.linkage import read_agreement

    agreement, node = read_agreement(file), opened(home)
    standing = node.agreements.agree(agreement, keys_of(signed_by, passphrase_file, node), now=node.now())
    say(_standing(standing), _stands(standing), as_json=as_json)


@linkage.command("list")
def list_agreements(*, home: Home, as_json: AsJson = False) -> None:
    """List the agreements, who has signed them, and what was linked under them.

    Example: hedgerow-node linkage list
    """
    node = opened(home)
    rows = [_standing(standing) for standing in node.agreements.all()]
    links = [{**version.facts(), "made_at": version.made_at} for version in node.links.all()]
    lines = [(r["agreement"], r["expires"], ", ".join(r["signed"]), ", ".join(r["missing"]) or "-") for r in rows]
    text = table(("AGREEMENT", "EXPIRES", "SIGNED", "WAITS FOR"), lines) if rows else "no agreement was signed yet"
    made = [(f"{v['agreement']}/{v['target']}@{v['version']}", v["model"], v["made_at"]) for v in links]
    text += "\n\n" + table(("LINKAGE", "MODEL", "MADE"), made) if made else ""
    say({"agreements": rows, "linkages": links}, text, as_json=as_json)


@linkage.command("run")
def run(
    *,
    name: Name,
    home: Home,
    reference: Reference,
    target: Target,
    records: Records = "",
    as_json: AsJson = False,
) -> None:
    """Link the ids of a target to people of this node, as a new version; both files are read in memory only.

    Example: hedgerow-node linkage run north --reference patients.csv --target clients.csv
    """
    from node.linkage.zone import link

    node = opened(home)
    made = link(_zone(node), name, reference=reference, target=target, target_name=records)
    progress("These counts are exact: they are for this node's people, and never leave.")
    figures = node.links.links(made).figures
    say({"linkage": made.name, **figures}, f"{made.name}:\n{_figures(figures)}", as_json=as_json)


@linkage.command("quality")
def quality(*, name: Name, home: Home, records: Records = "", as_json: AsJson = False) -> None:
    """Show how good the linkage in force is, and for whom: exact figures for people at this node.

    Example: hedgerow-node linkage quality north
    """
    node = opened(home)
    version = node.links.newest(name, node.agreements.current(name).target(records).name)
    progress("These counts are exact: they are for this node's people, and never leave.")
    figures = node.links.links(version).figures
    say({"linkage": version.name, **figures}, f"{version.name}:\n{_figures(figures)}", as_json=as_json)


@linkage.command("review")
def review(
    *,
    name: Name,
    home: Home,
    reference: Reference,
    target: Target,
    person: AsPerson,
    key: KeyFile,
    purpose: Purpose,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write; never in the node's directory.")],
    records: Records = "",
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Write the pairs that wait for a decision side by side, from the same two files; clear identifiers, so erase it.

    Example: hedgerow-node linkage review north --reference patients.csv --target clients.csv --as dan
    --key /media/dan/dan.key --purpose "clerical review, March" --out /media/dan/pairs.csv
    """
    from node.handing_out import require_new
    from node.linkage.review import write_pairs
    from node.linkage.zone import pair_up

    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    require_new(out, home=node.home)
    version = node.links.newest(name, node.agreements.current(name).target(records).name)
    _door(node).enter("review", person=person, key=signing_key, purpose=purpose, model=version.name)
    pairing = pair_up(_zone(node), name, reference=reference, target=target, target_name=records)
    pairs = write_pairs(pairing, node.links.links(version), out, home=node.home)
    say({"pairs": pairs, "out": str(out)}, f"{pairs} pairs to decide on: {out}", as_json=as_json)


@linkage.command("decide")
def decide(
    *,
    name: Name,
    file: Annotated[Path, typer.Argument(help="The review file, with `same` or `different` in some rows.")],
    home: Home,
    person: AsPerson,
    key: KeyFile,
    purpose: Purpose,
    records: Records = "",
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Take decisions back: a new version of the linkage, in which they stand, and in every one after it.

    Example: hedgerow-node linkage decide north /media/dan/pairs.csv --as dan --key /media/dan/dan.key
    --purpose "clerical review, March"
    """
    from node.linkage.review import take_back

    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    target = node.agreements.in_force(name, now=node.now()).target(records)
    version = node.links.newest(name, target.name)
    made = take_back(
        node.links,
        version,
        file,
        several_ids=target.several_ids,
        enter=lambda: _door(node).enter("review", person=person, key=signing_key, purpose=purpose, model=version.name),
        now=node.now(),
    )
    say({"linkage": made.name}, f"{made.name} holds the decisions; load the records again", as_json=as_json)


def _door(node: Node) -> InnerDoor:
    from node.inner_door import InnerDoor

    return InnerDoor(node.database, node.audit, node.policy, node.now)


def _zone(node: Node) -> Zone:
    from node.linkage.zone import Zone
    from node.optouts import current_optouts

    policy, now = node.policy, node.now()
    return Zone(
        agreements=node.agreements,
        tables=node.links,
        keystore=node.keystore,
        optouts=current_optouts(node.store, now=now, at_most_days=policy.optouts_at_most_days),
        allow_test_numbers=policy.allow_test_numbers,
        now=now,
        progress=progress,
    )


def _standing(standing: Standing) -> dict[str, Any]:
    agreement = standing.agreement
    return {
        "agreement": f"{agreement.name}@{agreement.version}",
        "hash": agreement.hash,
        "expires": agreement.expires,
        "controllers": [asdict(controller) for controller in agreement.controllers],
        "signed": list(standing.signed),
        "missing": list(standing.missing),
    }


def _stands(standing: Standing) -> str:
    agreement = standing.agreement
    waits = f"waits for {', '.join(standing.missing)}" if standing.missing else "is in force"
    return f"{agreement.name}@{agreement.version} {waits}, until {agreement.expires}"


def _figures(figures: Mapping[str, Any], depth: int = 1) -> str:
    lines = []
    for name, value in figures.items():
        label = "  " * depth + name.replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{label}:", _figures(value, depth + 1)]
        else:
            lines.append(f"{label}: {value:.4f}" if isinstance(value, float) else f"{label}: {value}")
    return "\n".join(line for line in lines if line)


__all__ = ["agree", "decide", "linkage", "list_agreements", "quality", "review", "run"]
