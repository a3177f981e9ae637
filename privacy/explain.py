"""A study in plain English, from the very data that will run: what, over whom, what leaves, what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from privacy.computation import Finder
from privacy.contract import Contract
from privacy.feature_words import explained
from privacy.features import FeatureSet
from privacy.observers import apart, known
from privacy.programme import NODES_A_PERSON, Programme
from privacy.study import Study
from privacy.variables import TRANSFORMS, Variable

PEOPLE = {
    "training": "three quarters of the people (the rest are held back for life)",
    "held-back": "the quarter of the people who are held back for life, and never trained on",
    "everyone": "all people in the cohort",
}
BANDS_SPELT = 25


def explain(plan: Programme, finder: Finder, *contracts: Contract) -> str:
    """Return the explanation that an approver reads; every figure comes from the approved plan.

    With the contracts of what it reads, columns are shown with what these say of them, and marked where sensitive.
    """
    study = plan.study
    return "\n\n".join(
        [
            f"{study.title}\n{'=' * len(study.title)}",
            _why(study),
            _what(study, contracts),
            _leaves(plan, finder),
            _cost(plan),
            _cannot(study),
        ]
    )


def _why(study: Study) -> str:
    return "\n".join(
        [
            f"Question:      {study.question}",
            f"Decision:      {study.decision}",
            f"Intended use:  {study.intended_use}",
            f"Purpose:       {study.purpose}",
            f"Legal basis:   {study.legal_basis}",
            f"Asked by:      {study.asked_by}; ends {study.ends}",
            f"Invited:       {', '.join(i.name for i in study.invited)} (at least {study.privacy.quorum} take part)",
            f"Study:         {study.name}, {study.hash}",
        ]
    )


def _what(study: Study, contracts: Sequence[Contract]) -> str:
    contract = contract_of(study.data_set, contracts)
    lines = [f"It reads these columns of {study.data_set}, here, and makes numbers of them:"]
    lines += [f"  - {v.name}: {_column(v, contract)}{spelt(v, study.features)}" for v in study.variables]
    lines += [f"  - of {d.column} only whether there is a value" for d in study.quality]
    if any(v.periods_ahead for v in study.variables):
        lines.append("Rows whose later period is not recorded are left out, and so are people who have no other rows.")
    if study.features:
        lines.append("Features are worked out here first, for each person, from nobody else's rows:")
        lines += [f"  - {line}" for line in explained(study.features, study.data_set, contracts)]
    return "\n".join(lines)


def contract_of(data_set: str, contracts: Sequence[Contract]) -> Contract | None:
    """Return the contract of a data set, if it is among those given."""
    return next((each for each in contracts if each.name == data_set), None)


def _column(v: Variable, contract: Contract | None) -> str:
    """Return what the contract says of a variable's column, for people."""
    known = {column.name: column for column in contract.stored} if contract else {}
    if v.column not in known:
        return ""
    column = known[v.column]
    sensitive = "SENSITIVE: " if column.kind == "sensitive" else ""
    return f"{sensitive}{column.description}; " if column.description else sensitive


def spelt(v: Variable, features: FeatureSet | None = None) -> str:
    """Return in words how a variable is made of its column, or of the feature of that name."""
    of = "feature" if features and features.feature(v.column) else "column"
    when = f", {v.periods_ahead} period(s) later" if v.periods_ahead else ""
    if v.transform == "code":
        return f"{of} {v.column}{when}, {TRANSFORMS[v.transform]}: {'; '.join(v.keys)}"
    if v.transform == "band":
        return f"{of} {v.column}{when}, kept within {v.low:.15g} to {v.high:.15g}; {_bands(v)}"
    how = (
        f"1 when it is at least {v.threshold:.15g}, otherwise 0"
        if v.transform == "at-least"
        else TRANSFORMS[v.transform]
    )
    return f"{of} {v.column}{when}, kept within {v.low:.15g} to {v.high:.15g}, {v.if_missing:.15g} if missing; {how}"


def _bands(v: Variable) -> str:
    """Return the bands, or how many there are where nobody would read them all."""
    listed = "; ".join(v.keys) if len(v.keys) <= BANDS_SPELT else f"{len(v.keys) - 1} bands, and {v.keys[-1]}"
    return f"{TRANSFORMS[v.transform]}: {listed}"


