"""The linkage agreement of a made-up site: whose records are linked, under which headings they lie, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

NAME = "made-up"
VALID_YEARS = 5
SIGNERS = ("ada", "ben")  # as the handbook calls an IG lead and a Caldicott Guardian; write your own names here
_HEAD = """\
# The agreement under which this site's people without an NHS number are linked: names, addresses and all are made up.
# `person` is who speaks for a controller in your node's policy: write the names that yours has.

[agreement]
name = "{name}"
version = 1
purpose = "Trying linkage with people who never were"
legal_basis = "none is needed: nobody is in it"
expires = {expires}

[[controllers]]
name = "{health} health records"
person = "{first}"

[[controllers]]
name = "{health} council, police and fire service"
person = "{second}"

[reference]
name = "patient-index"
controller = "{health} health records"
id = "NHS_NUMBER"
[reference.columns]
given_name = "FORENAME"
surname = "SURNAME"
date_of_birth = "DATE_OF_BIRTH"
sex = "SEX"
postcode = "POSTCODE"
address = "ADDRESS_LINE_1"
"""
_TARGET = """
[[targets]]
name = "{data_set}"
controller = "{health} council, police and fire service"
id = "{id}"
dates = ["%d/%m/%Y"]
data_sets = ["{data_set}"]
[targets.columns]
given_name = "given_name"
surname = "surname"
date_of_birth = "date_of_birth"
postcode = "postcode"
address = "address"
"""


@dataclass(frozen=True)
class Target:
    """A data set without NHS numbers, and the heading of its own number of a person."""

    data_set: str
    id: str


def agreement(*, site: str, targets: Sequence[Target], index_date: datetime.date) -> str:
    """Return the agreement as a TOML text, in force for ``VALID_YEARS`` from the index date on."""
    expires = datetime.date(index_date.year + VALID_YEARS, 12, 31)
    first, second = SIGNERS
    head = _HEAD.format(name=NAME, expires=expires.isoformat(), health=site, first=first, second=second)
    return head + "".join(_TARGET.format(data_set=t.data_set, id=t.id, health=site) for t in targets)


__all__ = ["NAME", "SIGNERS", "VALID_YEARS", "Target", "agreement"]
