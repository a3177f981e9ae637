"""What is known of a place before anybody is made up: its geography and published rates, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import Areas, Authorities, Geography, geography, males
from synthetic.population.practices import Practices, practices


@dataclass(frozen=True)
class Priors:
    """The published figures that a simulation of one place starts from; ``male`` is by single year of age."""

    geography: Geography
    male: NDArray[np.float64]

    @property
    def areas(self) -> Areas:
        """Return the LSOAs, in the order that ``People.area`` counts them."""
        return self.geography.areas

    @property
    def practices(self) -> Practices:
        """Return the practices, in the order that ``People.practice`` counts them."""
        return practices(self.geography.place)

    @property
    def authorities(self) -> Authorities:
        """Return the local authorities, in the order that ``Areas.authority`` counts them."""
        return self.geography.authorities


@cache
def priors(place: str) -> Priors:
    """Return the figures of a place, read once a process; one that is not known is ``synthetic-place-unknown``."""
    return Priors(geography(place), males())


__all__ = ["Priors", "priors"]
