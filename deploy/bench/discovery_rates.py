"""How often discovery is wrong: columns that only look alike, and identifiers thinned out among other texts.

python deploy/bench/discovery_rates.py          prints the tables of docs/discovery.md
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from deploy.bench.discovery import LETTERS, drawn_code, drawn_day
from deploy.bench.run import Figure
from privacy.discovery import Kind, kind_of
from privacy.discovery.people import common_names
from privacy.discovery.postcodes import AREAS, HIGHEST

COLUMNS, TEXTS = 200, 1_000
SHARES = (0.01, 0.02, 0.05, 0.1, 0.3, 0.5, 1.0)
ENDINGS = "ABDEFGHJLNPQRSTUWXYZ"
NAMES, PLACES = sorted(common_names()), sorted(AREAS)
Column = Callable[[random.Random, int], list[str]]


def _each(draw: Callable[[random.Random], str]) -> Column:
    return lambda rng, count: [draw(rng) for _ in range(count)]


def _counted_up(first: int, last: int, step: int = 1) -> Column:
    def column(rng: random.Random, count: int) -> list[str]:
        start = rng.randrange(first, last)
        return [str(start + step * n) for n in range(count)]

    return column


def _diagnoses(rng: random.Random, _count: int) -> list[str]:
    """Return the days of the last 70 years on which any of 290,000 diagnoses was made: a tenth as many 33 years ago."""
    days = [(year, month, day) for year in range(1957, 2027) for month in range(1, 13) for day in range(1, 29)]
    made = [20_000 * 0.933 ** (2026 - year) / (12 * 28) for year, _, _ in days]
    there = [rng.random() < 1 - math.exp(-each) for each in made]
    return [f"{year}-{month:02d}-{day:02d}" for year, month, day in compress(days, there)]


def _nhs_number(rng: random.Random) -> str:
    while True:
        digits = [9, 9, 9, *(rng.randrange(10) for _ in range(6))]
        check = -sum(d * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            return "".join(map(str, [*digits, check]))


def _postcode(rng: random.Random) -> str:
    area = rng.choice(PLACES)
    district = rng.randint(1, min(20, HIGHEST.get(area, 20)))
    return f"{area}{district} {rng.randint(0, 9)}{rng.choice(ENDINGS)}{rng.choice(ENDINGS)}"


ALIKE: Mapping[str, Column] = {
    "ten random digits": _each(lambda rng: str(rng.randrange(10**9, 10**10))),
    "ten random digits, from 4 or 6 or 7": _each(lambda rng: rng.choice("467") + drawn_code("999999999")(rng)),
    "ten random digits, from 4 to 8 000 000 000": _each(lambda rng: str(rng.randrange(4 * 10**9, 8 * 10**9))),
    "ids counted up from 4, 6 or 7": _counted_up(6 * 10**9, 8 * 10**9),
    "epoch seconds": _each(lambda rng: str(rng.randrange(1_500_000_000, 1_790_000_000))),
    "yyyymmddhh": _each(lambda rng: drawn_day(2012, 2026)(rng).replace("-", "") + f"{rng.randrange(24):02d}"),
    "eleven random digits": _each(drawn_code("99999999999")),
    "decimals of ten places": _each(lambda rng: f"{rng.random():.10f}"),
    "ids of 11 digits, padded": _each(lambda rng: f"{rng.randrange(10**7):011d}"),
    "SNOMED CT, random": _each(lambda rng: str(rng.randrange(10**7, 10**9))),
    "ICD-10": _each(drawn_code("A99.9")),
    "ICD-10 with a suffix like E11 9AA": _each(drawn_code("A99 9AA")),
    "ICD-10 of one block, one suffix": _each(lambda rng: f"E1{rng.randrange(10)} {rng.randrange(10)}AA"),
    "days of 15 years": _each(drawn_day(2012, 2026)),
    "days, crowding into the last 30 of 80 years": _each(
        lambda rng: drawn_day(*((1996, 2026) if rng.random() < 0.9 else (1946, 1995)))(rng)
    ),
    "days of 290,000 diagnoses, fewer the longer ago": _diagnoses,
    "hexadecimal pseudonyms": _each(lambda rng: f"{rng.getrandbits(128):032x}"),
    "letters and digits like a postcode's": _each(drawn_code("AA99 9AA")),
    "two letters, six digits, a letter": _each(drawn_code("AA999999A")),
    "random words, capitalised": _each(lambda rng: "".join(rng.choices(LETTERS.lower(), k=7)).title()),
}
HELD: Mapping[str, tuple[Kind, Callable[[random.Random], str]]] = {
    "NHS numbers among ten-digit ids": ("nhs-number", _nhs_number),
    "postcodes among outward parts": ("postcode", _postcode),
    "mobiles among random ids": ("phone", drawn_code("07999999999")),
    "names among other words": ("name", lambda rng: f"{rng.choice(NAMES)} {rng.choice(NAMES)}".title()),
    "addresses among places": ("address", lambda rng: f"{rng.randint(1, 99)} {rng.choice(NAMES).title()} Road"),
    "dates of birth among days seen": ("birth-date", drawn_day(1930, 2024)),
}
OTHERS: Mapping[Kind, Callable[[random.Random], str]] = {
    "nhs-number": lambda rng: str(rng.randrange(10**9, 10**10)),
    "postcode": lambda rng: _postcode(rng).split()[0],
    "phone": drawn_code("99999999999"),
    "name": lambda rng: "".join(rng.choices(LETTERS.lower(), k=7)).title(),
    "address": lambda rng: rng.choice(NAMES).title() + " Road",
    "birth-date": drawn_day(2012, 2026),
}


def false_alarms(count: int = TEXTS) -> Iterator[tuple[str, int]]:
    """Yield each population that only looks alike, and in how many of ``COLUMNS`` columns anything was found."""
    for what, column in ALIKE.items():
        rng = random.Random(what)  # noqa: S311 - made-up cells
        yield what, sum(bool(kind_of("value", column(rng, count))) for _ in range(COLUMNS))


def found(columns: int = 20) -> Iterator[tuple[str, Sequence[float]]]:
    """Yield each mixture, and the share of columns in which the identifier was found, for each of ``SHARES``."""
    for what, (kind, draw) in HELD.items():
        rng = random.Random(what)  # noqa: S311 - made-up cells
        yield what, [_found(rng, kind, draw, int(share * TEXTS), columns) for share in SHARES]


def _found(rng: random.Random, kind: Kind, draw: Callable[[random.Random], str], held: int, columns: int) -> float:
    hits = 0
    for _ in range(columns):
        texts = [draw(rng) for _ in range(held)] + [OTHERS[kind](rng) for _ in range(TEXTS - held)]
        hits += kind in {suspect.kind for suspect in kind_of("value", texts)}
    return hits / columns


def figures() -> Iterator[Figure]:
    """Count the false alarms; the one population that is meant to be taken for NHS numbers is left out."""
    counts = {what: alarms for what, alarms in false_alarms() if "from 4 or 6 or 7" not in what}
    against = f"of {COLUMNS * len(counts)} columns of {TEXTS} texts, of {len(counts)} kinds that only look alike"
    yield Figure("discovery_false_alarms_alike", sum(counts.values()), "columns", 0, "at_most", against)


def main() -> None:
    """Print both tables."""
    print(f"| {COLUMNS} columns of {TEXTS:,} texts | stopped |\n|---|---|")
    for what, alarms in false_alarms():
        print(f"| {what} | {alarms} |")
    print("\n| 20 columns each; share of texts | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |")
    print("|---" * (len(SHARES) + 1) + "|")
    for what, rates in found():
        print(f"| {what} | " + " | ".join(f"{rate:.0%}" for rate in rates) + " |")


if __name__ == "__main__":
    main()

__all__ = ["ALIKE", "COLUMNS", "HELD", "OTHERS", "SHARES", "TEXTS", "false_alarms", "figures", "found", "main"]
