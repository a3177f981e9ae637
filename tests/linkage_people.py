"""Made-up people twice over: as a patient index knows them, and as a council does, with the errors of real records."""

import csv
import random
from dataclasses import dataclass
from pathlib import Path

from tests.nodes import nhs_numbers


def _words(text: str) -> list[str]:
    return text.split()


GIVEN_F = _words(
    "OLIVIA AMELIA ISLA AVA MIA IVY LILY FREYA FLORENCE WILLOW ELSIE SOPHIE GRACE EMILY ALICE SARAH LAURA GEMMA "
    "EMMA REBECCA CLAIRE VICTORIA SAMANTHA RACHEL AMY JENNIFER NICOLA KATHERINE LISA SUSAN JULIE KAREN JACQUELINE "
    "DEBORAH TRACEY JANE HELEN DIANE SHARON MARGARET PATRICIA CHRISTINE JEAN DOROTHY JOAN AISHA FATIMA PRIYA "
    "ZAINAB MEI"
)
GIVEN_M = _words(
    "OLIVER GEORGE ARTHUR NOAH MUHAMMAD LEO OSCAR HARRY ARCHIE JACK HENRY CHARLIE FREDDIE THOMAS WILLIAM JAMES "
    "DANIEL MATTHEW CHRISTOPHER ANDREW STEPHEN MARK DAVID PAUL RICHARD IAN KEVIN MICHAEL ROBERT PETER JOHN BRIAN "
    "KEITH ALAN DEREK KENNETH RONALD DENNIS STANLEY ERNEST OMAR HASSAN RAJ ARJUN WEI KWAME TOMASZ PIOTR GARETH "
    "CALLUM"
)
SURNAMES = _words(
    "SMITH JONES TAYLOR BROWN WILLIAMS WILSON JOHNSON DAVIES PATEL ROBINSON WRIGHT THOMPSON EVANS WALKER WHITE "
    "ROBERTS GREEN HALL WOOD JACKSON CLARKE KHAN HUGHES EDWARDS THOMAS LEWIS HARRIS MARTIN COOPER KING WARD BAKER "
    "TURNER HILL AHMED ALI HUSSAIN BEGUM SINGH KAUR MORRIS MOORE CLARK SCOTT LEE WATSON MORGAN ALLEN PARKER "
    "BENNETT PHILLIPS COLLINS MITCHELL CARTER BELL MURPHY KELLY SHAW SIMPSON MARSHALL ANDERSON RICHARDSON COX "
    "FOSTER GRAHAM HOLMES POWELL O'BRIEN SMITH-JONES KOWALSKI NOWAK OKAFOR MENSAH CHEN WONG MURRAY HOLLOWAY "
    "FEATHERSTONE ARKWRIGHT BRAITHWAITE"
)
STREETS = ("HIGH STREET", "STATION ROAD", "MAIN STREET", "PARK ROAD", "CHURCH LANE", "VICTORIA ROAD", "GREEN LANE")
STREETS += ("MANOR ROAD", "KINGS ROAD", "QUEEN STREET", "MILL LANE", "SPRINGFIELD AVENUE", "THE CRESCENT")
SHORT = {"WILLIAM": "BILL", "ROBERT": "BOB", "KATHERINE": "KATE", "MICHAEL": "MIKE", "SUSAN": "SUE", "THOMAS": "TOM"}


@dataclass(frozen=True)
class Person:
    number: str
    given: str
    surname: str
    born: str
    sex: str
    home: tuple[str, str]
    kin: str = ""  # "twin", "parent", "neighbour" of the person before


