"""What a team hands in: a probability for each person who is to be foretold, and nothing else."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from privacy.errors import Invalid, Unreachable

COLUMNS = ("nhs_number", "probability")
LONGEST_LINE = 1 << 10  # bytes, other columns with it, on the mean: so a file is as large as the list that it answers
SHOWN = 10  # faults


@dataclass(frozen=True)
class Submission:
    """Probabilities in the order of the answers, and the SHA-256 of the file that they came in."""

    predicted: Floats
    sha256: str


def read_submission(path: Path, wanted: NDArray[np.int64]) -> Submission:
    """Return the probabilities of ``wanted`` people, whose NHS numbers are sorted, in their order.

    ``submission-malformed`` names lines and what is wrong with them: somebody is missing, there twice or not asked
    about, a number is none or not between 0 and 1. Columns may be in any order; others are not looked at.
    """
    try:
        if path.exists() and not path.is_file():  # others may have no end
            raise Invalid("submission-malformed", str(path), faults=["is no file"])
        if path.stat().st_size > (largest := LONGEST_LINE * (len(wanted) + SHOWN)):
            raise Invalid("submission-malformed", str(path), faults=[f"is larger than {largest:,} bytes"])
        content = path.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    numbers, predicted, faults = _columns(content)
    if not faults:
        faults = _misplaced(numbers, wanted)
    if faults:
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise Invalid("submission-malformed", str(path), faults=[*faults[:SHOWN], *more])
    return Submission(predicted[np.argsort(numbers)], hashlib.sha256(content).hexdigest())


def _columns(content: bytes) -> tuple[NDArray[np.int64], Floats, list[str]]:
    nothing = np.array([], np.int64), np.array([], float)
    try:
        rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error):
        return *nothing, ["is no CSV in UTF-8"]
    if not rows or not set(COLUMNS) <= set(rows[0]):
        return *nothing, [f"line 1: has the columns {' and '.join(COLUMNS)}, and lines follow"]
    numbers, predicted = np.empty(len(rows), np.int64), np.empty(len(rows))
    faults = []
    for place, row in enumerate(rows):
        text = (row["nhs_number"] or "").strip()
        number = int(text) if text.isdecimal() and text.isascii() and len(text) == 10 else -1
        probability = _number(row["probability"])
        if number < 0:
            faults.append(f"line {place + 2}: nhs_number is ten digits")
        if not 0 <= probability <= 1:
            faults.append(f"line {place + 2}: probability is a number from 0 to 1")
        numbers[place], predicted[place] = number, probability
    return numbers, predicted, faults


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return np.nan


def _misplaced(numbers: NDArray[np.int64], wanted: NDArray[np.int64]) -> list[str]:
    """Return the lines of people who are not asked about or there twice, and how many are missing."""
    first = np.zeros(len(numbers), bool)
    first[np.unique(numbers, return_index=True)[1]] = True
    asked = np.isin(numbers, wanted)
    faults = [f"line {place + 2}: nobody asks about this person" for place in np.flatnonzero(~asked)]
    faults += [f"line {place + 2}: this person is there already" for place in np.flatnonzero(asked & ~first)]
    missing = len(wanted) - int((asked & first).sum())
    return faults + ([f"{missing} of {len(wanted)} people to foretell are missing"] if missing else [])


__all__ = ["COLUMNS", "LONGEST_LINE", "SHOWN", "Submission", "read_submission"]
