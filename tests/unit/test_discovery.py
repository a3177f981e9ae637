"""Each kind of identifier is found in a column that nobody declared, and what only looks alike is left alone."""

import datetime
import random

import numpy as np
import pytest

from privacy.columns import Column
from privacy.discovery import Discovery, kind_of
from privacy.discovery.people import NAMES, common_names
from privacy.discovery.postcodes import AREAS
from tests.nodes import nhs_numbers

RANDOM = random.Random(7)
NUMBERS = nhs_numbers(400)
WRONG = [n[:-1] + str((int(n[-1]) + 1 + i % 9) % 10) for i, n in enumerate(NUMBERS)]  # none has a right check digit
GIVEN = [
    "James",
    "Olivia",
    "Mohammed",
    "Priya",
    "Agnieszka",
    "Grace",
    "Oluwaseun",
    "Wei",
    "Thomas",
    "Margaret",
    "Dorothy",
    "Aisha",
    "Zofia",
    "Callum",
]
FAMILY = [
    "Smith",
    "Patel",
    "Okonkwo",
    "Jones",
    "Kowalski",
    "Begum",
    "Evans",
    "O'Brien",
    "Khan",
    "Featherstonehaugh",
    "Hughes",
    "Li",
    "Walker",
    "Shah",
]
DAY = datetime.timedelta(days=1)


def kinds(name, texts):
    return {suspect.kind for suspect in kind_of(name, texts)}


def dressed(number, how):
    a, b, c = number[:3], number[3:6], number[6:]
    return how.format(n=number, a=a, b=b, c=c)


def dates(count, first, last, form="%Y-%m-%d"):
    days = (last - first).days
    return [(first + DAY * RANDOM.randrange(days)).strftime(form) for _ in range(count)]


def year(y):
    return datetime.date(y, 1, 1), datetime.date(y + 1, 1, 1)


def codes(pattern, count=300):
    """Return codes: A is any letter, 9 any digit, the rest stands for itself."""
    letters, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
    choices = {"A": letters, "9": digits}
    return ["".join(RANDOM.choice(choices.get(c, c)) for c in pattern) for _ in range(count)]


def postcodes(count=200, areas=("LS", "B", "SW", "M", "E", "BD", "CF")):
    ends = "ABDEFGHJLNPQRSTUWXYZ"
    return [
        f"{RANDOM.choice(areas)}{RANDOM.randint(1, 14)} {RANDOM.randint(0, 9)}{''.join(RANDOM.choices(ends, k=2))}"
        for _ in range(count)
    ]


BORN = (datetime.date(1928, 1, 1), datetime.date(2024, 1, 1))
SEEN = (datetime.date(2012, 4, 1), datetime.date(2026, 3, 31))

