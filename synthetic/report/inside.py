"""What compares synthetic data with the real people they were made from: exact, for the node that holds them alone."""

from __future__ import annotations

from dataclasses import asdict

from privacy.canonical import Document
from synthetic.judged.fidelity import ORDERS, fidelity
from synthetic.judged.judgement import judge, verdict
from synthetic.judged.keyed import Keyed
from synthetic.judged.odds import TOLERANCE

FORMAT = "hedgerow-synthetic-inside/1"


def inside_report(
    data: Keyed, used: Keyed, held_back: Keyed, *, single: tuple[Keyed, Keyed], groups: tuple[str, ...]
) -> Document:
    """Return everything: how like people held back the data are, and what attacks tell of the people used.

    ``used`` and ``held_back`` have all of somebody's rows, weighing one together; ``single`` has one row each, of those
    used and of those held back. Rows of the data are never left out for being like somebody's: that would tell whose.
    """
    attacks = judge(data, *single, rows=(used, held_back))
    found = fidelity(data, used, held_back, groups=groups)
    return {
        "format": FORMAT,
        "verdict": verdict(attacks),
        "rows": len(data),
        "people": {"used": len(single[0]), "held_back": len(single[1])},
        "columns": [{"name": a.name, "keys": len(a.keys)} for a in data.attributes],
        "tolerance": TOLERANCE,
        "attacks": [{**asdict(each), "verdict": each.verdict} for each in attacks],
        "distances": {
            "means": [{"columns": order, **found.mean(order)} for order in ORDERS if found.mean(order)],
            "each": [{**asdict(each), "attributes": list(each.attributes)} for each in found.distances],
            "left_out": found.left_out,
        },
        "tasks": [asdict(each) for each in found.tasks],
        "groups": [asdict(each) for each in found.groups],
    }


__all__ = ["FORMAT", "inside_report"]
