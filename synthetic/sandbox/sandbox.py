"""A sandbox as tables to be written: for each site the sources of its organisations, and apart from them the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import pyarrow as pa

from privacy.errors import Invalid
from synthetic.lives.canonical import OUTCOME
from synthetic.lives.truth import USE_CASES, outcomes_of
from synthetic.population.priors import Priors, priors
from synthetic.recipe import Recipe
from synthetic.sandbox.drawn import (
    ALLOWED,
    LINKS,
    PATIENTS,
    WHERE,
    Drawn,
    HospitalRecords,
    columns,
    draw,
    people_of,
)
from synthetic.sandbox.mess import SPOILT, check_rate
from synthetic.sandbox.places import Sites, sites
from synthetic.sandbox.shapes import INDEX, SHAPES
from synthetic.tables import TRUTH, blocks_of, parts_of


@dataclass(frozen=True)
class Sandbox:
    """The sources of so many ``sites`` of one population, as tables named ``SITE/DATA-SET``.

    Practices, councils and services write down who lives in their site. ``hospital_records`` are at the person's
    ``home``, as a commissioner gets them, or at the site of the ``provider``, whoever came. ``mess`` is the share of
    rows that each kind of fault hits. ``about`` a use case, only those whom it is about are in any source.

    The truth: every spoilt cell, whose each local number is, where everybody lives, and each outcome with its risk.
    """

    recipe: Recipe
    sites: int
    mess: float = 0.0
    hospital_records: HospitalRecords = "home"
    about: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be: an impossible number of sites or rate, an unknown use case."""
        check_rate(self.mess)
        if self.hospital_records not in get_args(HospitalRecords):
            raise Invalid("recipe-malformed", faults=[f"hospital_records: {' or '.join(get_args(HospitalRecords))}"])
        if self.about and self.about not in USE_CASES:
            raise Invalid("use-case-unknown", self.about[:100], faults=USE_CASES)
        self.places  # noqa: B018 - refuses what cannot be

    @cached_property
    def places(self) -> Sites:
        """Return the sites."""
        return sites(self.priors.geography, self.sites)

    @property
    def priors(self) -> Priors:
        """Return the figures of its place."""
        return priors(self.recipe.place)

    def schemas(self) -> Mapping[str, pa.Schema]:
        """Return the tables of every site, then the truth."""
        return self._schemas

    @cached_property
    def _schemas(self) -> Mapping[str, pa.Schema]:
        nobody = self.drawn(0).nobody()
        of_site = {shape.data_set: _schema(columns(shape.columns, nobody)) for shape in SHAPES}
        of_site |= {people_of(shape): _schema(columns(shape.names, nobody)) for shape in SHAPES if shape.id}
        of_site |= {PATIENTS: _schema(columns(INDEX, nobody)), ALLOWED: pa.schema([("nhs_number", pa.string())])}
        tables = {f"{site}/{name}": schema for site in self.places.names for name, schema in of_site.items()}
        truth = {**dict.fromkeys(outcomes_of(self.recipe), OUTCOME), "sites": WHERE, "links": LINKS, "spoilt": SPOILT}
        return {**tables, **{f"{TRUTH}{name}": schema for name, schema in truth.items()}}

    def parts(self) -> int:
        """Return how many parts there are."""
        return parts_of(self.recipe.people)

    def part(self, number: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give one part, block by block."""
        for index in blocks_of(number, self.recipe.people):
            yield from self.drawn(index).tables()

    def drawn(self, index: int) -> Drawn:
        """Return one block, as the organisations of each site have it."""
        return draw(
            self.recipe,
            self.priors,
            self.places,
            index,
            mess=self.mess,
            hospital_records=self.hospital_records,
            about=self.about,
        )


def _schema(of: Mapping[str, pa.Array]) -> pa.Schema:
    return pa.schema([(name, column.type) for name, column in of.items()])


__all__ = ["Sandbox"]
