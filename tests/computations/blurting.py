"""Fails with a person's NHS number in its message: what leaves must not carry it."""

import numpy as np

from tests.computations.head_count import HeadCount

SECRET = "9434765919"


class Blurting(HeadCount):
    def contributions(self, parameters, ask, batch):
        if batch.people == 0:
            return np.zeros((0, 2))  # well-behaved as long as nobody is there, as in a dry run
        raise ValueError(f"patient {SECRET} has no age")


COMPUTATION = Blurting()
