"""Simulated figures beside the published ones that the simulator started from, and others that nobody published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from privacy.canonical import Document
from privacy.code_lists import read_code_list
from privacy.columns import days_of
from synthetic.geography import ETHNICITIES, Geography, geography, males
from synthetic.lives.records import STREAMS
from synthetic.published import rows, sources, table
from synthetic.report.chance import SIGMAS
from synthetic.report.counts import BAND, BANDS, DECILES, FEMALE, MALE, OLDEST, Counts, Sought, counted
from synthetic.report.expected import expected_contacts
from synthetic.report.spread import Spread
from synthetic.written.reading import DataSet

FORMAT = "hedgerow-synthetic-beside/1"
TOLERANCE = 0.1  # of the published figure: what is further off by more than chance, too, is pointed at
STEPS = (0, 1, 5, 10, 20, 30, 50, 100, 200)  # where bands of events a person begin
BY_AGE = ("hypertension", "type-2-diabetes", "depression", "copd", "dementia", "frailty")
BY_DECILE = ("smoking", "obesity", "depression", "type-2-diabetes", "copd", "smi")
SETTINGS = {stream.key: stream.setting for stream in STREAMS}
ATTENDED, MISSED = "attended", "did-not-attend"
FALL = "fall"  # is one of the other contacts, with a code of its own
Row = Mapping[str, str]


@dataclass(frozen=True)
class Figure:
    """One figure of the data, the published one where there is one, and the deviation that chance gives it.

    ``source`` is the key of the published figure's source, where figures beside it have others.
    """

    name: str
    simulated: float
    published: float | None = None
    chance: float = 0.0
    source: str = ""

    @property
    def off(self) -> bool:
        """Say whether it is further from the published figure than its tolerance and chance."""
        far = 0.0 if self.published is None else abs(self.simulated - self.published)
        return bool(far > TOLERANCE * (self.published or 0.0) + SIGMAS * self.chance)


@dataclass(frozen=True)
class Comparison:
    """Figures of one kind; ``unit`` says of what, ``sources`` are keys of the published figures' sources."""

    key: str
    title: str
    unit: str
    figures: tuple[Figure, ...]
    sources: tuple[str, ...] = ()
    form: str = "{:.1%}"


def beside(data: DataSet) -> Document:
    """Return every comparison, with what was counted for plots; ``data`` are simulated, and have people at least."""
    recipe = data.manifest.plan.recipe
    place = geography(str(recipe["place"]))
    conditions, processes = list(rows("conditions")), _contacts()
    sought = Sought(
        index_day=int(days_of(date.fromisoformat(str(recipe["index_date"])))),
        authorities=place.authorities.code,
        conditions=tuple((row["code"], *_ages(row)) for row in conditions),
        contacts=tuple((row["setting"], row["method"]) for row in processes),
    )
    counts = counted(data, sought)
    found = [*_people(counts, place)]
    if counts.with_deaths:
        found.append(_deaths(counts))
    if counts.with_events:
        found += [*_contacts_a_head(counts, processes, place), *_prevalence(counts, conditions, place), _events(counts)]
    return {
        "format": FORMAT,
        "place": place.name,
        "people": int(counts.ages.sum()),
        "comparisons": [
            {
                **asdict(each),
                "figures": [{**asdict(f), "off": f.off} for f in each.figures],
                "sources": list(each.sources),
            }
            for each in found
        ],
        "curves": _curves(counts, conditions) if counts.with_events else {},
        "sources": {key: asdict(sources()[key]) for each in found for key in each.sources},
    }


def _people(counts: Counts, place: Geography) -> Iterator[Comparison]:
    male, spread = males(), counts.spread
    published = place.authorities.ages[:, :, None] * np.stack([male, 1 - male], axis=1)[None]
    aged = _share(np.concatenate([_bands(published.sum(axis=0)[:, sex]) for sex in (0, 1)]))
    figures = _shares(_band_names() * 2, spread["ages"], aged)
    for name, own in ((MALE, figures[:BANDS]), (FEMALE, figures[BANDS:])):
        yield Comparison(f"ages-{name}", f"Age, {name}", "of all people", own, _named("ages", "sexes"))
    authorities = _shares(place.authorities.name, spread["authorities"], _share(published.sum(axis=(1, 2))))
    yield Comparison("authorities", "Local authority", "of all people", authorities, _named("ages"))
    groups = _share(place.authorities.ethnicities.sum(axis=0))
    labels = dict(read_code_list("ethnic-category@2001").codes)
    names = [f"{letter} {labels[letter]}" for letter in ETHNICITIES[: len(groups)]]
    ethnic = _shares(names, spread["ethnicities"], groups)
    yield Comparison("ethnicities", "Ethnic group", "of all people", ethnic, _named("ethnicities"))
    yield Comparison("deciles", "Decile of deprivation (1: most deprived)", "of all people",
                     _shares([str(d + 1) for d in range(DECILES)], spread["deciles"], _deciles(place)),
                     _named("areas"))  # fmt: skip
    if counts.homes.any():
        sizes = [*(str(i) for i in range(1, len(counts.homes) - 1)), f"{len(counts.homes) - 1} or more"]
        homes = tuple(Figure(s, float(c) / counts.homes.sum()) for s, c in zip(sizes, counts.homes[1:], strict=True))
        yield Comparison("homes", "People in a household", "of all households", homes)