FOUND = {
    "NHS numbers": ("ref", NUMBERS, "nhs-number"),
    "ten of them": ("ref", NUMBERS[:10], "nhs-number"),
    "two, where the name says so": ("nhs_no", NUMBERS[:2], "nhs-number"),
    "a third of a column": ("ref", [*NUMBERS[:100], *map(str, range(200))], "nhs-number"),
    "one in fifty ids": ("ref", [*NUMBERS, *map(str, range(1_700_000_000, 1_700_008_000))], "nhs-number"),
    "glued to letters": ("ref", [f"NHS{n}" for n in NUMBERS[:40]], "nhs-number"),
    "one, behind the word": ("x", ["seen today", f"NHS no: {NUMBERS[0]}, well"], "nhs-number"),
    "wrong check digits, written as NHS numbers": ("x", [f"{n[:3]}-{n[3:6]}-{n[6:]}" for n in WRONG], "nhs-number"),
    "wrong check digits, begun as issued": (
        "x",
        [f"{RANDOM.choice('4467')}{RANDOM.randrange(10**9):09d}" for _ in range(400)],
        "nhs-number",
    ),
    "wrong check digits, where the name says so": ("NHS Number", WRONG[:20], "nhs-number"),
    "postcodes": ("x", postcodes(), "postcode"),
    "postcodes without a space": ("x", [p.replace(" ", "").lower() for p in postcodes()], "postcode"),
    "postcodes of one area": ("x", postcodes(areas=("E",)), "postcode"),
    "two, where the name says so ": ("home_postcode", ["LS6 2AB", "BD1 1HX", ""], "postcode"),
    "postcodes inside": ("x", [f"moved to {p} lately" for p in postcodes(50)], "postcode"),
    "full names": ("x", [f"{g} {f}" for g in GIVEN for f in FAMILY], "name"),
    "names, family name first": ("x", [f"{f.upper()}, {g}" for g in GIVEN for f in FAMILY], "name"),
    "surnames": ("surname", FAMILY, "name"),
    "rare surnames": ("last_name", ["Featherstonehaugh", *(f"Zzy{c}x" for c in "abcdefghijkl")], "name"),
    "with a title": ("x", [f"Mrs Qqz{a}{b}" for a in "abcde" for b in "abcde"], "name"),
    "a long list of family names": ("x", [n.title() for n in common_names()], "name"),
    "dates of birth": ("x", dates(2_000, *BORN), "birth-date"),
    "of very many people": ("x", dates(200_000, *BORN), "birth-date"),
    "the British way": ("x", dates(2_000, *BORN, "%d/%m/%Y"), "birth-date"),
    "with a time": ("x", dates(2_000, *BORN, "%Y-%m-%d 00:00:00"), "birth-date"),
    "in eight digits": ("x", dates(2_000, *BORN, "%Y%m%d"), "birth-date"),
    "with a month's name": ("x", dates(2_000, *BORN, "%d-%b-%Y"), "birth-date"),
    "of old people": ("x", dates(300, datetime.date(1925, 1, 1), datetime.date(1958, 1, 1)), "birth-date"),
    "of children, where the name says so": ("DateOfBirth", dates(300, *SEEN), "birth-date"),
    "mobiles": ("x", [f"07{n}" for n in codes("999 999999")], "phone"),
    "mobiles without their zero": ("x", [f"7{RANDOM.randint(1, 9)}{n}" for n in codes("99999999")], "phone"),
    "from abroad": ("x", [f"+44 7{n}" for n in codes("999 999 999")], "phone"),
    "landlines": ("x", [f"(0113) 2{n}" for n in codes("99 9999")], "phone"),
    "plain landlines, where the name says so": ("home_phone", [f"01132{n}" for n in codes("999999")], "phone"),
    "a few in notes": ("x", [*codes("AAA AA", 100), *(f"ring 0770090012{n}" for n in range(4))], "phone"),
    "e-mail": ("x", [f"a.person{n}@example.org" for n in range(5)], "e-mail"),
    "e-mail in notes": ("x", [*codes("AAA", 500), *(f"write to {c}@example.co.uk" for c in "abc")], "e-mail"),
    "addresses": ("x", [f"{n} Acacia Avenue, Leeds" for n in range(1, 60)], "address"),
    "flats": ("x", [f"Flat {n}, The Maltings" for n in range(1, 60)], "address"),
    "National Insurance": ("x", [f"AB{n}C" for n in codes("999999")], "national-insurance-number"),
    "National Insurance, spaced": ("x", [f"JG {n} D" for n in codes("99 99 99")], "national-insurance-number"),
    "hospital numbers": ("hospital_number", codes("A999999"), "local-number"),
    "person ids": ("person_id", [str(n) for n in range(1_000, 1_400)], "local-number"),
    "property numbers": ("uprn", codes("199999999999"), "property-number"),
    "free text": (
        "x",
        [f"She fell in the kitchen {n} days ago and has had a sore hip since then" for n in range(40)],
        "free-text",
    ),
    "short notes, where the name says so": ("notes", [f"fell x{n}, lives alone" for n in range(40)], "free-text"),
}


@pytest.mark.parametrize("what", FOUND)
def test_an_identifier_is_found_and_no_value_is_said(what):
    name, texts, kind = FOUND[what]
    found = kind_of(name, texts)
    assert kind in {suspect.kind for suspect in found}
    said = repr(found) + "".join(map(str, found))
    assert not [text for text in texts if len(text) > 4 and text in said]


