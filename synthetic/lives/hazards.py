"""How often what happens to whom in a year: rates that depend only on what is known at its start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.figures import Figures
from synthetic.lives.traits import Traits

# Of emergency admissions, those who came through A&E: 4.77 of 6.5 million in 2018/19 (priors/processes.csv)
VIA_ED = 0.73
# Of recorded falls: coded by the practice, seen in A&E and sent home, seen in A&E and admitted (assumed)
FALLS_AT_GP, FALLS_AT_ED, FALLS_ADMITTED = 0.5, 0.3, 0.2
MOST_A_YEAR = 50.0  # of one kind: what would happen more often than weekly is held there
PLANNED = ("gp", "elective", "op", "mental-health", "community", "social-care")  # what a group can be under-served with


@dataclass(frozen=True)
class Hazards:
    """Rates a year of clock time: ``contacts`` (n, processes) and ``death`` (n,)."""

    contacts: NDArray[np.float64]
    death: NDArray[np.float64]


def hazards(
    traits: Traits,
    figures: Figures,
    matrix: NDArray[np.float32],
    day: int,
    *,
    back: int = 0,
    before: int = 0,
    served: NDArray[np.float64] | float = 1.0,
    unseen: NDArray[np.float32] | float = 0.0,
) -> Hazards:
    """Return the rates of the year that starts with ``day``, given the columns of ``traits.terms``.

    It is the year ``back`` and ``before`` of ``Figures.year``: people were younger then and fewer of them ill, and who
    died meanwhile is not among them; its level lets them have as many contacts as were published all the same.
    ``served`` is the part of planned contacts that somebody gets; ``unseen`` is added to every log rate.
    """
    targets = slice(len(figures.conditions), len(figures.targets))
    log = traits.levels(figures, targets, day) + matrix @ figures.effects[:, targets]
    log += figures.year(back, before)[targets]
    log += np.reshape(unseen, (-1, 1))
    rates = np.minimum(np.exp(log.astype(np.float64)), MOST_A_YEAR)
    contacts, death, years = rates[:, :-1], rates[:, -1], traits.years(day)
    for place, each in enumerate(figures.processes):
        contacts[:, place] *= (years >= each.least_age) & (years <= each.most_age)
        if each.key in PLANNED:
            contacts[:, place] *= served
    return Hazards(contacts, death)


__all__ = ["FALLS_ADMITTED", "FALLS_AT_ED", "FALLS_AT_GP", "MOST_A_YEAR", "PLANNED", "VIA_ED", "Hazards", "hazards"]
