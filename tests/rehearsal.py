"""A whole study in one process, on tables in memory: same plan, bound, noise and totals, no node and no wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.variables import Table, batches
from privacy.arrays import Integers
from privacy.computation import Finder, People, Result
from privacy.noise import discrete_gaussian
from privacy.private_sum import Noise, PrivateSum, total
from privacy.programme import programme
from privacy.study import Study


def no_noise(sigma_squared: int, count: int) -> Integers:
    """Return zeros: for comparing with pooled fits only; nothing outside the tests can ask for it."""
    del sigma_squared
    return np.zeros(count, np.int64)


def rehearse(
    study: Study, finder: Finder, sites: Sequence[Mapping[People, Table]], noise: Noise = discrete_gaussian
) -> dict[str, Result]:
    """Run every step of ``study`` over ``sites``, each a table for each part of its people."""
    plan = programme(study, finder)
    results: dict[str, Result] = {}
    for step in study.steps:
        computation, parameters = finder.find(step.use), study.parameters(step)
        state = computation.start(parameters, results.get(step.of))
        asked: dict[str, int] = {}
        while (ask := computation.next_request(parameters, state)) is not None:
            place = plan.of(step.name, ask.sum)[asked.setdefault(ask.sum, 0)]
            asked[ask.sum] += 1
            shares = []
            for site in sites:
                private = PrivateSum(place.mechanism)
                for batch in batches(site[step.people], study.variables):
                    private.add(computation.contributions(parameters, ask, batch), people=batch.people)
                shares.append(private.noised(noise))
            state = computation.absorb(parameters, state, ask, total(shares, place.mechanism))
        results[step.name] = computation.result(parameters, state)
    return results
