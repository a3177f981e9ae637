"""What to make: how many people, where, from which seed, over which years, and what is planted among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Literal

from privacy.columns import days_of
from privacy.errors import Invalid
from synthetic.geography import places

MOST_PEOPLE = 60_000_000  # England, and as many made-up NHS numbers as there is need for
MOST_YEARS = 10  # of history
DEFAULT_INDEX = date(2025, 4, 1)
Group = Literal["most-deprived", "asian", "black", "minority-ethnic"]
GROUPS: tuple[Group, ...] = ("most-deprived", "asian", "black", "minority-ethnic")


@dataclass(frozen=True)
class Inequality:
    """A planted inequality: of a group's needs only a part is recorded, or of its contacts only a part is had."""

    group: Group
    recorded: float = 1.0
    served: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A population and its years; the same recipe gives the same bytes.

    ``history_years`` lie before ``index_date`` and one year of follow-up behind it. ``unseen`` is the standard
    deviation of what no record shows of a person's log risk. ``intervention`` is the part of those who could have it to
    whom it is offered. What cannot be is ``recipe-malformed``, all faults at once.
    """

    people: int = 100_000
    seed: int = 1
    place: str = "blmk"
    index_date: date = DEFAULT_INDEX
    history_years: int = 3
    unseen: float = 0.0
    inequality: Inequality | None = None
    intervention: float = 0.0

    def __post_init__(self) -> None:
        if faults := list(self._faults()):
            raise Invalid("recipe-malformed", faults=faults)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Recipe:
        """Return the recipe that plain data describes, days as ISO 8601; ``recipe-malformed`` where there is none."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(document) - known):
            raise Invalid("recipe-malformed", faults=[f"{name}: is not known" for name in unknown])
        given = dict(document)
        try:
            if isinstance(given.get("index_date"), str):
                given["index_date"] = date.fromisoformat(given["index_date"])
            if given.get("inequality") is not None:
                given["inequality"] = Inequality(**given["inequality"])
            return cls(**given)
        except (TypeError, ValueError) as error:
            raise Invalid("recipe-malformed", faults=["a field is not of its kind"]) from error

    def document(self) -> dict[str, Any]:
        """Return it as plain data, every field said."""
        return {**asdict(self), "index_date": self.index_date.isoformat()}

    @property
    def index_day(self) -> int:
        """Return the index date as days since 1970-01-01."""
        return int(days_of(self.index_date))

    def _faults(self) -> Iterator[str]:
        yield from _size_faults(self.people, self.seed)
        if self.place not in places():
            yield "place: one of those that `hedgerow-synthetic list --places` prints, such as blmk or england"
        if not date(2005, 1, 1) <= self.index_date <= date(2050, 1, 1):
            yield "index_date: from 2005-01-01 to 2050-01-01"
        if not 1 <= self.history_years <= MOST_YEARS:
            yield f"history_years: from 1 to {MOST_YEARS}"
        if not 0 <= self.unseen <= 2:
            yield "unseen: from 0 to 2"
        if not 0 <= self.intervention <= 1:
            yield "intervention: from 0 to 1"
        if self.inequality is not None:
            if self.inequality.group not in GROUPS:
                yield f"inequality.group: one of {', '.join(GROUPS)}"
            if not (0 < self.inequality.recorded <= 1 and 0 < self.inequality.served <= 1):
                yield "inequality: recorded and served are above 0 and at most 1"


def check_size(people: int, seed: int) -> None:
    """Refuse a number of people, or a seed, that no data set can have: ``recipe-malformed``."""
    if faults := list(_size_faults(people, seed)):
        raise Invalid("recipe-malformed", faults=faults)


def _size_faults(people: int, seed: int) -> Iterator[str]:
    if not 1 <= people <= MOST_PEOPLE:
        yield f"people: from 1 to {MOST_PEOPLE:,}"
    if not 0 <= seed < 2**63:
        yield "seed: from 0 to 2^63 - 1"


__all__ = ["DEFAULT_INDEX", "GROUPS", "MOST_PEOPLE", "MOST_YEARS", "Group", "Inequality", "Recipe", "check_size"]
