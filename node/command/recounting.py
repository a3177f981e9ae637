"""``ledger verify``: what was spent, counted again from the log alone, with another accountant's word beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.command.console import AsJson, Home, opened
from privacy.terminal import progress, say, table

if TYPE_CHECKING:
    from node.assemble import Node

HEAD = ("PEOPLE", "VIEW", "SUMS", "UNITS SPENT", "COUNTED AGAIN", "EPSILON", "RENYI", "LOSS DISTRIBUTION")
FIGURES = ("people", "view", "sums", "spent", "counted_again", "epsilon", "epsilon_renyi", "epsilon_loss_distribution")


def verify(*, home: Home, as_json: AsJson = False) -> None:
    """Count what was spent again, from the log alone and the noise it tells of; exit status 6 if anything differs.

    Epsilon is the one proven here. Beside it stands what dp-accounting, another accountant, makes of the same noise,
    where it is installed: by Renyi divergence, and by the loss distribution of continuous noise.

    Example: hedgerow-node ledger verify
    """
    from node.second_opinion import PACKAGE, installed

    node = opened(home)
    delta, other = node.policy.lifetime_delta, installed()
    accounts = _accounts(node, delta, other=bool(other))
    progress("Every leaf holds, every charge is what its noise costs, and the accounts hold their sum.")
    if not other:
        progress(f"There is no second opinion: {PACKAGE} is not installed (pip install 'hedgerow[verify]').")
    rows = [[_figure(account[name]) for name in FIGURES] for account in accounts]
    data = {"verified": True, "delta": delta, "dp_accounting": other or None, "accounts": accounts}
    say(data, f"verified, at delta {delta:g}\n\n{table(HEAD, rows)}", as_json=as_json)


def _accounts(node: Node, delta: float, *, other: bool) -> list[dict[str, Any]]:
    """Return each account beside what the log says of it; any difference is an error with a code."""
    from node.second_opinion import opinion
    from privacy.accountant import epsilon
    from privacy.errors import Tampered
    from privacy.recount import recount

    with node.database.snapshot():
        node.audit.verify()
        node.ledger.verify(node.policy.ceilings())
        counts, accounts = recount(node.audit.events()), node.ledger.accounts()
    found, opinions = [], {frozenset(count.sums.items()): count.sums for count in counts.values()}
    told = {key: opinion(sums, delta) for key, sums in opinions.items()} if other else {}  # without masks two are alike
    for account in accounts:
        count = counts[account.part, account.view]
        if count.units != account.spent:
            raise Tampered("ledger-tampered", f"spending of {account.part} people, counted again")
        ours, theirs = epsilon(account.spent, delta), told.get(frozenset(count.sums.items()))
        if theirs is not None:
            theirs.require(ours)
        found.append(
            {
                "people": account.part,
                "view": account.view,
                "sums": sum(count.sums.values()),
                "spent": account.spent,
                "counted_again": count.units,
                "rho": float(count.rho),
                "epsilon": ours,
                "epsilon_renyi": theirs and theirs.renyi,
                "epsilon_loss_distribution": theirs and theirs.loss_distribution,
            }
        )
    return found


def _figure(value: object) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


__all__ = ["FIGURES", "HEAD", "verify"]