SAINTS = "Mary James Thomas George Helen Peter Richard Luke Ann Catherine Michael John"
TOWNS = "Preston Burton Sutton Newton Poole Weston Norton Ashton Clayton Horton Hamilton Nelson Leeds Hull Halton"
TRADES = "Baker Barber Butler Carpenter Cooper Fisher Gardener Mason Miller Porter Taylor Nurse Driver"
MEDICINES = "Amlodipine Ramipril Metformin Atorvastatin Omeprazole Sertraline Salbutamol Aspirin Codeine"
DIAGNOSED = [day for y in range(60) for day in dates(int(20_000 * 0.93**y), *year(2026 - y))]
LABELS = [
    "Type 2 diabetes mellitus without complications",
    "Fracture of neck of femur, closed, following a fall on the same level from slipping",
    "Malignant neoplasm of overlapping lesion of bronchus and lung, not elsewhere classified",
    "Essential (primary) hypertension",
    "Parkinson's disease",
]
ALONE = {
    "epoch seconds": [str(n) for n in range(1_700_000_000, 1_700_900_000, 1_800)],
    "hours": [f"2026{m:02d}{d:02d}{h:02d}" for m in range(1, 13) for d in range(1, 29) for h in range(0, 24, 3)],
    "ids counted up": [str(n) for n in range(4_000_000_000, 4_000_005_000)],
    "ids counted up from seven": [str(n) for n in range(7_100_000_000, 7_100_005_000)],
    "ids in steps of 11": [str(n) for n in range(4_000_000_000, 4_000_055_000, 11)],
    "random ten digits": [str(RANDOM.randrange(10**9, 10**10)) for _ in range(5_000)],
    "random ten digits from four on": [str(RANDOM.randrange(4 * 10**9, 8 * 10**9)) for _ in range(5_000)],
    "nine NHS numbers": NUMBERS[:9],
    "the same digit ten times": [str(d) * 10 for d in range(10)],
    "decimals": [repr(v) for v in np.random.default_rng(1).random(5_000).tolist()],
    "large decimals": [f"{v:.6f}" for v in np.random.default_rng(1).uniform(0, 1e10, 2_000).tolist()],
    "ICD-10": [*codes("A99"), *codes("A99.9"), *codes("A999A")],
    "ICD-10 that look like postcodes": [f"{c} 9AA" for c in codes("A99")],
    "ICD-10 with any suffix": codes("A99 9AA"),
    "one chapter of OPCS with a suffix": [f"W{n} 1AB" for n in range(10, 99)],
    "a few codes of the notes": ["E11 9AA", "I10 4XX", "F20 0DX", "B12 3AB", "W37 1AB"] * 3,
    "outward parts": [p.split()[0] for p in postcodes()],
    "no fixed abode": [f"ZZ99 3{e}Z" for e in "ABDEFGHJLNPQRSTUWXYZ"],
    "SNOMED CT": [str(RANDOM.randrange(10**7, 10**9)) for _ in range(2_000)],
    "LSOA": [f"E0100{n}" for n in codes("9999", 1_000)],
    "organisations": [*codes("A99999"), *codes("RA9"), *codes("RA999")],
    "padded ids": [f"{n:011d}" for n in range(1, 3_000)],
    "times": [f"2026-04-{d:02d} {h:02d}:{m:02d}:00" for d in range(1, 29) for h in range(24) for m in (0, 17)],
    "dates seen": dates(4_000, *SEEN),
    "days of many diagnoses": DIAGNOSED,
    "weekdays of many diagnoses": [day for day in DIAGNOSED if datetime.date.fromisoformat(day).weekday() < 5],
    "first days of months": [f"{y}-{m:02d}-01" for y in range(1930, 2020) for m in range(1, 13)],
    "years of birth": [str(y) for y in range(1920, 2020)],
    "labels": LABELS,
    "hospitals": [f"{n} Hospital" for n in ("St James's", "King's College", "Royal Free", "Northwick Park")] * 5,
    "ethnic groups": ["White British", "White Irish", "Black African", "Indian", "Chinese", "Any other", "Not stated"],
    "wards": [f"{n} Ward" for n in GIVEN],
    "places": [
        "Leeds",
        "Bradford",
        "Hartlepool",
        "Middlesbrough",
        "Darlington",
        "Halton",
        "Warrington",
        "Preston",
        "Burnley",
        "Kirklees",
    ],
    "saints": [f"St {name}'s" for name in SAINTS.split()],
    "towns": TOWNS.split(),
    "trades": TRADES.split(),
    "medicines": MEDICINES.split(),
    "pseudonyms": [f"k1.{RANDOM.getrandbits(128):032x}" for _ in range(500)],
    "doses": [f"{n} mg twice daily for {n} days with food or after a meal in the evening" for n in range(100)],
    "random two letters, six digits, a letter": codes("AA999999A", 2_000),
    "nothing": [],
    "spaces": ["", " ", "\u00a0"],
}