def _deciles(place: Geography) -> Floats | None:
    """Return the share of people in areas of each decile; None where nobody published the people of each area."""
    columns = table("areas").columns
    people = dict(zip(columns["lsoa"], map(float, columns["people"]), strict=True))
    of = np.array([people[lsoa] for lsoa in place.areas.lsoa])
    return _share(np.bincount(place.areas.imd_decile - 1, of, DECILES)) if of.all() else None


def _deaths(counts: Counts) -> Comparison:
    """Return deaths of the year of follow-up, of people by age on the index day, beside the rates by age and sex."""
    people, figures = counts.ages.sum(axis=0), []
    for row in rows("mortality"):
        sex, first, last = int(row["sex"]) - 1, int(row["from_age"]), min(int(row["to_age"]), OLDEST)
        of = float(people[first : last + 1, sex].sum())
        died = float(counts.deaths[first : last + 1, sex].sum())
        if of:
            rate = 1 - np.exp(-float(row["rate"]))
            ages = "under 1" if last == 0 else f"{first} to {last}" if last < OLDEST else f"{first}+"
            figures.append(Figure(f"{(MALE, FEMALE)[sex]} {ages}", died / of, rate, sqrt(max(rate * of, 1.0)) / of))
    return Comparison("deaths", "Deaths in a year", "of people alive on the index day", tuple(figures),
                      _named("mortality"), "{:.2%}")  # fmt: skip


def _contacts_a_head(counts: Counts, processes: Sequence[Row], place: Geography) -> Iterator[Comparison]:
    """Yield contacts of the year before the index date, of each kind and, of emergency departments, by authority."""
    people = counts.ages.sum(axis=(1, 2)).astype(float)
    had: dict[str, float] = {}
    chance: dict[str, float] = {}
    rates = np.asarray(counts.contacts.sum(axis=1) / people.sum(), np.float64)
    effects = counts.spread["contacts"].effects(rates)
    for row, rate, effect in zip(processes, rates, effects, strict=True):
        key = row["process"]
        had[key] = had.get(key, 0.0) + float(rate)
        chance[key] = chance.get(key, 0.0) + sqrt(effect * max(float(rate), 1 / people.sum()) / people.sum())
    expected = expected_contacts(place)
    published_of = {row["process"]: (expected[row["process"]], row["source"]) for row in processes}
    # where few were had, they vary less too: of as many as published, by as much in proportion
    figures = [
        Figure(name, rate, known, chance[name] * max(known / max(rate, 1 / people.sum()), 1), source)
        for (name, rate), (known, source) in ((each, published_of[each[0]]) for each in had.items())
    ]
    keys = tuple(dict.fromkeys(row["source"] for row in processes))
    yield Comparison(
        "contacts", "Contacts in a year (of England, for the ages here)", "a person", tuple(figures), keys, "{:.3f}"
    )
    (at,) = [i for i, row in enumerate(processes) if row["process"] == "ed"]
    published = {row["local_authority"]: float(row["attendances"]) for row in rows("attendances")}
    by_place = [
        Figure(name, float(own / of), published.get(code), sqrt(effects[at] * max(float(own), 1.0)) / of)
        for code, name, own, of in zip(
            place.authorities.code, place.authorities.name, counts.contacts[at], people, strict=True
        )
        if of
    ]
    yield Comparison("attendances", "Attendances at emergency departments in a year", "a person",
                     tuple(by_place), _named("attendances"), "{:.3f}")  # fmt: skip


