"""Counts people, and how many were ever over sixty: small enough to check by hand."""

import numpy as np

from privacy.computation import Ask, PlannedSum, Result


class HeadCount:
    version = 1
    title = "Head count"

    def plan(self, parameters):
        times = parameters.get("times", 1)
        return (
            PlannedSum(
                "heads", "1, and 1 if ever over sixty", width=2, clip=2.0, share=1.0, times=times, state={"round": (1,)}
            ),
        )

    def start(self, parameters, earlier):
        return {"totals": np.zeros((0, 2))}

    def next_request(self, parameters, state):
        if len(state["totals"]) == parameters.get("times", 1):
            return None
        return Ask("heads", {"round": np.array([float(len(state["totals"]))])})

    def contributions(self, parameters, ask, batch):
        old = batch.by_person(batch.variables["over_sixty"][:, None]) > 0
        return np.column_stack([np.ones(batch.people), old])

    def absorb(self, parameters, state, ask, total):
        return {"totals": np.vstack([state["totals"], total.values])}

    def result(self, parameters, state):
        return Result("head-count", {"totals": state["totals"]}, {})


COMPUTATION = HeadCount()
