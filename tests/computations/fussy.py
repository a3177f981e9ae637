"""Fails for what somebody has: a bit without noise, which the test of neighbouring data sets must see."""

from tests.computations.head_count import HeadCount


class Fussy(HeadCount):
    def contributions(self, parameters, ask, batch):
        if (batch.variables["over_sixty"] > 0).any():
            raise ValueError("somebody is over sixty")
        return super().contributions(parameters, ask, batch)


COMPUTATION = Fussy()
