"""Time in the log never runs back: a clock that does is refused, a pause never is, two people can set it right."""

import datetime

import numpy as np
import pytest

from node.people import open_key
from node.timekeeping import accept_clock
from privacy.errors import HedgerowError
from privacy.release import Notice, Release
from tests.approved import PASSPHRASE, approved
from tests.builders import a_place, books, plan_of, small_study
from tests.nodes import NOW

ROUND = {"round": np.array([0.0])}
MINUTE = datetime.timedelta(minutes=1)


def at(minutes):
    return (NOW + minutes * MINUTE).isoformat(timespec="seconds")


def append(kept, minutes, **more):
    with kept.database.transaction() as connection:
        kept.audit.append(connection, "loaded", {}, at=at(minutes), **more)


def times(log):
    return [event["at"] for event in log.events()]


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


def test_five_minutes_are_forgiven_and_the_log_keeps_its_order(tmp_path):
    kept = books(tmp_path)
    for minutes in (0, 10, 5, 11):
        append(kept, minutes)
    assert times(kept.audit) == [at(0), at(10), at(10), at(11)]
    assert code_of(lambda: append(kept, 5.9)) == "clock-behind"
    assert times(kept.audit)[-1] == at(11)


def test_small_steps_back_do_not_add_up(tmp_path):
    kept = books(tmp_path)
    append(kept, 0)
    append(kept, -4)
    assert code_of(lambda: append(kept, -8)) == "clock-behind"


@pytest.fixture
def here(tmp_path):
    held = approved(tmp_path)
    held.clock = NOW
    for part in (held.node, held.node.sums, held.node.door):
        part.__dict__["_now" if part is held.node.sums else "now"] = lambda: held.clock
    return held


def spent(here):
    return sum(account.spent for account in here.node.ledger.accounts())


@pytest.mark.parametrize(
    ("back", "code"), [(6 * MINUTE, "clock-behind"), (datetime.timedelta(days=30), "optouts-stale")]
)
def test_a_clock_that_went_back_charges_nothing_and_answers_with_its_code(here, back, code):
    given, before = here.ask(2, ROUND), spent(here)
    here.clock = NOW - back
    answer = here.ask(1, ROUND)
    assert isinstance(answer, Notice)
    assert answer.code == code  # a list of opt-outs from the future is none that a node may go by
    assert spent(here) == before
    here.clock = NOW
    assert here.ask(2, ROUND) == given
    assert spent(here) == before
    here.clock = NOW - 4 * MINUTE  # the control: within what is forgiven
    assert isinstance(here.ask(1, ROUND), Release)


def test_a_pause_always_works(here):
    register = here.node.governance.register
    register.pause(at=at(-600))
    assert register.paused
    assert code_of(lambda: register.resume(at=at(-600))) == "clock-behind"
    assert register.paused
    here.node.verify()
    register.resume(at=at(1))
    assert not register.paused


def test_a_long_computation_is_stored_though_others_wrote_meanwhile(here):
    plan, place = here.plan, here.plan.places[1]
    charge = here.node.sums.charge(plan, place, "sha256:" + "0" * 64)
    here.node.governance.register.pause(at=at(30))
    here.node.governance.register.resume(at=at(31))
    release = here.node.sums.compute(plan, charge, ROUND)
    assert isinstance(release, Release)
    assert times(here.node.audit) == sorted(times(here.node.audit))
    here.node.verify()


def keys(here, *names):
    directory = here.node.home.with_name("keys")
    return {name: open_key(directory / f"{name}.key", PASSPHRASE, home=here.node.home) for name in names}


def accept(here, *names):
    node = here.node
    who = keys(here, *names)
    return accept_clock(node.database, node.audit, node.policy, who, node=node.fingerprint, now=here.clock)


def test_two_people_set_back_what_a_clock_that_ran_ahead_wrote(here):
    here.clock = NOW + datetime.timedelta(days=400)
    here.node.governance.register.pause(at=here.clock.isoformat())
    here.node.governance.register.resume(at=here.clock.isoformat())
    here.clock = NOW + MINUTE
    assert here.ask(1, ROUND).code == "clock-behind"
    assert code_of(lambda: accept(here, "ada")) == "same-person-twice"
    assert accept(here, "ada", "ben").now == at(1)
    assert isinstance(here.ask(1, ROUND), Release)
    newest = here.node.audit.events()[-4]
    assert newest["event"] == "clock-accepted"
    assert sorted(newest["facts"]["signatures"]) == ["ada", "ben"]
    here.node.verify()


def test_a_clock_that_is_not_behind_has_nothing_to_be_accepted(here):
    here.clock = NOW + 10 * MINUTE
    assert code_of(lambda: accept(here, "ada", "ben")) == "clock-not-behind"


def test_thirty_days_back_nothing_is_charged_set_aside_or_freed_and_what_was_paid_is_still_given(tmp_path):
    kept, back = books(tmp_path), (NOW - datetime.timedelta(days=30)).isoformat()
    charge = kept.ledger.charge("study", a_place(1), "a", at=NOW.isoformat())
    release = kept.ledger.settle(charge, np.zeros(3, np.uint64), data=("d@1",), optouts="today")
    before = kept.ledger.accounts()
    assert code_of(lambda: kept.ledger.charge("study", a_place(2), "a", at=back)) == "clock-behind"
    assert code_of(lambda: reserve(kept, plan_of(small_study()), back)) == "clock-behind"
    assert kept.ledger.charge("study", a_place(1), "a", at=back).released == release
    assert kept.ledger.accounts() == before
    assert len(kept.ledger.charge("study", a_place(2), "a", at=NOW.isoformat()).at) > 0
    kept.ledger.verify(kept.ceilings)


def reserve(kept, plan, now):
    with kept.database.transaction() as connection:
        kept.ledger.reserve(connection, plan, at=now)
