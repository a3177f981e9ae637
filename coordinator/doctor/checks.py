"""The list of all that ``doctor`` asks of a coordinator."""

from __future__ import annotations

from coordinator.doctor import place, work
from coordinator.doctor.subject import Subject
from privacy.health import Check


def all_checks(subject: Subject) -> list[Check]:
    """Return every check, those that explain others first."""
    return [*place.checks(subject), *work.checks(subject)]


__all__ = ["all_checks"]
