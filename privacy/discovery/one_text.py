"""One sentence that somebody wrote for the log: does it hold an identifier?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from privacy.discovery.addresses import Addresses
from privacy.discovery.cells import Cells
from privacy.discovery.contacts import EMails, Phones
from privacy.discovery.nhs_numbers import NhsNumbers
from privacy.discovery.numbers import InsuranceNumbers
from privacy.discovery.postcodes import Postcodes
from privacy.discovery.suspect import Kind, Sure

_DETECTORS: Mapping[Kind, type[Sure]] = {
    "address": Addresses,
    "e-mail": EMails,
    "national-insurance-number": InsuranceNumbers,
    "nhs-number": NhsNumbers,
    "phone": Phones,
    "postcode": Postcodes,
}
_TITLED = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Master)\b\.? [^\W\d_a-z]")


def identifiers_in(text: str) -> tuple[Kind, ...]:
    """Return the kinds of identifier that one text holds, by name; empty when none is recognised.

    Stricter than for a column, where one number among thousands may be chance: any NHS number counts that has a
    right check digit or is written 3-3-4, and any title with a name. A name without a title is not recognised.
    """
    cells, found = Cells([text]), []
    for kind, detector in _DETECTORS.items():
        looking = detector()
        looking.see(cells)
        if looking.sure:
            found.append(kind)
    return tuple(sorted([*found, "name"] if _TITLED.search(text) else found))


__all__ = ["identifiers_in"]