def people(count: int, seed: int) -> list[Person]:
    """Return people; one in 25 has a twin, as many a parent of the same name at home, or a namesake next door."""
    chance = random.Random(seed)
    numbers = iter(nhs_numbers(2 * count))
    made: list[Person] = []
    while len(made) < count:
        one = _person(chance, next(numbers))
        made.append(one)
        if (draw := chance.random()) < 0.04:
            sex, given = _name(chance, but=one.given)
            made.append(Person(next(numbers), given, one.surname, one.born, sex, one.home, "twin"))
        elif draw < 0.08:
            born = f"{int(one.born[:4]) - 20 - chance.randrange(20)}{_day(chance)[4:]}"
            made.append(Person(next(numbers), one.given, one.surname, born, one.sex, one.home, "parent"))
        elif draw < 0.12:
            street = f"{1 + chance.randrange(200)} {one.home[0].split(' ', 1)[1]}"
            born = _day(chance)
            made.append(
                Person(next(numbers), one.given, one.surname, born, one.sex, (street, one.home[1]), "neighbour")
            )
    return made


def as_patient(person: Person) -> dict[str, str]:
    """Return a person as the patient index has them."""
    return {
        "NHS_NUMBER": person.number,
        "FORENAME": person.given,
        "SURNAME": person.surname,
        "DOB": person.born,
        "SEX": person.sex,
        "POSTCODE": person.home[1],
        "ADDRESS": person.home[0],
    }


def as_client(person: Person, place: int, chance: random.Random, *, ethnicity: str = "A") -> dict[str, str]:
    """Return a person as the council has them: moved, married, misspelt, shortened, swapped, or half filled in."""
    given, surname, (street, postcode), born = person.given, person.surname, person.home, person.born
    if chance.random() < 0.12:
        street, postcode = _home(chance)
    if person.sex == "F" and chance.random() < 0.02:
        surname = chance.choice(SURNAMES)
    if chance.random() < 0.05:
        given = SHORT.get(given, given)
    if chance.random() < 0.05:
        given = misspelt(given, chance)
    if chance.random() < 0.05:
        surname = misspelt(surname, chance)
    if chance.random() < 0.01:
        given, surname = surname, given
    if (draw := chance.random()) < 0.02:
        born = f"{born[:4]}-{born[8:]}-{born[5:7]}" if int(born[8:]) <= 12 else born
    elif draw < 0.04:
        born = born[:8] + f"{1 + chance.randrange(28):02d}"
    year, month, day = born.split("-")
    return {
        "CLIENT": f"ASC-{700_000 + place * 7919 % 1_000_003}",
        "first_name": given.title(),
        "last_name": surname.title(),
        "birth": "" if chance.random() < 0.02 else f"{day}/{month}/{year}",
        "gender": "" if chance.random() < 0.02 else {"M": "Male", "F": "Female"}[person.sex],
        "post_code": "" if chance.random() < 0.03 else postcode.replace(" ", "").lower(),
        "address": street.replace("STREET", "St").replace("ROAD", "Rd").title(),
        "ethnicity": ethnicity,
        "nhs": person.number,
    }


def misspelt(text: str, chance: random.Random) -> str:
    """Return a text with one letter dropped, doubled, changed, or changed places with the next."""
    at = chance.randrange(len(text) - 1)
    letter = chance.choice("AEIOURSTLN")
    made = (
        text[:at] + text[at + 1 :],
        text[: at + 1] + text[at:],
        text[:at] + letter + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return chance.choice(made)


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _person(chance: random.Random, number: str) -> Person:
    sex, given = _name(chance)
    weights = [1 / (1 + i) for i in range(len(SURNAMES))]
    return Person(number, given, chance.choices(SURNAMES, weights)[0], _day(chance), sex, _home(chance))


def _name(chance: random.Random, *, but: str = "") -> tuple[str, str]:
    sex = chance.choice("MF")
    return sex, chance.choice([name for name in (GIVEN_M if sex == "M" else GIVEN_F) if name != but])


def _day(chance: random.Random) -> str:
    return f"{1930 + chance.randrange(88)}-{1 + chance.randrange(12):02d}-{1 + chance.randrange(28):02d}"


def _home(chance: random.Random) -> tuple[str, str]:
    inward = f"{chance.randrange(10)}{chance.choice('ABDEFGH')}{chance.choice('JLNPQRS')}"
    return f"{1 + chance.randrange(200)} {chance.choice(STREETS)}", f"LS{1 + chance.randrange(28)} {inward}"
