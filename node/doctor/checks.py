"""The lists: all that ``doctor`` asks, and the few of it that ``/readyz`` asks every few seconds."""

from __future__ import annotations

from node.doctor import books, place
from node.doctor.outside import Outside
from node.doctor.subject import Subject
from privacy.health import Check


def all_checks(subject: Subject, *, offline: bool = False) -> list[Check]:
    """Return every check, those that explain others first; ``offline`` leaves out what dials."""
    outside = Outside(subject)
    dialling = outside.here() if offline else outside.checks()
    return [*place.checks(subject), *books.checks(subject), *dialling]


__all__ = ["all_checks"]
