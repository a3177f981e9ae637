"""The simulator: a block's people, their conditions, years of contacts that depend on the last, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.draws import draws
from synthetic.lives.clock import Year, years
from synthetic.lives.codes import mixtures, place_of
from synthetic.lives.conditions import conditions, incidence
from synthetic.lives.contacts import OneYear, unwritten
from synthetic.lives.figures import BURN_IN, LAST_YEAR, Figures, figures
from synthetic.lives.hazards import Hazards, hazards
from synthetic.lives.intervention import BEGUN_WITHIN, Offer, offer
from synthetic.lives.medicines import medicines
from synthetic.lives.outcomes import Outcome
from synthetic.lives.planted import Planted, planted
from synthetic.lives.providers import Providers, providers
from synthetic.lives.records import Events, Records
from synthetic.lives.traits import NEVER, Traits, held_at, terms, traits
from synthetic.lives.truth import Known, truths
from synthetic.population.people import People, people
from synthetic.population.priors import Priors
from synthetic.recipe import Recipe

ALIVE = -1
_SLOWEST = 1e-12  # a year
BEFORE_ALL = -(2**31)  # a day


@dataclass(frozen=True)
class Block:
    """One block: its people, the day each died (-1: alive at the end), their events, and the truth apart.

    ``conditions`` (n, conditions) holds the day of onset of what each person has at the end, -1 where never.
    """

    people: People
    died: NDArray[np.int32]
    events: Events
    truth: Mapping[str, Outcome]
    conditions: NDArray[np.int32]


def block(recipe: Recipe, priors: Priors, index: int) -> Block:
    """Return one block of a recipe: the same whoever asks, and whichever other blocks were asked for.

    All its people are alive and registered on the index date. So nobody dies in the history, and deaths begin with the
    follow-up: as in an extract of a register on that day.
    """
    known, made = figures(), people(recipe, priors, index)
    who = traits(made, priors, known)
    onset = conditions(who, known, draws(recipe.seed, "conditions", index), recipe.index_day)
    life = _Life(
        recipe=recipe,
        figures=known,
        who=who,
        providers=providers(made, priors, draws(recipe.seed, "providers", index)),
        planted=planted(recipe, who, known, index),
        records=Records(len(made)),
        block=index,
    )
    *history, follow_up = years(recipe.index_date, recipe.history_years)
    contacts = life.before_history(onset, history[0], len(history))
    life.diagnoses(onset, BEFORE_ALL, history[0].first - 1)
    for place, year in enumerate(history):
        contacts = life.year(onset, contacts, year, len(history) - place)
    return life.follow(made, onset, contacts, follow_up)


@dataclass(frozen=True)
class _Life:
    """Draws the years of one block into its records; each year has random numbers of its own."""

    recipe: Recipe
    figures: Figures
    who: Traits
    providers: Providers
    planted: Planted
    records: Records
    block: int

    def hazards(self, matrix: NDArray[np.float32], day: int, back: int = 0, before: int = 0) -> Hazards:
        """Return the rates of the year that starts with ``day``, the ``back`` and ``before`` of ``Figures.year``."""
        served, unseen = self.planted.served, self.planted.unseen
        return hazards(self.who, self.figures, matrix, day, back=back, before=before, served=served, unseen=unseen)

    def before_history(self, onset: NDArray[np.int32], year: Year, history: int) -> NDArray[np.float32]:
        """Return the contacts of the year before the history, drawn after others, and written nowhere."""
        contacts = np.zeros((len(onset), len(LAST_YEAR)), np.float32)
        rng = draws(self.recipe.seed, "before history", self.block)
        for before in range(BURN_IN, 0, -1):
            day = year.first - 365 * before
            matrix = terms(self.who, self.figures, onset, contacts, day)
            rates = self.hazards(matrix, day, history, before).contacts
            contacts = unwritten(self.figures, rates * (self.who.born < day)[:, None], rng)
        return contacts

    def year(
        self, onset: NDArray[np.int32], contacts: NDArray[np.float32], year: Year, back: int
    ) -> NDArray[np.float32]:
        """Draw one year of history, so many before the index date, and return its contacts."""
        matrix = terms(self.who, self.figures, onset, contacts, year.first)
        self._draw(onset, self.hazards(matrix, year.first, back), year, np.ones(len(onset)), back)
        return self.records.new_year()

    def follow(self, people: People, onset: NDArray[np.int32], contacts: NDArray[np.float32], year: Year) -> Block:
        """Draw the year of follow-up, with its deaths and new conditions, and return the block."""
        rng = draws(self.recipe.seed, "follow-up", self.block)
        offered = self.offer(onset, contacts, year.first)
        matrix = terms(self.who, self.figures, onset, contacts, year.first)
        rates = self.hazards(matrix, year.first)
        rates.contacts[:, self.figures.process("fall")] *= offered.rate_ratio
        new = incidence(self.who, self.figures, matrix, onset, year.first)
        death = rng.standard_exponential(len(onset)) / rates.death
        ends = np.minimum(death, 1.0)
        at = np.full(onset.shape, np.inf)
        np.divide(rng.standard_exponential(onset.shape), new, out=at, where=new > _SLOWEST)
        later = np.where(at < ends[:, None], year.days(np.minimum(at, 0.5 + ends[:, None] / 2)), onset)
        seen = np.where(self.planted.recorded, new, 0)
        known = Known(self.figures, self.who, onset, contacts, rates, seen, offered, year.first)
        self._draw(later, rates, year, ends, 0)
        after = self.records.new_year()
        died = np.where(death < 1, year.days(np.minimum(death, np.nextafter(1, 0))), ALIVE).astype(np.int32)
        truth = truths(known, after, died)
        return Block(people, died, self.records.events(), truth, later)

    def offer(self, onset: NDArray[np.int32], contacts: NDArray[np.float32], day: int) -> Offer:
        """Return who was offered the programme before ``day``; it goes on record, and counts among ``contacts``."""
        rng = draws(self.recipe.seed, "intervention", self.block)
        part, who, known = self.recipe.intervention, self.who, self.figures
        offered = offer(part, who=who, figures=known, onset=onset, contacts=contacts, day=day, rng=rng)
        person = np.flatnonzero(offered.offered).astype(np.int32)
        self.records.add(
            person=person,
            day=(day - 1 - rng.integers(0, BEGUN_WITHIN, len(person))).astype(np.int32),
            stream="community",
            code=int(mixtures()["strength-and-balance"].code[0]),
            method="contact",
            provider=self.providers.of("community", person, rng),
        )
        contacts[person, LAST_YEAR.index("community-last-year")] += 1
        return offered

    def diagnoses(self, onset: NDArray[np.int32], first: int, last: int) -> None:
        """Add the diagnosis of each condition that began from day ``first`` to ``last``: the practice records it."""
        for place, each in enumerate(self.figures.conditions):
            began = onset[:, place]
            now = (began >= first) & (began <= last) & (began != NEVER) & self.planted.recorded[:, place]
            person = np.flatnonzero(now).astype(np.int32)
            self.records.add(
                person=person,
                day=began[person],
                stream="gp",
                code=place_of(each.system, each.code),
                method="diagnosis",
                provider=self.providers.practice[person],
                counted="" if first == BEFORE_ALL else "gp-last-year",
            )

    def _draw(self, onset: NDArray[np.int32], rates: Hazards, year: Year, ends: NDArray[np.float64], back: int) -> None:
        one = OneYear(
            year=year,
            figures=self.figures,
            providers=self.providers,
            hazards=rates,
            born=self.who.born,
            begins=year.readings(self.who.born),
            ends=ends,
            held=held_at(onset, year.first),
            age=self.who.years(year.first),
            rng=draws(self.recipe.seed, f"contacts of year {-back}", self.block),
            records=self.records,
        )
        one.draw()
        self.diagnoses(onset, year.first, year.last)
        medicines(
            one,
            np.where(self.planted.recorded, onset, NEVER),
            draws(self.recipe.seed, f"medicines of year {-back}", self.block),
        )


__all__ = ["ALIVE", "Block", "block"]
