"""Every attack on the data, and the same attack on data that it must break: no verdict without such a control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from synthetic.judged.attacks import ATTACKS, Attack, Generator, Scene, scene
from synthetic.judged.keyed import Keyed, joined
from synthetic.judged.odds import NOTHING, Finding

Verdict = Literal["passes", "fails", "shows nothing"]
NEEDED = ("copies", "strangers", "closeness")  # a copy breaks these where people differ at all
FEWEST = 10  # rows of data, or people of each group
PLANTED = 400  # made-up outliers, of whom half are planted


@dataclass(frozen=True)
class Judged:
    """An attack on the data, and on the control, which it must break to show anything."""

    attack: str
    asks: str
    data: Finding
    control: str
    on_control: Finding

    @property
    def verdict(self) -> Verdict:
        """``fails`` where the data tell of those used, or more of those who were not: then they are not what they say.

        ``shows nothing`` where the control was not broken either.
        """
        if self.data.breaks or self.data.reversed:
            return "fails"
        return "passes" if self.on_control.breaks else "shows nothing"


def judge(
    data: Keyed, used: Keyed, held_back: Keyed, *, rows: tuple[Keyed, Keyed] | None = None, seed: int = 0
) -> list[Judged]:
    """Return each attack's finding on the data, beside that on a control in the same run.

    ``used`` are all the people that the data were made from, ``held_back`` others of the same population, whom nothing
    was learned from; one row a person. ``rows`` are all of theirs, where they have several. The same seed gives the
    same findings.
    """
    at, found = scene(data, used, held_back, rows=rows or (used, held_back), seed=seed), []
    for number, (name, attack) in enumerate(ATTACKS.items(), start=1):
        made, plant = CONTROLS.get(name, ("half of its rows copied", half_copied))
        control = plant(at, np.random.default_rng([seed, number, 1])) if min(len(used), len(held_back)) else at
        here, there = (_tried(attack, each, np.random.default_rng([seed, number])) for each in (at, control))
        asks = (attack.__doc__ or "").split("\n", maxsplit=1)[0]
        found.append(Judged(name, asks, here, made, there))
    return found


def verdict(found: list[Judged]) -> Verdict:
    """Return what all attacks say together: one that breaks the data is enough; the needed ones must show something."""
    if any(each.verdict == "fails" for each in found):
        return "fails"
    silent = any(each.attack in NEEDED and each.verdict != "passes" for each in found)
    return "shows nothing" if silent or not found else "passes"


def half_copied(at: Scene, rng: Generator) -> Scene:
    """Return the scene with half of the data's rows replaced by rows of people who were used."""
    return replace(at, data=_half(at.data, at.made_from, rng))


def half_strange(at: Scene, rng: Generator) -> Scene:
    """Return the scene with half of the data's rows replaced by rows of people who were held back."""
    return replace(at, data=_half(at.data, at.held_back, rng))


def outliers_planted(at: Scene, rng: Generator) -> Scene:
    """Return the scene with made-up people unlike anybody among those used and among others; the first have copies."""
    sizes = [len(a.keys) for a in at.used.attributes]
    made_up = Keyed.of(at.used.attributes, np.column_stack([rng.integers(0, size, PLANTED) for size in sizes]))
    planted, absent = made_up.take(np.arange(PLANTED // 2)), made_up.take(np.arange(PLANTED // 2, PLANTED))
    return replace(at, data=joined(at.data, planted), used=planted, others=absent, made_from=planted)


def _half(data: Keyed, people: Keyed, rng: Generator) -> Keyed:
    """Return the data with half of the rows replaced, each weighing what the row that it is there for weighed."""
    rows, many = rng.permutation(len(data)), len(data) // 2
    copied = people.take(rng.choice(len(people), many, replace=len(people) < many))
    kept, gone = data.take(rows[many:]), data.take(rows[:many])
    return joined(kept, replace(copied, weights=gone.weights))


def _tried(attack: Attack, at: Scene, rng: Generator) -> Finding:
    """Return what an attack finds; nothing where there are too few people, or no data, to find anything."""
    return attack(at, rng) if min(map(len, (at.data, at.used, at.others, at.reference))) >= FEWEST else NOTHING


CONTROLS: dict[str, tuple[str, Callable[[Scene, Generator], Scene]]] = {
    "strangers": ("half of its rows copied from people held back", half_strange),
    "membership": ("made-up outliers, half of them in the data", outliers_planted),
}

__all__ = [
    "CONTROLS",
    "FEWEST",
    "NEEDED",
    "PLANTED",
    "Judged",
    "Verdict",
    "half_copied",
    "half_strange",
    "judge",
    "outliers_planted",
    "verdict",
]
