"""What a code of each coding system looks like: shapes and check digits, never the contents, which are licensed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A letter, two digits; X fills a fourth place that is not used and - a fifth; D marks a dagger, A an asterisk.
ICD_10 = r"[A-Z][0-9]{2}(?:\.?[0-9X](?:[0-9-])?)?[AD*+†]?"
OPCS_4 = r"[A-HJ-Z][0-9]{2}(?:\.?[0-9])?"  # no chapter I
READ = r"(?=.{5}(?:[0-9]{2})?$)[0-9A-Za-z]{1,5}\.{0,4}(?:[0-9]{2})?"  # five places, and the two of a term code
CTV3 = r"(?=.{5}$)[0-9A-Za-z]{1,5}\.{0,4}"  # capitals matter
LOINC = r"[1-9][0-9]{0,6}-[0-9]"
ODS = r"[0-9A-Z]{3,10}"
GSS = r"[EWSNKJLM][0-9]{8}"  # the country's letter, two digits for the kind of area, six for the area
OMOP = r"(?:0|[1-9][0-9]{0,9})"
LOCAL = r"\S(?:[^\x00-\x1f\x7f]{0,98}\S)?"
SCTID = r"[1-9][0-9]{5,17}"  # 6 to 18 digits, none in front for show
CONCEPT_PARTITIONS = ("00", "10")  # the two digits before the last: a concept, not a description or a relationship

# Verhoeff's dihedral check: how digits combine, and how each place permutes them
_COMBINE = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ]
)
_PERMUTE = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ]
)
_LONGEST_SCTID = 18

Judge = Callable[[Sequence[str]], NDArray[np.bool_]]


@dataclass(frozen=True)
class CodeSystem:
    """One coding system: its name in contracts, its title, what its codes look like in words, and who says so."""

    name: str
    title: str
    shape: str
    source: str
    uri: str
    judge: Judge

    def well_formed(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts have the shape of a code; whether a code exists is not known here. Give distinct texts."""
        return self.judge(texts)


