"""Does anybody's row depend on anybody else? Asked of any computation, to the last bit."""

import numpy as np

from privacy.computation import Batch
from tests.builders import without


def touched_by_absence(computation, parameters, ask, batch, gone=None):
    """Return those whose absence changes somebody else's contribution."""
    everybody = computation.contributions(parameters, ask, batch)
    found = []
    for person in range(batch.people) if gone is None else gone:
        rest = computation.contributions(parameters, ask, without(batch, person))
        if rest.tobytes() != np.delete(everybody, person, axis=0).tobytes():
            found.append(person)
    return found


def touched_by_order(computation, parameters, ask, batch, rng):
    """Say whether people in another order contribute anything else."""
    order = rng.permutation(batch.people)
    rows = np.concatenate([np.flatnonzero(batch.person == p) for p in order]).astype(int)
    place = np.argsort(order)
    shuffled = Batch(batch.people, place[batch.person[rows]], {n: v[rows] for n, v in batch.variables.items()})
    before = computation.contributions(parameters, ask, batch)
    return computation.contributions(parameters, ask, shuffled).tobytes() != before[order].tobytes()
