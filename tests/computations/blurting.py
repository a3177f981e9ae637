"""Fails with a person's NHS number in its message: what leaves must not carry it."""

from tests.computations.head_count import HeadCount

SECRET = "9434765919"


class Blurting(HeadCount):
    def contributions(self, parameters, ask, batch):
        raise ValueError(f"patient {SECRET} has no age")


COMPUTATION = Blurting()