def well_formed(system: str, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which texts could be codes of a system; a system that is not in ``CODE_SYSTEMS`` is a ``KeyError``."""
    return CODE_SYSTEMS[system].well_formed(texts)


def has_verhoeff_digit(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which texts of 1 to 18 digits end in the check digit of Verhoeff (1969); all else is false."""
    points = _digits(texts)
    states = np.zeros(len(texts), dtype=np.int64)
    for place in range(points.shape[1]):  # from the last digit: places before the first one are -1 and change nothing
        digit = points[:, -1 - place]
        states = np.where(digit >= 0, _COMBINE[states, _PERMUTE[place % 8, digit]], states)
    return np.asarray((states == 0) & (points[:, -1] >= 0))


def _digits(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the digits of each text to the right of an array of 18, -1 before them; all -1 when it is no number."""
    fits = [text if text.isascii() and text.isdigit() and len(text) <= _LONGEST_SCTID else "" for text in texts]
    padded = np.array([text.rjust(_LONGEST_SCTID) for text in fits], dtype=f"U{_LONGEST_SCTID}")
    points = np.ascontiguousarray(padded).view(np.uint32).reshape(len(texts), _LONGEST_SCTID).astype(np.int64)
    return np.where(points == ord(" "), -1, points - ord("0"))


def _by(pattern: str) -> Judge:
    compiled = re.compile(pattern)

    def judge(texts: Sequence[str]) -> NDArray[np.bool_]:
        return np.fromiter((compiled.fullmatch(text) is not None for text in texts), dtype=bool, count=len(texts))

    return judge


def _concepts(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which are SNOMED CT concept identifiers: shape, partition, check digit."""
    partition = np.fromiter((text[-3:-1] in CONCEPT_PARTITIONS for text in texts), dtype=bool, count=len(texts))
    return np.asarray(_by(SCTID)(texts) & partition & has_verhoeff_digit(texts))


def _loinc(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return which are LOINC codes: digits, a hyphen, and Luhn's check digit."""
    plain = [text.replace("-", "") for text in texts]
    points = _digits(plain)[:, ::-1]
    doubled = np.where(points < 0, 0, points)
    doubled[:, 1::2] = doubled[:, 1::2] * 2
    total = np.where(doubled > 9, doubled - 9, doubled).sum(axis=1)
    return np.asarray(_by(LOINC)(texts) & (total % 10 == 0))


_SNOMED = "a number of 6 to 18 digits that ends in Verhoeff's check digit"
_ALL = (
    CodeSystem(
        "icd-10", "ICD-10", "a letter, two digits, a fourth and a fifth place; dagger or asterisk at the end",
        "WHO ICD-10, volume 2; NHS Data Dictionary, CLINICAL CLASSIFICATION CODE, for X, -, A and D",
        "http://hl7.org/fhir/sid/icd-10", _by(ICD_10),
    ),
    CodeSystem(
        "opcs-4", "OPCS-4", "a letter, two digits, a fourth place after a point or none",
        "NHS Data Dictionary, OPCS CLASSIFICATION OF INTERVENTIONS AND PROCEDURES",
        "https://fhir.hl7.org.uk/CodeSystem/OPCS-4", _by(OPCS_4),
    ),
    CodeSystem(
        "snomed-ct", "SNOMED CT", f"a concept's identifier: {_SNOMED}",
        "SNOMED International, Release File Specification, SCTID", "http://snomed.info/sct", _concepts,
    ),
    CodeSystem(
        "dm+d", "Dictionary of medicines and devices", f"a concept's identifier as in SNOMED CT: {_SNOMED}",
        "NHSBSA, dm+d: its identifiers are SNOMED CT identifiers", "https://dmd.nhs.uk", _concepts,
    ),
    CodeSystem(
        "ctv3", "Clinical Terms Version 3", "five letters or digits, filled up with dots; capitals matter",
        "NHS Read Codes, Clinical Terms Version 3: five-byte codes", "http://read.info/ctv3", _by(CTV3),
    ),
    CodeSystem(
        "read-2", "Read codes version 2", "five letters or digits, filled up with dots; two digits of a term after it",
        "NHS Read Codes, version 2: five-byte codes", "http://read.info/readv2", _by(READ),
    ),
    CodeSystem(
        "loinc", "LOINC", "digits, a hyphen and a check digit (modulus 10)",
        "Regenstrief Institute, LOINC Users' Guide", "http://loinc.org", _loinc,
    ),
    CodeSystem(
        "ods", "Organisation code", "3 to 10 capitals or digits",
        "NHS Organisation Data Service", "https://fhir.nhs.uk/Id/ods-organization-code", _by(ODS),
    ),
    CodeSystem(
        "gss", "Area code", "a country's letter and eight digits, such as E01000001 for an LSOA",
        "Office for National Statistics, GSS coding and naming policy", "http://statistics.data.gov.uk/id/statistical-geography",
        _by(GSS),
    ),
    CodeSystem(
        "omop-concept", "OMOP concept", "a whole number of at most ten digits",
        "OHDSI, OMOP Common Data Model 5.4, CONCEPT", "https://athena.ohdsi.org", _by(OMOP),
    ),
    CodeSystem(
        "local", "Local codes", "1 to 100 characters that print, no space at either end",
        "whoever keeps the source", "", _by(LOCAL),
    ),
)  # fmt: skip
CODE_SYSTEMS: Mapping[str, CodeSystem] = {system.name: system for system in _ALL}


__all__ = [
    "CODE_SYSTEMS",
    "CONCEPT_PARTITIONS",
    "CTV3",
    "GSS",
    "ICD_10",
    "LOCAL",
    "LOINC",
    "ODS",
    "OMOP",
    "OPCS_4",
    "READ",
    "SCTID",
    "CodeSystem",
    "Judge",
    "has_verhoeff_digit",
    "well_formed",
]
