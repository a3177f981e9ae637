"""Who could learn how much: the epsilon proven against each who looks, for a person known to one node or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from privacy import accountant
from privacy.programme import NODES_A_PERSON, OBSERVERS, Observer, Programme
from privacy.terms import PrivacyTerms


@dataclass(frozen=True)
class Known:
    """What one observer could learn of a person, by the number of nodes that know the person.

    ``epsilon`` is proven for the noise that is drawn; ``if_continuous`` is that of a Gaussian, for comparison only.
    """

    observer: Observer
    who: str
    epsilon: Mapping[int, float]
    if_continuous: Mapping[int, float]


def known(plan: Programme) -> tuple[Known, ...]:
    """Return what each observer could learn, from who learns least; without masks that is the same for all."""
    delta, found = plan.study.privacy.delta, []
    for observer in OBSERVERS:
        units = {m: plan.cost_at(m, observer) for m in NODES_A_PERSON}
        proven = {m: accountant.epsilon(u, delta) for m, u in units.items()}
        continuous = {m: accountant.epsilon_if_continuous(u, delta) for m, u in units.items()}
        found.append(Known(observer, who(observer, plan.study.privacy), proven, continuous))
    return tuple(found)


def known_to(nodes: int | str) -> str:
    """Return in words how many nodes know a person, as tables head their columns."""
    return f"known to {nodes} node{'s' if int(nodes) > 1 else ''}"


def apart(terms: PrivacyTerms) -> tuple[Observer, ...]:
    """Return the observers whose epsilons differ: without masks anybody can learn what the coordinator can."""
    return tuple(OBSERVERS) if terms.masked else ("coordinator",)


def who(observer: Observer, terms: PrivacyTerms) -> str:
    """Return in words who looks."""
    if not terms.masked:
        return "anybody, the coordinator too"
    return {
        "outsider": "who sees the totals",
        "participant": "a node in the study",
        "colluders": f"the coordinator with {terms.colluders} node{'s' if terms.colluders > 1 else ''}",
        "coordinator": "the coordinator, if masks were broken",
    }[observer]


__all__ = ["Known", "apart", "known", "known_to", "who"]