@pytest.mark.parametrize("what", ALONE)
def test_what_looks_alike_is_left_alone(what):
    assert kind_of("value", ALONE[what]) == ()


@pytest.mark.parametrize(
    "name", ["nhs_number", "surname", "dob", "postcode", "phone", "email", "address", "uprn", "notes"]
)
def test_a_name_alone_is_no_finding(name):
    assert kind_of(name, ["0", "1", "9", *codes("A9", 40)]) == ()


def test_parts_are_judged_together_and_a_text_that_comes_again_counts_once():
    whole, parts = Discovery(), Discovery()
    whole.look("x", NUMBERS)
    for start in range(0, 400, 10):
        parts.look("x", NUMBERS[start : start + 10])
    assert parts.findings() == whole.findings() != ()
    again = Discovery()
    for _ in range(50):
        again.look("x", NUMBERS[:9])
    assert again.findings() == ()


def declared(**fields):
    return Column("x", fields.pop("kind", "measure"), **fields)


SMALL = {"type": "integer", "low": 0, "high": 120}
EXEMPT = {
    "a small number": (declared(**SMALL), map(str, range(120))),
    "bands": (
        declared(type="integer", low=0, high=1e6, treatment="band", band_width=100),
        ["1", "99999", *map(str, range(250_000, 260_000, 7))],
    ),
    "a closed list": (declared(type="code", codes=("LS6 2AB", "x")), ["x", "LS6 2AB"]),
    "a year of birth": (declared(type="date", low=-3e4, high=3e4, treatment="year"), dates(900, *BORN)),
    "an outward part": (declared(type="postcode", treatment="outward"), postcodes()),
    "a keyed text": (declared(kind="direct-identifier", type="text", treatment="pseudonym"), NUMBERS),
}
LOOKED_AT = {
    "a large number": (declared(type="integer", low=0, high=1e10), NUMBERS, "nhs-number"),
    "a measure of text": (declared(type="text"), NUMBERS, "nhs-number"),
    "what is no small number": (declared(**SMALL), [*map(str, range(120)), *NUMBERS], "nhs-number"),
    "what is not in a list": (declared(type="code", codes=("x", "y")), ["x", *NUMBERS], "nhs-number"),
    "a list of identifiers": (declared(type="code", codes=tuple(NUMBERS)), NUMBERS, "nhs-number"),
    "a whole date of birth": (declared(type="date", low=-3e4, high=3e4), dates(2_000, *BORN), "birth-date"),
    "a whole postcode": (declared(type="postcode"), postcodes(), "postcode"),
    "names among years of birth": (
        declared(type="date", low=-3e4, high=3e4, treatment="year"),
        [*dates(60, *BORN), *(f"{g} {f}" for g in GIVEN for f in FAMILY)],
        "name",
    ),
    "a code whose shape alone is known": (declared(type="code", system="snomed-ct"), NUMBERS, "nhs-number"),
}


@pytest.mark.parametrize("what", EXEMPT)
def test_a_declaration_that_leaves_no_room_is_believed(what):
    column, texts = EXEMPT[what]
    discovery = Discovery([column])
    discovery.look("x", list(texts))
    assert discovery.findings() == ()


@pytest.mark.parametrize("what", LOOKED_AT)
def test_what_a_declaration_leaves_open_is_looked_at(what):
    column, texts, kind = LOOKED_AT[what]
    discovery = Discovery([column])
    discovery.look("x", list(texts))
    assert [suspect.kind for suspect in discovery.findings()] == [kind]


def test_the_lists_are_what_they_say():
    assert len(AREAS) == 124
    assert len(common_names()) > 700
    assert all(name.isascii() and name.islower() and len(name) > 1 for name in common_names())
    assert "no published list was copied" in NAMES.read_text()
