"""After any sequence of charges and merges, no account is below what any single person could have spent."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.computation import PARTS
from privacy.spending import CHARGED, MERGED, VIEWS, combined, read_spending, replayed, spending_document

LEDGERS = 4
NOTHING = dict.fromkeys(itertools.product(PARTS["everyone"], VIEWS), 0)

charges = st.tuples(
    st.just("charge"), st.integers(0, LEDGERS - 1), st.sampled_from(sorted(PARTS)), st.integers(1, 10**12)
)
merges = st.tuples(st.just("merge"), st.integers(0, LEDGERS - 1), st.integers(0, LEDGERS - 1), st.booleans())


class World:
    """Some ledgers, and everybody who may be in any set of them: each pays for what is charged where they are."""

    def __init__(self, rule=combined):
        self.rule = rule
        self.events = [[] for _ in range(LEDGERS)]
        self.open = [True] * LEDGERS
        homes = [set(c) for n in range(1, LEDGERS + 1) for c in itertools.combinations(range(LEDGERS), n)]
        self.people = [[home, part, 0] for home in homes for part in PARTS["everyone"]]

    def charge(self, ledger, people, cost):
        if self.open[ledger]:
            self.events[ledger].append({"event": CHARGED, "facts": {"people": people, "cost": cost}})
            for person in self.people:
                if ledger in person[0] and person[1] in PARTS[people]:
                    person[2] += cost

    def merge(self, into, source, overlap):
        if into == source or not (self.open[into] and self.open[source]):
            return
        if not overlap:  # the people at the desk said that nobody is in both, and it is so
            self.people = [p for p in self.people if not {into, source} <= p[0]]
        spent = spending_document(replayed(self.events[source]))
        populations = "overlapping" if overlap else "disjoint"
        self.events[into].append({"event": MERGED, "facts": {"populations": populations, "spent": spent}})
        self.open[source] = False
        for person in self.people:
            if source in person[0]:
                person[0] = (person[0] - {source}) | {into}

    def run(self, acts):
        for kind, *arguments in acts:
            getattr(self, kind)(*arguments)
        return self

    def undercounted(self):
        spent = [replayed(events) for events in self.events]
        return [
            (home, part, paid)
            for home, part, paid in self.people
            # what was paid at several ledgers still apart is paid to each of them: no one account holds it all
            if len(home) == 1 and any(spent[ledger][part, view] < paid for ledger in home for view in VIEWS)
        ]


@given(st.lists(charges | merges, max_size=40))
def test_no_account_is_below_what_one_person_could_have_spent(acts):
    assert World().run(acts).undercounted() == []


def test_control_the_larger_of_overlapping_ledgers_undercounts(monkeypatch):
    def larger(own, other, _populations):
        return {key: max(own[key], other[key]) for key in own}

    monkeypatch.setattr("privacy.spending.combined", larger)
    acts = [("charge", 0, "training", 3), ("charge", 1, "training", 4), ("merge", 0, 1, True)]
    assert World().run(acts).undercounted() == [({0}, "training", 7)]


@given(st.lists(st.integers(0, 2**50), min_size=4, max_size=4), st.lists(st.integers(0, 2**50), min_size=4, max_size=4))
def test_both_rules_lose_nothing_and_disjoint_counts_no_more_than_overlapping(one, two):
    a, b = (dict(zip(NOTHING, values, strict=True)) for values in (one, two))
    for key in NOTHING:
        assert max(a[key], b[key]) == combined(a, b, "disjoint")[key] <= combined(a, b, "overlapping")[key]
    assert combined(a, NOTHING, "disjoint") == combined(a, NOTHING, "overlapping") == a
    assert read_spending(spending_document(a)) == a


@pytest.mark.parametrize("populations", ["disjoint", "overlapping"])
def test_an_empty_ledger_takes_another_over_as_it_stands(populations):
    spent = {key: i + 1 for i, key in enumerate(NOTHING)}
    assert combined(NOTHING, spent, populations) == spent
