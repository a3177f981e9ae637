"""Thirty-two clients at once, also with some of them killed: nothing lost, uncharged, overspent or charged twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from privacy.recount import recount
from privacy.release import Release
from tests.approved import approved
from tests.recovery import charging, clients
from tests.recovery.disk_calls import ROOT

CLIENTS, ROOM = 32, 70  # of the 102 places that they ask for, as many as fit
COST = charging.place(1).mechanism.cost


def begun(folder):
    """Open the accounts, start the clients, and return them once all are ready."""
    books, database, _ = charging.opened(folder)
    with closing(database), database.transaction() as connection:
        books.open_accounts(connection, {"outside": ROOM * COST, "coordinator": ROOM * COST})
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, str(Path(clients.__file__)), str(folder), str(number)],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(CLIENTS)
    ]
    for each in started:
        assert each.stdout.readline() == "ready\n"
    return started


def ended(started):
    """Return what each client said before it ended."""
    said = []
    for each in started:
        with each:
            said.append([line.split() for line in each.stdout.read().splitlines()])
    return said


def check(folder, said):
    """Hold what the clients said against the books, and the books against their log."""
    books, database, log = charging.opened(folder)
    with closing(database):
        books.verify({"outside": ROOM * COST, "coordinator": ROOM * COST})
        log.verify()
        charges = {row["place"]: row["answered"] for row in books.charges()}
        spent = {account.spent for account in books.accounts() if account.part == "training"}
        assert spent == {len(charges) * COST}
        assert len(charges) <= ROOM
        assert recount(log.events())["training", "outside"].units == len(charges) * COST
        told = {int(line[1]) for lines in said for line in lines if line[0] == "charged"}
        assert told <= charges.keys()
        answers = {(int(line[1]), line[2]) for lines in said for line in lines if line[0] == "released"}
        assert len({place for place, _ in answers}) == len(answers)  # one place, one answer, whoever asked
        for number, digest in answers:
            assert charging.answer_of(books, set(charges), number) == digest
    return charges, told


@pytest.mark.slow
def test_thirty_two_processes_pay_once_each_and_never_more_than_there_is(tmp_path):
    started = begun(tmp_path)
    (tmp_path / clients.GO).touch()
    said = ended(started)
    assert [each.returncode for each in started] == [0] * CLIENTS
    charges, told = check(tmp_path, said)
    assert len(charges) == len(told) == ROOM  # to the last unit
    assert all(charges.values())
    assert {line[2] for lines in said for line in lines if line[0] == "refused"} == {"budget-exhausted"}


@pytest.mark.slow
def test_of_thirty_two_processes_half_may_be_killed_at_any_moment(tmp_path):
    started, rng = begun(tmp_path), random.Random(3)
    (tmp_path / clients.GO).touch()
    for each in rng.sample(started, CLIENTS // 2):
        time.sleep(rng.uniform(0, 0.05))
        each.kill()
    charges, told = check(tmp_path, ended(started))
    assert len(charges) <= len(told) + CLIENTS // 2  # a client that died had at most one charge unsaid
    assert any(each.returncode == -9 for each in started)


def test_thirty_two_clients_at_the_door_get_one_answer_a_place_and_pay_for_it_once(tmp_path):
    here, start = approved(tmp_path, parameters={"times": 4}), threading.Barrier(CLIENTS)
    before = len(here.node.ledger.charges())

    def client(number):
        start.wait()
        places = [1 + (number + i) % 4 for i in range(4)]
        return [(place, here.ask(place, {"round": np.array([0.0])})) for place in places]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [answer for client in pool.map(client, range(CLIENTS)) for answer in client]
    assert all(isinstance(answer, Release) for _, answer in answers)
    assert len({(place, answer.content) for place, answer in answers}) == 4
    assert len(here.node.ledger.charges()) == before + 4
    here.node.verify()
