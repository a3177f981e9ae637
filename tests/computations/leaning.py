"""Lets people's rows lean on each other: what a neighbouring data set must show, or the test of it proves nothing."""

import numpy as np

from tests.computations.head_count import HeadCount


class Leaning(HeadCount):
    def contributions(self, parameters, ask, batch):
        old = batch.by_person(batch.variables["over_sixty"][:, None])
        return np.column_stack([np.ones(batch.people), np.where(old.any(), 1.0, -1.0) * np.ones(batch.people)])


COMPUTATION = Leaning()
