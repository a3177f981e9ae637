"""One private sum of an approved study over this node's records: charge, commit, compute, bound, noise, store."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from privacy.arrays import Arrays, Floats, Ring
from privacy.canonical import hash_of
from privacy.computation import Ask, Batch, Finder
from privacy.errors import Refusal
from privacy.feature_fit import data_sets
from privacy.ledger import Charge, Ledger
from privacy.private_sum import PrivateSum
from privacy.programme import NODE_ITSELF, Place, Programme, programme
from privacy.release import Release
from privacy.study import Study

if TYPE_CHECKING:
    from node.data_version import DataVersion
    from node.features import Computed, Features
    from node.store import Store


Masked = Callable[[Ring], Ring]


class Sums:
    """Takes the sums of studies that governance has let through; ``store`` is opened when first needed."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        store: Callable[[], Store],
        finder: Finder,
        optouts_at_most_days: Callable[[], int],
        now: Callable[[], datetime.datetime],
        check_not_paused: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._finder = finder
        self._optouts_at_most_days = optouts_at_most_days
        self._now = now
        self._check_not_paused = check_not_paused
        self._features: Features | None = None  # made with the first request: it brings in the engine

    def charge(self, plan: Programme, place: Place, request: str) -> Charge:
        """Charge a place and commit. A stale opt-out list refuses first: a list's date tells nothing of its people."""
        self._store().optouts().check_fresh(self._now(), self._optouts_at_most_days())
        for data_set in data_sets(plan.study):
            self._store().latest(data_set)  # one that was erased is no reason to spend anybody's budget
        return self._ledger.charge(plan.study.hash, place, request, at=self._now().isoformat(timespec="seconds"))

    def compute(self, plan: Programme, charge: Charge, state: Arrays, mask: Masked | None = None) -> Release:
        """Return what was released on this charge before, or compute it now, on today's opt-outs and newest data.

        The noised sum is masked before it is stored: without ``mask`` it is what leaves.

        Between two batches, and before anything is stored, it stops when somebody has paused the node: ``node-paused``.
        """
        if charge.released is not None:
            return charge.released
        from models.variables import batches, most_rows, rows_for  # noqa: PLC0415 - heavy; a repeated request does not need it
        from node.cohort import cohorts  # noqa: PLC0415 - pyarrow
        from node.quality.demanded import recorded  # noqa: PLC0415 - numpy

        store, study = self._store(), plan.study
        optouts = store.optouts()  # found fresh before the charge: midnight in between must not cost an answer
        version = store.latest(study.data_set)
        own = recorded(study) if charge.place.step == NODE_ITSELF else ()
        found = self._worked_out(study, store, version)
        features = found.table if found else None
        variables, people = [*study.variables, *own], charge.place.people
        private, width = PrivateSum(charge.place.mechanism), charge.place.mechanism.width
        for shard in cohorts(store, version, optouts, variables, people, features=features, at_most=most_rows(width)):
            for batch in batches(shard.table, variables, rows=rows_for(width)):
                self._check_not_paused()
                private.add(self._contributions(study, charge.place, state, batch), people=batch.people)
        self._check_not_paused()
        data = tuple(used.name for used in (version, *(found.events if found else ())))
        noised = private.noised()
        return self._ledger.settle(charge, mask(noised) if mask else noised, data=data, optouts=optouts.version)

    def judge_cohort(self, study: Study) -> str:
        """Return the code of what speaks against the study here, or nothing, by noisy figures that it pays for once."""
        plan = programme(study, self._finder)
        place = plan.places[0]
        charge = self.charge(plan, place, hash_of({"study": study.hash, "place": place.index}))
        people, *with_value = self.compute(plan, charge, {}).vector().view(np.int64) * place.mechanism.unit
        if people < study.privacy.minimum_cohort:
            return "cohort-too-small"
        complete = all(v >= d.at_least * people for v, d in zip(with_value, study.quality, strict=True))
        return "" if complete else "quality-below-study"

    def _worked_out(self, study: Study, store: Store, people: DataVersion) -> Computed | None:
        from node.features import Features  # noqa: PLC0415 - duckdb and sqlglot

        self._features = self._features or Features()
        return self._features.of(study, store, people, self._check_not_paused)

    def _contributions(self, study: Study, place: Place, state: Arrays, batch: Batch) -> Floats:
        if place.step == NODE_ITSELF:
            from node.quality.demanded import completeness  # noqa: PLC0415 - as above

            return completeness(study, batch)
        step = study.step(place.step)
        return self._finder.find(step.use).contributions(study.parameters(step), Ask(place.sum, state), batch)


def place_of(plan: Programme, index: int) -> Place:
    """Return a place that may be asked from outside; ``place-unknown`` for the node's own and those not planned."""
    if not 1 <= index < len(plan.places):
        raise Refusal("place-unknown")
    return plan.places[index]


__all__ = ["Masked", "Sums", "place_of"]
