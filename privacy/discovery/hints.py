"""What a column's name suggests; never a finding by itself: the values must have the shape too."""

from __future__ import annotations

import re
from collections.abc import Mapping

from privacy.discovery.suspect import Kind

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NUMBER = "(no|num|number|id|identifier|nbr|ref)"
# Whole words of a name, joined by "_"; the names are those that PAS, GP, social care and NHS data sets use.
_WORDS: Mapping[Kind, str] = {
    "address": r"addr|address|addresses|address_line_?\d|street|house|residence|domicile",
    "birth-date": r"dob|birth|birthdate|birth_?date|date_of_birth|birthday|born|person_birth_date",
    "e-mail": r"e?_?mail|email_?address",
    "free-text": r"notes?|comments?|narrative|free_?text|remarks?|letter|history|freetext|summary|details",
    "local-number": r"(hosp|hospital|unit|casenote|case_note|pas|district)_?(no|num|number|nbr)"
    rf"|(pas|patient|person|client|service_user|lpi|local_patient|practice_patient|emis|systm_?one|carefirst"
    rf"|liquid_?logic|mosaic)_?{_NUMBER}|mrn|crn|patid|local_patient_identifier|token_person_id",
    "name": r"surname|forename|forenames|first_?name|last_?name|given_?names?|family_?name|middle_?names?|full_?name"
    r"|patient_?name|maiden_?name|person_?name|next_of_kin|nok|known_as|alias|carer|consultant|clinician|gp_name",
    "national-insurance-number": rf"ni_?{_NUMBER}|nino|national_insurance(_{_NUMBER})?",
    "nhs-number": rf"nhs|nhs_?{_NUMBER}|health_?(service|care)_?{_NUMBER}|chi(_{_NUMBER})?|h_?c_{_NUMBER}",
    "phone": r"phone|telephone|tel|mobile|mob|landline|contact_?(no|number)|tel_?(no|number)|phone_?(no|number)",
    "postcode": r"post_?code|pcode|pcd|pcds|post_code|zip|postal_?code|homeadd_postcode",
    "property-number": r"uprn|usrn",
}
# Whole wherever they stand, since headings such as HomePostcode become homepostcode in a contract
_UNMISTAKABLE: Mapping[Kind, str] = {
    "birth-date": "dateofbirth|birthdate",
    "e-mail": "emailaddress",
    "name": "surname|forename|firstname|lastname|familyname|givenname|fullname|patientname",
    "nhs-number": "nhsn(?:o|umber)",
    "phone": "telephone|phonen(?:o|umber)",
    "postcode": "postcode",
}
_HINTS = {
    kind: re.compile(rf"(?:^|_)(?:{words})(?:_|\d|$)|{_UNMISTAKABLE.get(kind, '$^')}") for kind, words in _WORDS.items()
}


def hints(column: str) -> frozenset[Kind]:
    """Return the kinds that a column's name speaks for: ``HomePostcode`` for a postcode."""
    name = re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", column).lower()).strip("_")
    return frozenset(kind for kind, pattern in _HINTS.items() if pattern.search(name))


__all__ = ["hints"]
