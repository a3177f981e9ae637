"""A draft of a contract from a sample of a source: what each column seems to be and why, for a person to finish."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from node.contracts.guesses import Guess, Value, guess
from node.contracts.sample import SHARED_BY, SHARED_BY_ROWS, Look, looks, sample
from node.sources import Source
from privacy.unfinished import MARK, unfinished

INTRODUCTION = f"""\
# A draft, made from the first rows of a source. It is refused until a person has finished it.
#
# Fill in each {MARK}. Hold each column against what it means: a guess is a guess. Bounds are public and come from what
# a column can be, never from the data: whoever reads them must learn nothing about anybody here. Take out what no
# study needs, in the extract too.
#
# No value of a record is in this file, but codes that at least {SHARED_BY} people here share, or {SHARED_BY_ROWS} rows
# where no NHS number says whose they are."""
HEAD = {
    "name": "the data set's name, small letters and hyphens",
    "title": "what one row is, in a few words",
    "owner": "the organisation that is the controller of these records",
    "legal_basis": "such as UK GDPR articles 6(1)(e) and 9(2)(h), and what sets aside confidentiality",
    "source": "the system and the extract that it comes from",
    "purpose": "what the records are for, in the words of the privacy notice",
    "recipient": "the organisation that runs this node",
}


@dataclass(frozen=True)
class Draft:
    """The text of a draft, and the places that a person has to fill in."""

    text: str
    unfinished: tuple[str, ...]


def propose(source: Source) -> Draft:
    """Return a draft for an open source; only its first rows are read, and nothing of them is kept.

    What may stand in it is argued in docs/catalogue.md: names of columns, shapes, shares rounded to tens of percent,
    and codes that ``SHARED_BY`` people share.
    """
    table = sample(source)
    guessed = _one_person([(look, guess(look)) for look in looks(table)])
    person = next((look for look, found in guessed if _is_person(found)), None)
    one_row_each = person is not None and person.values == table.num_rows
    text = "\n".join([INTRODUCTION, "", *_head(person, guessed, one_row_each=one_row_each), *_columns(guessed)]) + "\n"
    return Draft(text, tuple(unfinished(tomllib.loads(text))))


def _one_person(guessed: Iterable[tuple[Look, Guess]]) -> list[tuple[Look, Guess]]:
    """Let the first NHS number be the person; a mother's or a carer's is dropped. One date is an event's day."""
    found, seen, dated = [], False, False
    for look, each in guessed:
        fields, why = dict(each.fields), each.why
        if _is_person(each) and seen:
            fields["treatment"], why = "drop", (*why, "another column has the person's; this one is dropped")
        elif fields["type"] == "date" and "role" not in fields and not dated:
            fields["role"], dated = "date", True
        seen = seen or _is_person(each)
        if look.absent and not _is_person(each):
            fields["may_be_missing"] = True
        found.append((look, replace(each, fields=fields, why=why)))
    return found


def _is_person(found: Guess) -> bool:
    return found.fields["type"] == "nhs-number" and found.fields["treatment"] == "pseudonym"


def _head(person: Look | None, guessed: Sequence[tuple[Look, Guess]], *, one_row_each: bool) -> Iterator[str]:
    absent = sorted({"", *(text for look, _ in guessed for text in look.absent)})
    if person is None:
        yield "# No column looks like NHS numbers. One must say whose row it is: see docs/linkage.md where none can."
    elif person.absent:
        yield "# Some rows have no NHS number: they will go to quarantine."
    yield "[contract]"
    for name, what in HEAD.items():
        yield f"{name} = {_toml(f'{MARK}: {what}')}"
        if name == "name":
            yield "version = 1"
    yield f"table = {_toml('person' if one_row_each else 'event')}"
    key = [person.name if person else f"{MARK}: the person's column"]
    if not one_row_each:
        key.append(f"{MARK}: the columns that tell rows of one person apart")
    yield f"key = {_toml(tuple(key))}"
    yield f"missing = {_toml(tuple(absent))}"
    yield "bad_rows_at_most = 0.01"


def _columns(guessed: Iterable[tuple[Look, Guess]]) -> Iterator[str]:
    for look, found in guessed:
        yield ""
        if look.heading != look.name:
            yield f"# heading: {look.heading}"
        yield from (f"# {line}" for line in found.why)
        yield f"[columns.{look.name}]"
        yield from (f"{name} = {_toml(value)}" for name, value in found.fields.items())


def _toml(value: Value) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


__all__ = ["HEAD", "INTRODUCTION", "Draft", "propose"]
