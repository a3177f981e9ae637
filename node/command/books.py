"""``ledger`` and ``audit``: what was spent, and the log that proves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from node.command import merging, recounting
from node.command.console import AsJson, Home, opened, progress, say, table

ledger = typer.Typer(help="The privacy budget: what each person here has spent for life.", no_args_is_help=True)
ledger.command("hand-over")(merging.hand_over)
ledger.command("merge")(merging.merge)
ledger.command("verify")(recounting.verify)
audit = typer.Typer(help="The log that nobody can quietly change.", no_args_is_help=True)


@ledger.command("show")
def show_ledger(*, home: Home, as_json: AsJson = False) -> None:
    """Show what was spent and what is left, for both parts of the population, in both views, charges and merges.

    "outside" is against those who see totals only; "coordinator" against the coordinator, should masking be broken.
    Epsilon is the one proven at the policy's lifetime delta.

    Example: hedgerow-node ledger show
    """
    from privacy.accountant import epsilon, epsilon_if_continuous

    node = opened(home)
    delta = node.policy.lifetime_delta
    accounts = [
        {
            "people": a.part,
            "view": a.view,
            "spent": a.spent,
            "ceiling": a.ceiling,
            "left": a.ceiling - a.spent,
            "epsilon_spent": epsilon(a.spent, delta),
            "epsilon_ceiling": epsilon(a.ceiling, delta),
            "epsilon_spent_if_continuous": epsilon_if_continuous(a.spent, delta),
        }
        for a in node.ledger.accounts()
    ]
    charges = node.ledger.charges()
    head = ("PEOPLE", "VIEW", "EPSILON SPENT", "OF", "UNITS SPENT", "UNITS LEFT", "(CONTINUOUS)")
    names = ("people", "view", "epsilon_spent", "epsilon_ceiling", "spent", "left", "epsilon_spent_if_continuous")
    text = f"A person's lifetime budget here, at delta {delta:g}; one unit is 10^-12 of rho\n\n"
    text += table(head, [[_figure(account[name]) for name in names] for account in accounts])
    columns = ("id", "at", "study", "title", "people", "cost", "answered")
    called = {record.hash: record.name for record in node.governance.register.all()}
    rows = [[str(called.get(c[n], c[n]) if n == "study" else c[n]) for n in columns] for c in charges]
    text += "\n\n" + table([n.upper() for n in columns], rows)
    merges, gone_to = node.ledger.handover.merges(), node.ledger.handover.recipient()
    text += "".join(f"\n\ncounted in from node {m['source']} ({m['populations']}) at {m['at']}" for m in merges)
    text += f"\n\nCLOSED: handed over to node {gone_to}" if gone_to else ""
    data = {"delta": delta, "accounts": accounts, "charges": charges, "merges": merges, "handed_over_to": gone_to}
    say(data, text, as_json=as_json)


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

    With a checkpoint that was kept elsewhere, a log that was cut short or put back to an older one shows too.

    Example: hedgerow-node audit verify --checkpoint from-the-hub.checkpoint
    """
    from node.witness import read_checkpoint

    node = opened(home)
    newest = node.verify(elsewhere=[read_checkpoint(path, node.audit) for path in checkpoint or ()])
    progress("Every leaf and checkpoint holds; policy, ledger, studies, loads and opt-outs are what the log says.")
    kept = {"size": newest.size, "root": newest.root} if newest else None
    data = {"verified": True, "checkpoint": kept, "leaves": len(node.audit.events()), "policy": node.policy.hash}
    text = f"verified: {data['leaves']} leaves; newest checkpoint {newest.size if newest else 0}"
    say(data, text + (f" {newest.root}" if newest else ""), as_json=as_json)


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


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


__all__ = ["audit", "ledger", "show_audit", "show_ledger", "verify"]
