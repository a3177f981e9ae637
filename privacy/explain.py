"""A study in plain English, from the very data that will run: what, over whom, what leaves, what it costs."""

from __future__ import annotations

from privacy import accountant
from privacy.computation import Finder
from privacy.programme import NODES_A_PERSON, Programme
from privacy.study import TRANSFORMS, Study, Variable

PEOPLE = {
    "training": "three quarters of the people (the rest are held back for life)",
    "held-back": "the quarter of the people who are held back for life, and never trained on",
    "everyone": "all people in the cohort",
}


def explain(plan: Programme, finder: Finder) -> str:
    """Return the explanation that an approver reads; every figure comes from the approved plan."""
    study = plan.study
    return "\n\n".join(
        [
            f"{study.title}\n{'=' * len(study.title)}",
            _why(study),
            _what(study),
            _leaves(plan, finder),
            _cost(plan),
            _cannot(study),
        ]
    )


def cost_lines(plan: Programme) -> list[tuple[int, float, float]]:
    """Return, for a person known to 1, 2 and 3 nodes, the epsilon proven, and the continuous-Gaussian one beside it."""
    delta = plan.study.privacy.delta
    units = {m: plan.cost_at(m) for m in NODES_A_PERSON}
    return [(m, accountant.epsilon(u, delta), accountant.epsilon_if_continuous(u, delta)) for m, u in units.items()]


def _why(study: Study) -> str:
    return "\n".join(
        [
            f"Question:      {study.question}",
            f"Decision:      {study.decision}",
            f"Intended use:  {study.intended_use}",
            f"Purpose:       {study.purpose} ({study.legal_basis})",
            f"Asked by:      {study.asked_by}; ends {study.ends}",
            f"Invited:       {', '.join(i.name for i in study.invited)} (at least {study.privacy.quorum} take part)",
            f"Study:         {study.name}, {study.hash}",
        ]
    )


def _what(study: Study) -> str:
    lines = [f"It reads these columns of {study.data_set}, here, and makes numbers of them:"]
    lines += [f"  - {v.name}: {_variable(v)}" for v in study.variables]
    return "\n".join(lines)


def _variable(v: Variable) -> str:
    when = f", {v.periods_ahead} period(s) later" if v.periods_ahead else ""
    how = (
        f"1 when it is at least {v.threshold:g}, otherwise 0" if v.transform == "at-least" else TRANSFORMS[v.transform]
    )
    return f"column {v.column}{when}, kept within {v.low:g} to {v.high:g}, {v.if_missing:g} if missing; {how}"


def _leaves(plan: Programme, finder: Finder) -> str:
    lines = ["What leaves this node is only sums over people, each with random noise added here:"]
    for step in plan.study.steps:
        computation = finder.find(step.use)
        lines += [f"  {step.name}: {computation.title},", f"    over {PEOPLE[step.people]}."]
        for planned in computation.plan(plan.study.parameters(step)):
            noise = plan.of(step.name, planned.name)[0].mechanism.noise_sd
            lines += [
                f"    - {_times(planned.times)} {planned.name}, {planned.width} number(s):",
                f"      each person adds {planned.meaning},",
                f"      and moves the sum by at most {planned.clip:g}; the noise's standard deviation is {noise:.3g}.",
            ]
    lines.append("  Your node also counts its cohort once, with noise, to refuse if it is too small; that stays here.")
    return "\n".join(lines)


def _times(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def _cost(plan: Programme) -> str:
    privacy = plan.study.privacy
    lines = [
        f"What it costs: each person here spends at most epsilon {privacy.epsilon:g} at delta {privacy.delta:g},",
        "whatever is asked in this study, and whatever anybody knows or does later. The charge is for life.",
    ]
    for nodes, proven, continuous in cost_lines(plan):
        where = "this node only" if nodes == 1 else f"{nodes} of the nodes"
        lines.append(f"  - known to {where}: epsilon {proven:.2f}, proven (continuous noise: {continuous:.2f})")
    lines.append("The same holds against the coordinator and everybody else: each node adds all of the noise.")
    return "\n".join(lines)


def _cannot(study: Study) -> str:
    return f"""\
What it cannot reveal: no row, pseudonym, identifier, exact count or extreme value leaves, and nobody can tell
with confidence whether any one person's records were here. It does not start if the cohort seems to hold
fewer than {study.privacy.minimum_cohort} people.
What it may reveal: what is true of people in general, and roughly of this organisation's people as a group: the
noise hides a person, not an organisation."""


__all__ = ["PEOPLE", "cost_lines", "explain"]
