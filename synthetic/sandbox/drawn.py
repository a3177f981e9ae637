"""One block of a population as the organisations of each site have it, in the shapes of their sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synthetic.draws import draws
from synthetic.lives.canonical import OUTCOME
from synthetic.lives.providers import HOSPITAL, organisations
from synthetic.lives.records import STREAM, STREAMS
from synthetic.lives.simulator import Block, block
from synthetic.population.names import identity
from synthetic.population.priors import Priors
from synthetic.recipe import Recipe
from synthetic.sandbox.extract import Extract
from synthetic.sandbox.mess import Sheet, spoil
from synthetic.sandbox.places import NOWHERE, Sites, sites_of_trusts
from synthetic.sandbox.registers import registers
from synthetic.sandbox.shapes import INDEX, SHAPES, Column, Shape
from synthetic.tables import TRUTH

OPTED_OUT = 0.03  # of people: about as many as in BLMK in 2024; 5 in 100 in England (assumed: not read from a file)
ALLOWED, PATIENTS = "allowed", "patients"
HospitalRecords = Literal["home", "provider"]
_TEXT = pa.string()
LINKS = pa.schema([("site", _TEXT), ("source", _TEXT), ("local_number", _TEXT), ("nhs_number", _TEXT)])
WHERE = pa.schema([("nhs_number", _TEXT), ("site", _TEXT), ("opted_out", pa.bool_())])


@dataclass(frozen=True, repr=False)
class Drawn:
    """A block, the site where each person lives, the site that each event's record is at, and what registers say."""

    recipe: Recipe
    sites: Sites
    index: int
    mess: float
    block: Block
    organisations: Mapping[int, pa.Array]
    registers: Mapping[str, pa.Array]
    home: NDArray[np.int16]
    kept_at: NDArray[np.int16]

    def nobody(self) -> Extract:
        """Return an extract without rows, by which to know columns."""
        return self._extract(np.zeros(0, np.int32), np.zeros(0, np.int64))

    def tables(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give each site's rows of this block, and the truth about them."""
        opted_out = draws(self.recipe.seed, "opted-out", self.index).random(len(self.home)) < OPTED_OUT
        for place, site in enumerate(self.sites.names):
            known = self.home == place
            for shape in SHAPES:
                rows = self._rows(shape, place)
                person = rows.person
                known[person] = True
                yield from self._source(site, shape, rows)
                if shape.id:
                    yield from self._named(site, shape, self._extract(np.unique(person)))
            index = self._extract(np.flatnonzero(self.home == place).astype(np.int32))
            yield f"{site}/{PATIENTS}", pa.record_batch(columns(INDEX, index))
            allowed = self.registers["number"].filter(pa.array(known & ~opted_out))
            yield f"{site}/{ALLOWED}", pa.record_batch({"nhs_number": allowed})
        yield from self._truth(opted_out)

    def _truth(self, opted_out: NDArray[np.bool_]) -> Iterator[tuple[str, pa.RecordBatch]]:
        def numbers_of(rows: NDArray[np.int64]) -> pa.Array:
            return self.registers["number"].take(pa.array(rows))

        lives = np.flatnonzero(self.home != NOWHERE)
        where = pa.array(self.sites.names).take(pa.array(self.home[lives]))
        yield f"{TRUTH}sites", pa.record_batch([numbers_of(lives), where, pa.array(opted_out[lives])], schema=WHERE)
        for use_case, outcome in self.block.truth.items():
            rows = lives[outcome.eligible[lives]]
            told = [numbers_of(rows), pa.array(outcome.probability[rows]), pa.array(outcome.happened[rows])]
            yield f"{TRUTH}{use_case}", pa.record_batch(told, schema=OUTCOME)

    def _rows(self, shape: Shape, place: int) -> Extract:
        """Return what one source of one site has of this block."""
        if not shape.streams:
            return self._extract(np.flatnonzero(self.home == place).astype(np.int32))
        events = self.block.events
        of_shape = np.isin(events.stream, [STREAM[key] for key in shape.streams])
        rows = np.flatnonzero(of_shape & (self.kept_at == place))
        return self._extract(events.person[rows], rows)

    def _extract(self, person: NDArray[np.int32], rows: NDArray[np.int64] | None = None) -> Extract:
        if rows is None:
            return Extract(self.registers, self.block.died, person, self.registers["number"].take(pa.array(person)))
        record = pc.binary_join_element_wise(str(self.index), pc.utf8_lpad(pa.array(rows).cast(_TEXT), 7, "0"), "")
        return Extract(self.registers, self.block.died, person, record, self.block.events, rows, self.organisations)

    def _source(self, site: str, shape: Shape, rows: Extract) -> Iterator[tuple[str, pa.RecordBatch]]:
        sheet = Sheet(
            site, shape.data_set, columns(shape.columns, rows), rows.of_person("number"),
            record=shape.record, ends=shape.ends, traced=shape.traced,
        )  # fmt: skip
        yield from self._written(sheet)

    def _named(self, site: str, shape: Shape, people: Extract) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the list of a source's people, and whose each of its numbers is."""
        sheet = Sheet(site, people_of(shape), columns(shape.names, people), people.of_person("number"))
        local = sheet.columns[shape.id]
        yield from self._written(sheet)
        same = [pa.array([text] * len(people), _TEXT) for text in (site, shape.data_set)]
        yield f"{TRUTH}links", pa.record_batch([*same, local, sheet.numbers], schema=LINKS)

    def _written(self, sheet: Sheet) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give a sheet's rows, spoilt where they are to be, and what was spoilt."""
        if self.mess:
            rng = draws(self.recipe.seed, f"mess/{sheet.site}/{sheet.source}", self.index)
            sheet, told = spoil(sheet, self.mess, rng)
            for batch in told.to_batches():
                yield f"{TRUTH}spoilt", batch
        yield f"{sheet.site}/{sheet.source}", pa.record_batch(sheet.columns)


def people_of(shape: Shape) -> str:
    """Return the name of the list of a source's people."""
    return f"{shape.data_set}-people"


def draw(
    recipe: Recipe,
    priors: Priors,
    sites: Sites,
    index: int,
    *,
    mess: float,
    hospital_records: HospitalRecords,
    about: str,
) -> Drawn:
    """Return a block as its sites have it: the same whatever other blocks are drawn."""
    made = block(recipe, priors, index)
    home, events = sites.of_area[made.people.area], made.events
    if about:  # nobody else lives anywhere
        home = np.where(made.truth[about].eligible, home, NOWHERE)
    kept_at = home[events.person]
    if hospital_records == "provider":
        of_trust = sites_of_trusts(priors.geography, sites)
        hospital = np.isin(events.stream, [STREAM[key] for key in HOSPITAL]) & (kept_at != NOWHERE)
        kept_at = np.where(hospital, of_trust[np.where(hospital, events.provider, 0)], kept_at)
    told = registers(recipe, priors, made.people, made.died, identity(recipe, priors, made.people, index))
    here = {place: pa.array(organisations(priors, each.key)) for place, each in enumerate(STREAMS)}
    return Drawn(recipe, sites, index, mess, made, here, told, home, kept_at)


def columns(of: Mapping[str, Column], rows: Extract) -> dict[str, pa.Array]:
    """Return a source's columns."""
    return {name: column(rows) for name, column in of.items()}


__all__ = [
    "ALLOWED",
    "LINKS",
    "OPTED_OUT",
    "PATIENTS",
    "WHERE",
    "Drawn",
    "HospitalRecords",
    "columns",
    "draw",
    "people_of",
]
