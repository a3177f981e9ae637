"""Where contacts happen: the practice, the trust that people of a place mostly go to, its council and its services."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import geography
from synthetic.lives.figures import figures
from synthetic.population.people import People
from synthetic.population.practices import practices
from synthetic.population.priors import Priors
from synthetic.published import rows, table

# First letters of the made-up codes of what each local authority has one of; its council pays for two of them
LOCAL = {
    "mental-health": "ZM",
    "community": "ZN",
    "social-care": "ZC",
    "housing": "ZC",
    "police": "ZP",
    "fire": "ZF",
}
HOSPITAL = ("ecds", "apc", "op")
ELSEWHERE = 0.1  # of hospital contacts: drawn anew among the trusts of the place, not the person's usual one (assumed)


@dataclass(frozen=True)
class Providers:
    """Where the people of a block go: their practice, their authority, their usual trust, and the trusts of each place.

    ``trusts`` (authorities, k) holds places of trusts and ``upto`` (authorities, k) the cumulative share of each.
    """

    practice: NDArray[np.int16]
    authority: NDArray[np.int32]
    usual: NDArray[np.int16]
    trusts: NDArray[np.int16]
    upto: NDArray[np.float64]

    def of(self, stream: str, person: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int16]:
        """Return the organisation of each contact of a stream, a place in the codes of that stream's organisations."""
        if stream in ("gp", "medicine"):
            return self.practice[person]
        if stream not in HOSPITAL:
            return self.authority[person].astype(np.int16)
        return np.where(rng.random(len(person)) < ELSEWHERE, self.drawn(person, rng), self.usual[person])

    def drawn(self, person: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int16]:
        """Return one of the trusts of each person's place, by its share of the people there."""
        place = self.authority[person]
        column = (rng.random(len(person))[:, None] * self.upto[place, -1:] >= self.upto[place]).sum(axis=1)
        return np.asarray(self.trusts[place, column])


def providers(people: People, priors: Priors, rng: np.random.Generator) -> Providers:
    """Return where the people of a block go; their usual trust is one of those of their place, by its share there."""
    trusts, upto = _trusts(priors.geography.place)
    authority = priors.areas.authority[people.area].astype(np.int32)
    here = Providers(
        practice=people.practice,
        authority=authority,
        usual=np.empty(0, np.int16),
        trusts=trusts,
        upto=upto,
    )
    return replace(here, usual=here.drawn(np.arange(len(people), dtype=np.int32), rng))


@cache
def _trusts(place: str) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Return the trusts that people of each authority of a place go to, and the cumulative share of each."""
    authorities = {code: row for row, code in enumerate(geography(place).authorities.code)}
    code = {trust: row for row, trust in enumerate(table("trusts").columns["trust"])}
    trusts: list[list[tuple[int, float]]] = [[] for _ in authorities]
    for row in rows("trust_shares"):
        if row["local_authority"] in authorities:
            trusts[authorities[row["local_authority"]]].append((code[row["trust"]], float(row["part"])))
    most = max(map(len, trusts))
    known = np.array([(each + [(0, 0.0)] * most)[:most] for each in trusts])
    return known[..., 0].astype(np.int16), np.cumsum(known[..., 1], axis=1)


def organisations(priors: Priors, stream: str) -> tuple[str, ...]:
    """Return the codes of the organisations that a stream's ``provider`` is a place in.

    They have the shape of real codes and begin with Z, as none of the some 300 organisations in the open files does.
    """
    if stream in HOSPITAL:
        return table("trusts").columns["trust"]
    if stream in ("gp", "medicine"):
        return practices(priors.geography.place).code
    every = {code: row for row, code in enumerate(figures().authorities)}
    return tuple(f"{LOCAL[stream]}{every[code]:03d}" for code in priors.authorities.code)


__all__ = ["ELSEWHERE", "HOSPITAL", "LOCAL", "Providers", "organisations", "providers"]