def _leaves(plan: Programme, finder: Finder) -> str:
    privacy = plan.study.privacy
    lines = ["What leaves this node about people is only sums, each with random noise added here:"]
    if privacy.masked:
        lines = [
            "What leaves this node about people is only sums, each with a share of the noise added here, and under a",
            f"mask: nobody can read more than the total of at least {privacy.quorum} nodes:",
        ]
    for step in plan.study.steps:
        computation = finder.find(step.use)
        lines += [f"  {step.name}: {computation.title},", f"    over {PEOPLE[step.people]}."]
        for planned in computation.plan(plan.study.parameters(step)):
            noise = plan.of(step.name, planned.name)[0].mechanism.noise_sd
            lines += [
                f"    - {_times(planned.times, privacy.spares)} {planned.name}, {planned.width} number(s):",
                f"      each person adds {planned.meaning},",
                f"      and moves the sum by at most {planned.clip:g}; the noise's standard deviation is {noise:.3g}.",
            ]
    lines += [
        "  Your node also counts its cohort once, with noise, to refuse if it is too small; that count stays here.",
        *_demanded(plan),
        "  Beside the sums go their receipts (what was paid, which version of the data and of the opt-out list), your",
        "  decision on the study, codes of refusals, and the size and a fingerprint of your audit log.",
    ]
    return "\n".join(lines)


def _demanded(plan: Programme) -> list[str]:
    if not plan.study.quality:
        return []
    drawn = plan.places[0].mechanism
    return [
        f"  In the same look it sums, over people, the share of their rows that have a value ({drawn.width - 1} more",
        f"  number(s); a person moves them all by at most {drawn.clip:.3g}, the noise's standard deviation is",
        f"  {drawn.noise_sd:.3g}), and refuses if they seem to be fewer than the study demands:",
        *(f"    - {demand}" for demand in plan.study.quality),
        "  Of that only the code quality-below-study leaves.",
    ]


def _times(times: int, spares: int) -> str:
    often = "once" if times == 1 else f"{times} times"
    return f"{often} (up to {times + spares} if rounds fail)" if spares else often


def _cost(plan: Programme) -> str:
    privacy = plan.study.privacy
    lines = [
        f"What it costs: each person here spends at most epsilon {privacy.epsilon:g} at delta {privacy.delta:g},",
        "whatever is asked in this study, and whatever anybody knows or does later. The charge is for life.",
    ]
    against = [each for each in known(plan) if each.observer in apart(privacy)]
    for nodes in NODES_A_PERSON:
        where = "this node only" if nodes == 1 else f"{nodes} of the nodes"
        if not privacy.masked:
            (all_,) = against
            proven = f"epsilon {all_.epsilon[nodes]:.2f}, proven (continuous noise: {all_.if_continuous[nodes]:.2f})"
            lines.append(f"  - known to {where}: {proven}")
            continue
        lines.append(f"  - known to {where}, epsilon proven (continuous noise) against")
        lines += [f"      {k.who + ':':<38} {k.epsilon[nodes]:6.2f}  ({k.if_continuous[nodes]:.2f})" for k in against]
    at_worst = f"{sure(privacy.epsilon):.0%}"
    return "\n".join(
        [
            *lines,
            *_whose_noise(plan),
            "In words: somebody who knows everything else, and thinks it as likely as not that a certain person's",
            f"records are here, could at the very worst become {at_worst} sure. The attacks we know come less close.",
            f"With a chance of delta, {privacy.delta:g}, this bound may fail.",
        ]
    )


def _whose_noise(plan: Programme) -> list[str]:
    terms = plan.study.privacy
    if not terms.masked:
        return ["The same holds against the coordinator and everybody else: each node adds all of the noise."]
    return [
        f"Each node adds a share of the noise; at least {terms.honest} honest nodes' shares are in every total. The",
        "last line is what is left of the promise should somebody break the masks: that has its own limit, in the",
        f"study (epsilon_unmasked, {terms.epsilon_unmasked:g}) and in your policy. The words below go by epsilon.",
    ]


def sure(epsilon: float) -> float:
    """Return how sure a doubt of one half can become under epsilon (Bayes' rule; Kasiviswanathan and Smith 2014)."""
    return 1 / (1 + math.exp(-epsilon))


def _cannot(study: Study) -> str:
    return f"""\
What does not leave: no row, pseudonym, identifier, exact count or extreme value. It does not start if the cohort
seems to hold fewer than {study.privacy.minimum_cohort} people.
{_may(study)}"""


def _may(study: Study) -> str:
    if study.privacy.masked:
        return """\
What it may reveal: what is true of people in general, and of the people of all who take part as one group. Masks,
not the noise, hide this organisation's own sums: should they be broken, roughly what is true of its people too."""
    return """\
What it may reveal: what is true of people in general, and roughly of this organisation's people as a group: the
noise hides a person, not an organisation."""


__all__ = ["BANDS_SPELT", "PEOPLE", "contract_of", "explain", "spelt", "sure"]
