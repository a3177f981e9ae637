"""How do two studies differ, field by field, in words; which differences matter for privacy; and what do they cost?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from coordinator.pricing import Price, price_of
from privacy.computation import Finder
from privacy.defaulted import defaulted
from privacy.explain import spelt
from privacy.feature_words import explained
from privacy.observers import known_to
from privacy.study import Step, Study
from privacy.terms import WITH_MASKS

NOT_THERE = "–"
WEAKER, STRONGER, OTHER = "weaker", "stronger", "matters"
HEAD: Mapping[str, str] = {
    "name": "name",
    "title": "title",
    "question": "question",
    "decision": "decision it informs",
    "intended_use": "intended use",
    "purpose": "purpose",
    "legal_basis": "legal basis",
    "asked_by": "who asks",
    "ends": "last day",
    "data_set": "data set",
}
HEAD_THAT_MATTERS = {"purpose", "legal_basis", "intended_use", "asked_by", "ends", "data_set"}
# What a higher value does to a person's protection.
TERMS: Mapping[str, tuple[str, str]] = {
    "epsilon": ("epsilon, what each person spends at most", WEAKER),
    "delta": ("delta, the chance that the bound fails", WEAKER),
    "quorum": ("quorum, least number of nodes in a sum", STRONGER),
    "spares": ("spares, extra places for each sum", OTHER),
    "minimum_cohort": ("minimum cohort at a node", STRONGER),
    "unit": ("unit of privacy", OTHER),
    "masking": ("masking of sums", OTHER),
    "colluders": ("colluders, nodes that may work together", STRONGER),
    "epsilon_unmasked": ("epsilon against the coordinator if masks were broken", WEAKER),
}


@dataclass(frozen=True)
class Difference:
    """One field that differs; ``privacy`` is empty, or says ``weaker``, ``stronger`` or ``matters``."""

    what: str
    before: str
    after: str
    privacy: str


@dataclass(frozen=True)
class Figure:
    """One figure of the price; None where a study has no such sum."""

    what: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Comparison:
    """Two studies by name, all their differences, and their prices side by side."""

    before: str
    after: str
    differences: tuple[Difference, ...]
    price: tuple[Figure, ...]


def compare(before: Study, after: Study, finder: Finder) -> Comparison:
    """Return how two studies differ: a default that only one writes out is no difference.

    Software counts only where both were submitted: a draft has none yet.
    """
    differences = tuple(_differences(defaulted(before, finder), defaulted(after, finder)))
    price = tuple(_price(price_of(before, finder), price_of(after, finder)))
    alike = before.name == after.name
    first, second = (f"{s.name} ({i})" if alike else s.name for i, s in enumerate((before, after), start=1))
    return Comparison(first, second, differences, price)


def _differences(before: Study, after: Study) -> Iterator[Difference]:
    for name, what in HEAD.items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Difference(what, old, new, OTHER if name in HEAD_THAT_MATTERS else "")
    for name, (what, when_higher) in TERMS.items():
        old, new = getattr(before.privacy, name), getattr(after.privacy, name)
        if old != new:
            first, second = (_said(v) if v or name not in WITH_MASKS else NOT_THERE for v in (old, new))
            direction = OTHER if NOT_THERE in (first, second) else _direction(old, new, when_higher)
            yield Difference(what, first, second, direction)
    yield from _listed("variable", *({v.name: spelt(v, s.features) for v in s.variables} for s in (before, after)))
    yield from _listed(
        "index", *({"date": s.features.index_date.isoformat()} if s.features else {} for s in (before, after))
    )
    yield from _listed("of the features:", _features(before, before), _features(after, before))
    yield from _listed("quality", *({d.column: str(d) for d in study.quality} for study in (before, after)))
    yield from _steps(before.steps, after.steps)
    yield from _listed("invited", _invited(before), _invited(after))
    if before.software and after.software and before.software != after.software:
        yield Difference("software", before.software.package, after.software.package, OTHER)


def _direction(old: object, new: object, when_higher: str) -> str:
    if when_higher == OTHER or not isinstance(old, int | float) or not isinstance(new, int | float):
        return OTHER
    return when_higher if new > old else {WEAKER: STRONGER, STRONGER: WEAKER}[when_higher]


def _listed(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, NOT_THERE), after.get(name, NOT_THERE)
        if old != new:
            yield Difference(f"{what} {name}", old, new, OTHER)


def _features(study: Study, dated_as: Study) -> dict[str, str]:
    """Return each feature in words, and each code list with its hash; in the other's days, else all would differ."""
    declared = study.features
    if declared is None:
        return {}
    index_date = dated_as.features.index_date if dated_as.features else declared.index_date
    return dict(line.split(": ", 1) for line in explained(replace(declared, index_date=index_date)))


def _invited(study: Study) -> dict[str, str]:
    """Return whom a study invites by fingerprint: a node is its key, whatever it is called."""
    return {f"{i.name} {i.fingerprint[:12]}": i.fingerprint for i in study.invited}


def _steps(before: Sequence[Step], after: Sequence[Step]) -> Iterator[Difference]:
    old, new = {s.name: _fields(s) for s in before}, {s.name: _fields(s) for s in after}
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new:
            there = old.get(name) or new.get(name) or {}
            said = f"{there['use']} on {there['people']}"
            yield Difference(f"step {name}", *((said, NOT_THERE) if name in old else (NOT_THERE, said)), OTHER)
            continue
        yield from _parameters(f"step {name}", old[name], new[name])
    if [n for n in old if n in new] != [n for n in new if n in old]:
        yield Difference("order of the steps", ", ".join(old), ", ".join(new), OTHER)


def _parameters(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs; of two lists only what the other has not, since the rest would hide it."""
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, NOT_THERE), after.get(name, NOT_THERE)
        if old == new:
            continue
        if isinstance(old, list | tuple) and isinstance(new, list | tuple):
            only = [[each for each in a if each not in b] for a, b in ((old, new), (new, old))]
            said = [f"also {_said(each)}" if each else "without these" for each in only]
            old, new = said if any(only) else (_said(old), _said(new))
        yield Difference(f"{where}: {name}", _said(old), _said(new), OTHER)


def _fields(step: Step) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(step).items() if name not in {"name", "parameters"}}
    return {**fields, **step.parameters}


def _said(value: Any) -> str:  # noqa: ANN401 - whatever a parameter holds
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _price(before: Price, after: Price) -> Iterator[Figure]:
    yield Figure("epsilon proven", before.epsilon, after.epsilon)
    old_known, new_known = (price.epsilon_against["colluders"] for price in (before, after))
    yield from (Figure(known_to(n), old_known[n], new_known[n]) for n in old_known if n > 1)
    broken = [price.epsilon_against["coordinator"][1] for price in (before, after)]
    if broken != [before.epsilon, after.epsilon]:
        yield Figure("epsilon if masks were broken", *broken)
    yield Figure("sums", len(before.lines) - 1, len(after.lines) - 1)
    yield Figure("numbers that leave", _numbers(before), _numbers(after))
    old, new = ({line.sum: line.total_noise_sd for line in price.lines[1:]} for price in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Figure(f"noise sd of a quorum's {name}", old.get(name), new.get(name))


def _numbers(price: Price) -> int:
    return sum(line.width for line in price.lines[1:])


__all__ = [
    "HEAD", "HEAD_THAT_MATTERS", "NOT_THERE", "OTHER", "STRONGER", "TERMS", "WEAKER", "Comparison", "Difference",
    "Figure", "compare",
]  # fmt: skip