def _prevalence(counts: Counts, conditions: Sequence[Row], place: Geography) -> Iterator[Comparison]:
    """Yield who has each condition on record, of people of the ages that its register counts."""
    qof = {row["local_authority"]: row for row in rows("prevalence")}
    named, has, known, of_each = [], [], [], []
    for number, row in enumerate(conditions):
        low, high = _ages(row)
        of = counts.ages[:, low : high + 1].sum(axis=(1, 2)).astype(float)
        has.append(float(counts.has[number][:, low : high + 1].sum() / max(of.sum(), 1)))
        if row["register"]:
            rates = np.array([float(qof[code][row["register"]]) for code in place.authorities.code])
            published = float((rates * of).sum() / of.sum()) if of.sum() else 0.0
        else:
            published = float(row["prevalence"])
        named.append(row["title"])
        known.append(published)
        of_each.append(_named("prevalence")[0] if row["register"] else row["source"])
    chance = counts.spread["conditions"].deviations(np.array(known)).tolist()
    figures = [Figure(*each) for each in zip(named, has, known, chance, of_each, strict=True)]
    keys = (*_named("prevalence"), *(row["source"] for row in conditions))
    yield Comparison("prevalence", "Long-term conditions on record", "of people of the ages that are counted",
                     tuple(figures), tuple(dict.fromkeys(keys)))  # fmt: skip


def _events(counts: Counts) -> Comparison:
    """Return how many people have how many events on record before the index date; nobody published such figures."""
    n = float(counts.events.sum())
    ends = (*STEPS[1:], len(counts.events))
    names = [f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in zip(STEPS[:-1], ends, strict=False)]
    shares = [float(counts.events[a:b].sum() / n) for a, b in zip(STEPS, ends, strict=True)]
    figures = tuple(Figure(name, share) for name, share in zip([*names, f"{STEPS[-1]}+"], shares, strict=True))
    return Comparison("events", "Events on record before the index date", "of all people", figures)


def _curves(counts: Counts, conditions: Sequence[Row]) -> Document:
    """Return the prevalence of some conditions by age and by decile, which is the simulator's own."""
    place = {row["condition"]: i for i, row in enumerate(conditions)}
    names = {row["condition"]: row["title"] for row in conditions}
    starts = np.arange(0, OLDEST + 1, 2 * BAND)
    by_age = np.maximum(np.add.reduceat(counts.ages.sum(axis=(0, 2)), starts), 1)
    by_decile = np.maximum(counts.deciles, 1)
    aged = {
        names[c]: (np.add.reduceat(counts.has[place[c]].sum(axis=(0, 2)), starts) / by_age).tolist() for c in BY_AGE
    }
    placed = {names[c]: (counts.has[place[c]].sum(axis=(0, 1)) / by_decile).tolist() for c in BY_DECILE}
    across = [*(f"{start}-{start + 2 * BAND - 1}" for start in starts[:-1]), f"{OLDEST}+"]
    mean = float((counts.events * np.arange(len(counts.events))).sum() / max(counts.events.sum(), 1))
    return {
        "ages": across, "by_age": aged, "deciles": [str(d + 1) for d in range(DECILES)], "by_decile": placed,
        "events_a_person": mean,
    }  # fmt: skip


def _contacts() -> list[Row]:
    """Return each kind of contact with its setting; appointments that were missed are of the same kind."""
    had = [row for row in rows("processes") if row["process"] != FALL]
    missed = [{**row, "method": MISSED} for row in had if row["method"] == ATTENDED]
    return [{**row, "setting": SETTINGS[row["stream"]]} for row in (*had, *missed)]


def _ages(row: Row) -> tuple[int, int]:
    """Return the ages that the register of a condition counts."""
    return int(row["counted_from"]), min(int(row["most_age"]), OLDEST)


def _named(*tables: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for name in tables for key in table(name).sources))


def _shares(names: Sequence[str], spread: Spread, published: Floats | None) -> tuple[Figure, ...]:
    """Return the share of people of each kind; a kind beyond the names is left out."""
    shares = spread.counts / np.maximum(spread.of, 1)
    if published is None:
        return tuple(Figure(name, float(share)) for name, share in zip(names, shares, strict=False))
    known = np.zeros(len(shares))
    known[: len(published)] = published
    figures = zip(names, shares.tolist(), known.tolist(), spread.deviations(known).tolist(), strict=False)
    return tuple(Figure(*each) for each in figures)


def _share(counts: NDArray[np.generic]) -> Floats:
    shares = np.asarray(counts, np.float64)
    return np.asarray(shares / shares.sum(), np.float64)


def _bands(ages: NDArray[np.generic]) -> Floats:
    return np.asarray(np.add.reduceat(np.asarray(ages, np.float64), np.arange(0, OLDEST + 1, BAND)))


def _band_names() -> list[str]:
    return [*(f"{a}-{a + BAND - 1}" for a in range(0, OLDEST, BAND)), f"{OLDEST}+"]


__all__ = [
    "ATTENDED", "BY_AGE", "BY_DECILE", "FALL", "FORMAT", "MISSED", "SETTINGS",
    "STEPS", "TOLERANCE", "Comparison", "Figure", "beside",
]  # fmt: skip
