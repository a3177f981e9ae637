"""Whatever is reserved, charged, answered, freed and merged, in whatever order: the books hold and can be recounted."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from node.allocations import Allocation, shares_of
from privacy.errors import Refusal
from privacy.ledger import costs_in_all
from privacy.recount import recount
from privacy.terms import MASKED
from tests.builders import NOW, books, plan_of, reopened, small_study

TERMS = {"masking": MASKED, "quorum": 3, "colluders": 1, "epsilon_unmasked": 6.0}
PLANS = [
    plan_of(small_study(name=f"study-{n}", purpose=purpose, privacy={"epsilon": epsilon, "delta": 1e-5, **terms}))
    for n, (purpose, epsilon, terms) in enumerate(
        [
            ("research", 1.0, {"quorum": 2}),
            ("research", 2.0, TERMS),
            ("planning", 1.5, TERMS),
            ("testing", 1.0, {"quorum": 2}),
        ]
    )
]
LARGEST = max(units for plan in PLANS for units in costs_in_all(plan).values())
which = st.integers(0, len(PLANS) - 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), which),
        st.tuples(st.just("free"), which),
        st.tuples(st.just("charge"), which, st.integers(0, 6)),
        st.tuples(st.just("answer"), which, st.integers(0, 6)),
        st.tuples(st.just("reopen"), st.none()),
    ),
    max_size=40,
)


def take(kept, step, shares):
    """Do one step; a refusal changes nothing."""
    what, number, *more = step
    if what == "reopen":
        return
    plan = PLANS[number]
    if what in ("reserve", "free"):
        with kept.database.transaction() as connection:
            if what == "reserve":
                kept.ledger.reserve(connection, plan, at=NOW, shares=shares)
            else:
                kept.ledger.reservations.free(connection, plan.study.hash, NOW)
        return
    place = plan.places[more[0] % len(plan.places)]
    charge = kept.ledger.charge(plan.study.hash, place, "a", at=NOW)
    if what == "answer" and charge.released is None:
        kept.ledger.settle(charge, np.zeros(place.mechanism.width, np.uint64), data=("d@1",), optouts="today")


def refused(kept, step, shares):
    """Do one step and say whether there was no room for it; any other refusal is a fault."""
    try:
        take(kept, step, shares)
    except Refusal as error:
        if error.code not in {"budget-too-small", "budget-exhausted", "purpose-spent"}:
            raise
        return True
    return False


def holds(kept):
    """Hold accounts, reservations and charges against each other, the log, and a count by other code."""
    kept.ledger.verify(kept.ceilings)
    counts = recount(kept.audit.events())
    for charge in kept.ledger.charges():
        plan = next(p for p in PLANS if p.study.hash == charge["study"])
        assert charge["cost"] == plan.places[charge["place"]].mechanism.cost
    for account in kept.ledger.accounts():
        assert account.spent + account.reserved <= account.ceiling
        assert counts[account.part, account.view].units == account.spent
    for held in kept.ledger.reservations.all():
        plan = next(p for p in PLANS if p.study.hash == held.study)
        assert held.units <= costs_in_all(plan)[held.part, held.view]


@settings(max_examples=60, deadline=None)
@given(steps, st.floats(0.3, 3.0), st.sampled_from([(), (0.4,), (0.3, 0.3)]))
def test_the_books_hold_whatever_happens(script, room, parts):
    with tempfile.TemporaryDirectory() as name:
        kept = books(Path(name), ceiling=int(room * LARGEST))
        allocations = [
            Allocation(purpose, share) for purpose, share in zip(("research", "planning"), parts, strict=False)
        ]
        shares = shares_of(allocations, kept.ceilings)
        for step in script:
            before = kept.ledger.accounts(), kept.audit.size
            if refused(kept, step, shares):
                assert (kept.ledger.accounts(), kept.audit.size) == before
            if step[0] == "reopen":
                kept.database.close()
                kept = reopened(kept)
        holds(kept)
        kept.audit.verify()
        kept.database.close()


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(len(PLANS))), st.data())
def test_who_was_reserved_for_can_always_be_paid_to_the_end(order, data):
    with tempfile.TemporaryDirectory() as name:
        kept = books(Path(name), ceiling=int(data.draw(st.floats(0.5, 3.0)) * LARGEST))
        promised = {PLANS[number].study.hash for number in order if not refused(kept, ("reserve", number), {})}
        wanted = [(p.study.hash, place) for p in PLANS for place in p.places]
        for study, place in data.draw(st.permutations(wanted)):
            try:
                kept.ledger.charge(study, place, "a", at=NOW)
            except Refusal:
                assert study not in promised
        holds(kept)
        kept.database.close()
