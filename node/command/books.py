"""``ledger`` and ``audit``: what was spent, and the log that proves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command import auditing, merging, pricing, recounting
from node.command.console import AsJson, Home, opened
from privacy.terminal import progress, say, table

if TYPE_CHECKING:
    from node.assemble import Node
    from privacy.canonical import Document
    from privacy.witnessing import Word

HEAD = ("PEOPLE", "VIEW", "EPSILON SPENT", "OF", "UNITS SPENT", "SET ASIDE", "UNITS LEFT", "(CONTINUOUS)")
FIGURES = (
    "people",
    "view",
    "epsilon_spent",
    "epsilon_ceiling",
    "spent",
    "reserved",
    "left",
    "epsilon_spent_if_continuous",
)
CHARGE = ("id", "at", "study", "title", "people", "cost", "cost_coordinator", "answered")

ledger = typer.Typer(help="The privacy budget: what each person here has spent for life.", no_args_is_help=True)
ledger.command("hand-over")(merging.hand_over)
ledger.command("merge")(merging.merge)
ledger.command("verify")(recounting.verify)
audit = typer.Typer(help="The log that nobody can quietly change.", no_args_is_help=True)
for _command in (auditing.export, auditing.check, auditing.seen, auditing.vouch, auditing.admit, auditing.forfeit):
    audit.command(_command.__name__)(_command)


@ledger.command("show")
def show_ledger(*, home: Home, as_json: AsJson = False) -> None:
    """Show what was spent and what is left, for both parts of the population, in both views, charges and merges.

    "outside" is against those who see totals only; "coordinator" against the coordinator, should masking be broken.
    Epsilon is the one proven at the policy's lifetime delta. What is set aside, approved studies may still spend.

    Example: hedgerow-node ledger show
    """
    node = opened(home)
    delta = node.policy.lifetime_delta
    accounts, charges = _accounts(node, delta), node.ledger.charges()
    text = f"A person's lifetime budget here, at delta {delta:g}; one unit is 10^-12 of rho\n\n"
    text += table(HEAD, [[_figure(account[name]) for name in FIGURES] for account in accounts])
    purposes = pricing.purposes_of(node)
    text += "".join(f"\n{line}" for line in pricing.purpose_lines(purposes, delta))
    called = {record.hash: record.name for record in node.governance.register.all()}
    rows = [[str(called.get(c[n], c[n]) if n == "study" else c[n]) for n in CHARGE] for c in charges]
    text += "\n\n" + table([n.upper() for n in CHARGE], rows)
    held = [r.__dict__ for r in node.ledger.reservations.all() if r.units]
    names = dict.fromkeys(str(called.get(each["study"], each["study"])) for each in held)
    text += f"\n\nset aside for: {', '.join(names)}" if held else ""
    merges, gone_to = node.ledger.handover.merges(), node.ledger.handover.recipient()
    text += "".join(f"\n\ncounted in from node {m['source']} ({m['populations']}) at {m['at']}" for m in merges)
    text += f"\n\nCLOSED: handed over to node {gone_to}" if gone_to else ""
    data = {"delta": delta, "accounts": accounts, "charges": charges, "merges": merges, "handed_over_to": gone_to}
    shares = [each.__dict__ for each in purposes]
    say({**data, "reservations": held, "purposes": shares}, text, as_json=as_json)


@audit.command("verify")
def verify(
    *,
    home: Home,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint of this node that somebody else kept, such as the coordinator (repeatable)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the whole log, and hold ledger, policy, studies and approvals against it; exit status 6 if they differ.

    All that the coordinator and other nodes signed of it is held against it too, and needs no network. With a
    checkpoint that was kept elsewhere, a log shows that was cut short together with what they signed.

    Example: hedgerow-node audit verify --checkpoint from-the-hub.checkpoint
    """
    from node.witness import Cosigned, read_checkpoint

    node = opened(home)
    newest = node.verify(elsewhere=[read_checkpoint(path, node.audit) for path in checkpoint or ()])
    progress("Every leaf and checkpoint holds; policy, ledger, studies, loads and opt-outs are what the log says.")
    kept = {"size": newest.size, "root": newest.root} if newest else None
    signed = [_signed(word, node) for word, _ in Cosigned(node.database, node.audit).all()]
    data = {"verified": True, "checkpoint": kept, "leaves": len(node.audit.events()), "policy": node.policy.hash}
    text = f"verified: {data['leaves']} leaves; newest checkpoint {newest.size if newest else 0}"
    text += (f" {newest.root}" if newest else "") + "".join(
        f"\n  {s['by']} ({s['who']}) signed {s['size']}" for s in signed
    )
    say(data | {"cosigned": signed}, text, as_json=as_json)


def _signed(word: Word, node: Node) -> dict[str, object]:
    named = {node.coordinator.fingerprint: "the coordinator"} | {w.fingerprint: w.name for w in node.policy.witnesses}
    return {"by": word.by, "who": named.get(word.by, "a node of the federation"), "size": word.size, "at": word.at}


@audit.command("show")
def show_audit(
    *,
    home: Home,
    last: Annotated[int, typer.Option(min=1, help="How many of the newest leaves to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest leaves of the log.

    Example: hedgerow-node audit show --last 5
    """
    events = opened(home).audit.events()[-last:]
    rows = [(e["position"], e["at"], e["event"], json.dumps(e["facts"], ensure_ascii=False)[:160]) for e in events]
    say(events, table(("LEAF", "AT", "EVENT", "FACTS"), rows), as_json=as_json)


def _accounts(node: Node, delta: float) -> list[Document]:
    from privacy.accountant import epsilon, epsilon_if_continuous

    return [
        {
            "people": a.part,
            "view": a.view,
            "spent": a.spent,
            "ceiling": a.ceiling,
            "reserved": a.reserved,
            "left": a.ceiling - a.spent - a.reserved,
            "epsilon_spent": epsilon(a.spent, delta),
            "epsilon_ceiling": epsilon(a.ceiling, delta),
            "epsilon_spent_if_continuous": epsilon_if_continuous(a.spent, delta),
        }
        for a in node.ledger.accounts()
    ]


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


__all__ = ["CHARGE", "FIGURES", "HEAD", "audit", "ledger", "show_audit", "show_ledger", "verify"]
