"""Run a whole node with one person more and one fewer, and record each mechanism that it calls: are they neighbours?

The idea is of Re:cord-play (PETS 2026): not what was declared counts, but what the code did on neighbouring data. The
same sums, in the same order, of the same mechanism, no further apart than was paid for, and answered alike in all but
noise. With numbers that no store would hold, ``tests/generative/test_neighbours.py`` asks it of each computation alone.
"""

import itertools

import numpy as np
import pytest

from node import sums as node_sums
from node.optouts import load_optouts
from privacy.computation import PACKAGES, Finder
from privacy.private_sum import PrivateSum
from privacy.release import Release
from privacy.software import package_sha256
from tests.approved import FINDER, PEOPLE, approved, rows
from tests.nodes import NOW, nhs_numbers

VARIABLES = [
    {"name": "age", "column": "age", "transform": "unit", "low": 0, "high": 120, "if_missing": 50},
    {"name": "over_sixty", "column": "age", "transform": "at-least", "low": 0, "high": 120, "threshold": 60},
    {"name": "next_sex", "column": "sex", "transform": "at-least", "low": 0, "high": 1, "threshold": 1,
     "periods_ahead": 1},
    {"name": "sex", "column": "sex", "transform": "code", "codes": ["0", "1"]},
    {"name": "age_band", "column": "age", "transform": "band", "low": 0, "high": 120, "edges": [18, 40, 65]},
    {"name": "mean_age", "column": "age", "low": 0, "high": 120},
]  # fmt: skip
RISK = {"features": ["age", "over_sixty"], "outcome": "next_sex", "base_rate": 0.1}
STEPS = [
    {"name": "risk", "use": "linear-risk", "people": "training", "parameters": RISK},
    {"name": "evaluation", "use": "evaluation", "of": "risk", "people": "held-back"},
    {"name": "groups", "use": "tables", "people": "everyone",
     "parameters": {"by": ["sex", "age_band"], "means": ["mean_age"]}},
    {"name": "spread", "use": "distributions", "people": "everyone",
     "parameters": {"by": ["age_band"], "quantiles": [0.5]}},
    {"name": "made-up", "use": "marginals", "people": "everyone",
     "parameters": {"by": ["sex", "age_band"], "rows": [1, 2, 4, 9], "sequence": "sex", "order": "age"}},
    {"name": "tried", "use": "discrimination", "people": "held-back",
     "parameters": {"by": ["sex", "age_band"], "predicted": "sex", "event": ["1"],
                    "points": {"age_band": [0, -30, 80, 120, 5]}, "cuts": [0, 50, 90]}},
]  # fmt: skip
assert {step["use"] for step in STEPS} == set(Finder(*PACKAGES).names()), "a new one belongs here"
ODD = 3  # has five rows, and nothing known in any
EVERYBODY = tuple(range(PEOPLE))
PAIRS = [  # by whom the list of those who may be used has, and the same without one of them
    (EVERYBODY, EVERYBODY[1:]),
    (EVERYBODY, tuple(p for p in EVERYBODY if p != ODD)),
    (EVERYBODY, EVERYBODY[:-1]),
    ((7,), ()),
]
LISTS = list(dict.fromkeys(itertools.chain(*PAIRS)))


class Recorded(PrivateSum):
    """A private sum that notes what it was declared to be, and what it was before its noise."""

    made: list

    def __init__(self, mechanism):
        super().__init__(mechanism)
        self.made.append([mechanism, None])
        self._place = len(self.made) - 1

    def noised(self, *noise):
        self.made[self._place][1] = self._sum.copy()
        return super().noised(*noise)


def records():
    lines = [line for line in rows().split("\n") if f",L{ODD}," not in line]
    return "\n".join([*lines, *(f"{nhs_numbers(PEOPLE)[ODD]},L{ODD},{year},,1," for year in range(1, 6))])


