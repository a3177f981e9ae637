"""What only the organisers have: the outcomes of those held back, their true probabilities, and the key to a pack."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Flags, Floats
from privacy.atomic import put
from privacy.canonical import legible
from privacy.errors import Tampered, Unreachable

KEY = "key.json"
VERSION = 1


@dataclass(frozen=True)
class Answers:
    """What happened to those who are held back, and how likely it was; arrays of one length, by NHS number.

    ``groups`` gives each person's group by what it is of: those that a score is broken down by.
    """

    numbers: NDArray[np.int64]
    happened: Flags
    probability: Floats
    groups: Mapping[str, NDArray[np.str_]]

    def encode(self) -> bytes:
        """Return them as CSV, one line a person."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["nhs_number", "happened", "probability", *self.groups])
        columns = [self.numbers, self.happened.astype(int), self.probability.round(6), *self.groups.values()]
        writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
        return text.getvalue().encode()

    @classmethod
    def decode(cls, content: bytes) -> Answers:
        """Return what ``encode`` gave; ValueError for anything else."""
        head, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
        columns = [np.array(column) for column in zip(*rows, strict=True)] or [np.array([], str)] * len(head)
        return cls(
            numbers=columns[0].astype(np.int64),
            happened=columns[1] == "1",
            probability=columns[2].astype(float),
            groups=dict(zip(head[3:], columns[3:], strict=True)),
        )


@dataclass(frozen=True)
class Answered:
    """Where the answers to one use case lie, their SHA-256, and what there is in them."""

    file: str
    sha256: str
    people: int
    outcomes: int


@dataclass(frozen=True)
class Key:
    """What belongs to which pack: its name and SHA-256, how its data were made, and the answers by use case."""

    pack: str
    pack_sha256: str
    command: str
    seed: int
    share: float
    answers: Mapping[str, Answered]

    def encode(self) -> bytes:
        """Return the bytes of ``key.json``."""
        return legible({"key": VERSION, **asdict(self)})


def read_key(home: Path) -> Key:
    """Return the key in the organisers' folder; ``key-absent``, or ``answers-tampered`` where it was changed."""
    content = _read(home / KEY)
    try:
        read: dict[str, Any] = json.loads(content)
        answers = {name: Answered(**each) for name, each in read.pop("answers").items()}
        key = Key(answers=answers, **{name: value for name, value in read.items() if name != "key"})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Tampered("answers-tampered", str(home / KEY)) from error
    return key


def write_answers(home: Path, use_case: str, answers: Answers) -> Answered:
    """Write one use case's answers to the organisers' folder."""
    content, file = answers.encode(), f"answers-{use_case}.csv"
    put(home / file, content)
    digest = hashlib.sha256(content).hexdigest()
    return Answered(file, digest, len(answers.numbers), int(answers.happened.sum()))


def read_answers(home: Path, answered: Answered) -> Answers:
    """Return answers that are still what was written; ``answers-tampered`` where they are not."""
    content = _read(home / answered.file)
    if hashlib.sha256(content).hexdigest() != answered.sha256:
        raise Tampered("answers-tampered", str(home / answered.file))
    return Answers.decode(content)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreachable("key-absent", str(path)) from error


__all__ = ["KEY", "VERSION", "Answered", "Answers", "Key", "read_answers", "read_key", "write_answers"]
