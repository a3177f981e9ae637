"""``study price``: what a study would cost a person here, and leave of the budget, before anybody signs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from node.command.console import AsJson, Home, StudyName, opened
from privacy.terminal import say, table

if TYPE_CHECKING:
    from node.assemble import Node
    from node.budget import PurposeLeft
    from node.register import Record
    from privacy.canonical import Document
    from privacy.programme import Programme

HEAD = ("PEOPLE", "VIEW", "SPENT", "WITH OTHERS", "WITH THIS STUDY", "OF", "UNITS LEFT")
EPSILONS = ("epsilon_spent", "epsilon_with_others", "epsilon_with_study", "epsilon_ceiling")


def price(*, name: StudyName, home: Home, as_json: AsJson = False) -> None:
    """Say what a study costs and would leave of each person's lifetime budget here. Nothing is charged.

    Epsilons are a person's for life: spent, with what other approved studies may still spend, with this study too.

    Example: hedgerow-node study price next-year-admission
    """
    from privacy.programme import programme

    node = opened(home)
    record = node.governance.register.find(name)
    plan = programme(record.study(), node.finder)
    accounts = accounts_of(node, plan, record)
    delta = node.policy.lifetime_delta
    rows = [[a["people"], a["view"], *(f"{a[e]:.3f}" for e in EPSILONS), str(a["left"])] for a in accounts]
    text = f"{record.name} ({record.state}): epsilon of a life at delta {delta:g}\n\n{table(HEAD, rows)}"
    purposes = purposes_of(node, record)
    text += "".join(f"\n{line}" for line in purpose_lines(purposes, delta))
    fits = all(account["left"] >= 0 for account in accounts)
    text += "" if fits else "\n\nIt does not fit: its approval would be refused."
    data = {"study": record.name, "delta": delta, "fits": fits, "accounts": accounts}
    say({**data, "purpose": [each.__dict__ for each in purposes]}, text, as_json=as_json)


def accounts_of(node: Node, plan: Programme, record: Record) -> list[Document]:
    """Return what the study would leave of each account here, as plain data."""
    from node.budget import outlook

    return [each.document(node.policy.lifetime_delta) for each in outlook(node.ledger, plan, record)]


def budget_lines(node: Node, plan: Programme, record: Record) -> str:
    """Return in words what the study would leave of the lifetime budget here; epsilon adds up by its own rule."""
    delta = node.policy.lifetime_delta
    lines = [f"At this node (state: {record.state}), of a person's lifetime epsilon at delta {delta:g},"]
    for each in accounts_of(node, plan, record):
        spent, others, study, ceiling = (each[name] for name in EPSILONS)
        lines.append(
            f"  - {each['people']}, {each['view']} view: {spent:.2f} spent, {others:.2f} with what others may still "
            f"spend, {study:.2f} with this study too, of {ceiling:.2f}"
        )
    return "\n".join([*lines, *purpose_lines(purposes_of(node, record), delta)])


def purposes_of(node: Node, record: Record | None = None) -> list[PurposeLeft]:
    """Return how each purpose with a share of the budget stands, or a study's own, where the policy gives it one."""
    from node.budget import purposes

    asked = record.study().purpose if record else None
    return [each for each in purposes(node.ledger, node.policy) if asked in (None, each.purpose)]


def purpose_lines(purposes: list[PurposeLeft], delta: float) -> Iterator[str]:
    """Yield how purposes stand, a line each, by the account that is fullest."""
    from privacy.accountant import epsilon

    for name in dict.fromkeys(each.purpose for each in purposes):
        fullest = max((each for each in purposes if each.purpose == name), key=lambda p: p.used / max(1, p.share))
        used, share = epsilon(fullest.used, delta), epsilon(fullest.share, delta)
        yield f"purpose {name}: epsilon {used:.2f} of its share's {share:.2f} is spent or set aside"


__all__ = ["EPSILONS", "HEAD", "accounts_of", "budget_lines", "price", "purpose_lines", "purposes_of"]