def allow(here, tmp_path, who):
    numbers = nhs_numbers(PEOPLE + 1)
    (tmp_path / "allowed.txt").write_text("\n".join([numbers[PEOPLE], *(numbers[p] for p in who)]))
    data = {"store": here.node.store, "keystore": here.node.keystore, "now": NOW, "allow_test_numbers": True}
    load_optouts(file=tmp_path / "allowed.txt", as_of=NOW.date(), **data)


def state_of(place):
    return {name: np.linspace(-1, 1, int(np.prod(shape))).reshape(shape) for name, shape in place.state.items()}


def asked_with(here, tmp_path, monkeypatch, lists):
    """Return for each list of people what the node recorded and answered, at a place of every sum of the plan."""
    sums = list(dict.fromkeys((place.step, place.sum) for place in here.plan.places[1:]))
    found = {}
    for i, who in enumerate(lists):
        allow(here, tmp_path, who)
        monkeypatch.setattr(Recorded, "made", [], raising=False)
        monkeypatch.setattr(node_sums, "PrivateSum", Recorded)
        places = [here.plan.of(*each)[i] for each in sums]
        answers = [here.ask(place.index, state_of(place)) for place in places]
        found[who] = (Recorded.made, answers, [place.mechanism for place in places])
    return found


def faults(one, other):
    """Say what tells two runs apart that were given neighbouring data."""
    (made, answers, planned), (made_too, answers_too, _) = one, other
    if [type(a) for a in answers] != [type(a) for a in answers_too]:
        yield "one is answered and the other refused"
    if [mechanism for mechanism, _ in made] != planned or [m for m, _ in made_too] != planned:
        yield "other mechanisms, or another order, than were planned"
    for (mechanism, here), (_, there) in zip(made, made_too, strict=False):
        if here is None or there is None:
            yield "a sum that was not taken"
        elif sum(int(n) ** 2 for n in (here - there).view(np.int64)) > mechanism.clip_units**2:
            yield "a person moves a sum by more than was paid for"
    sizes = [[len(getattr(a, "content", b"")) for a in each] for each in (answers, answers_too)]
    if sizes[0] != sizes[1]:
        yield "answers of another length"


def test_with_one_person_more_or_fewer_a_node_does_and_says_the_same(tmp_path, monkeypatch):
    versions = {step["use"]: FINDER.find(step["use"]).version for step in STEPS}
    said = {"variables": VARIABLES, "steps": STEPS, "privacy": {"spares": len(LISTS) - 1, "epsilon": 3.0}}
    said["software"] = {"package": package_sha256(), "computations": versions}
    here = approved(tmp_path, records=records(), use="linear-risk", **said)
    found = asked_with(here, tmp_path, monkeypatch, LISTS)
    for some, fewer in PAIRS:
        assert list(faults(found[some], found[fewer])) == []
        assert all(isinstance(answer, Release) for answer in found[some][1])
    made, fewer = found[EVERYBODY][0], found[EVERYBODY[1:]][0]
    assert any((a != b).any() for (_, a), (_, b) in zip(made, fewer, strict=True))  # the person did count


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ("head-count", []),
        ("leaning", ["a person moves a sum by more than was paid for"]),
        ("fussy", ["one is answered and the other refused", "a sum that was not taken", "answers of another length"]),
    ],
)
def test_control_what_leans_on_others_or_fails_for_somebody_is_told_apart(tmp_path, monkeypatch, use, told):
    """One person alone is over sixty, and the list without them is the neighbour."""
    young = [line.replace(f",{30 + i // 2 % 50},", ",50,") for i, line in enumerate(rows().split("\n")[1:])]
    lines = [rows().split("\n")[0], *(line.replace(",50,", ",99,") if ",L0," in line else line for line in young)]
    steps = [{"name": "heads", "use": use, "people": "everyone", "parameters": {"times": 3}}]
    here = approved(tmp_path, records="\n".join(lines), use=use, steps=steps)
    with_them, without = EVERYBODY, EVERYBODY[1:]
    found = asked_with(here, tmp_path, monkeypatch, [with_them, without])
    assert list(faults(found[with_them], found[without])) == told
