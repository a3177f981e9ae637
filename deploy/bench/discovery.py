"""How long discovery takes over a hundred columns of a hundred thousand rows, and how often it is wrong."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from deploy.bench.run import Figure
from privacy.discovery import Discovery

ROWS = 100_000
LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
BONES = ("femur", "tibia", "radius", "ulna", "humerus", "scapula", "clavicle", "rib", "skull", "pelvis")
WORDS = "she fell at home and was seen by the nurse who asked about sleep pain food and her new tablets".split()  # noqa: SIM905 - a sentence
Draw = Callable[[random.Random], str]


def drawn_code(pattern: str) -> Draw:
    """Return what draws a code: A stands for any letter, 9 for any digit."""
    parts = [{"A": LETTERS, "9": DIGITS}.get(c, c) for c in pattern]
    return lambda rng: "".join([rng.choice(part) for part in parts])


def drawn_day(first: int, last: int) -> Draw:
    return lambda rng: f"{rng.randint(first, last)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=15))


PLANTED = ("grouped", "postcode", "phone", "surname", "born", "notes")
# What an extract of a hundred columns holds: how many columns of each, and how a cell is drawn
COLUMNS: Mapping[str, tuple[int, Draw]] = {
    "flag": (30, lambda rng: rng.choice("01")),
    "code": (20, drawn_code("A99")),
    "age": (10, lambda rng: str(rng.randint(0, 105))),
    "measurement": (10, lambda rng: f"{rng.gauss(70, 12):.6f}"),
    "seen": (10, drawn_day(2012, 2026)),
    "activity": (5, drawn_code("1999999999")),
    "pseudonym": (3, lambda rng: f"{rng.getrandbits(128):032x}"),
    "label": (3, lambda rng: f"Fracture of {rng.choice(BONES)} and {rng.choice(BONES)}, not elsewhere classified"),
    "number": (2, drawn_code("9999999999")),
    "grouped": (1, drawn_code("999 999 9999")),
    "postcode": (1, drawn_code("LS9 9AA")),
    "phone": (1, drawn_code("07999 999999")),
    "surname": (1, lambda rng: "".join(rng.choices(LETTERS.lower(), k=7)).title()),
    "born": (1, drawn_day(1930, 2024)),
    "notes": (2, _sentence),
}


def figures() -> Iterator[Figure]:
    """Look at every distinct text of a hundred columns, on one core."""
    rng = random.Random(1)  # noqa: S311 - made-up cells
    table = {
        f"{name}_{n}": pa.array([draw(rng) for _ in range(ROWS)])
        for name, (columns, draw) in COLUMNS.items()
        for n in range(columns)
    }
    started = time.process_time()
    distinct = {name: pc.unique(cells) for name, cells in table.items()}
    deduplicated = time.process_time()
    discovery = Discovery()
    for name, texts in distinct.items():
        discovery.look(name, texts.to_pylist())
    found = discovery.findings()
    seconds = time.process_time() - started
    texts = sum(map(len, distinct.values()))
    against = f"{texts / 1e6:.1f} million distinct texts, {deduplicated - started:.1f} s to find them; one core"
    yield Figure("discovery_100_columns", seconds, "s", 5, "at_most", against)
    suspects = {s.column for s in found}
    planted = {f"{name}_{n}" for name in PLANTED for n in range(COLUMNS[name][0])}
    against = f"of {len(planted)} that hold identifiers, one of them with check digits by chance"
    yield Figure("discovery_missed", len(planted - suspects), "columns", 0, "at_most", against)
    against = f"of {len(table) - len(planted)} that hold none, random ten-digit numbers among them"
    yield Figure("discovery_false_alarms", len(suspects - planted), "columns", 0, "at_most", against)


__all__ = ["BONES", "COLUMNS", "DIGITS", "LETTERS", "PLANTED", "ROWS", "WORDS", "drawn_code", "drawn_day", "figures"]
