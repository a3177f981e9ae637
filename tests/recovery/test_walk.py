"""kill -9 of any process at any moment of a study: started again, it pays and answers nothing twice, loses nothing."""

from __future__ import annotations

import pytest

from tests.recovery.federation import HUB, NODES, Federation
from tests.recovery.points import find_points
from tests.recovery.walk import Point, Walk, approval

NORTH = NODES[0]
LEDGER, JOURNAL = "privacy.ledger.Ledger", "coordinator.journal.Journal"
SAMPLE = [
    Point(NORTH, "commit", f"{LEDGER}.charge", 2, "after"),
    Point(NORTH, "compute", "sum", 1, "after"),
    Point(NORTH, "send", "answer", 2, "after"),
    Point(HUB, "commit", f"{JOURNAL}.open", 2, "after"),
    Point(HUB, "commit", f"{JOURNAL}.keep", 4, "before"),
    Point(NORTH, "commit", f"{LEDGER}.settle", 1, "before", command=approval(NORTH, "ben")),
]
TOGETHER = [
    Point(NORTH, "commit", f"{LEDGER}.settle", 1, "after", also=(HUB,)),
    Point(NORTH, "commit", f"{LEDGER}.charge", 1, "after", also=(HUB, *NODES[1:])),
    Point(HUB, "commit", f"{JOURNAL}.close", 1, "before", also=NODES),
]
PLANTS = [
    ("forgetful_journal", Point(HUB, "commit", "coordinator.registry.Registry.keep", 1, "before"), "asked place"),
    ("late_charge", Point(NORTH, "send", "answer", 1, "after"), "in its ledger are"),
    ("unstored_answer", Point(NORTH, "send", "answer", 1, "after"), "is not the one stored there"),
]


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """One federation that lives through all the deaths of this file, a study each."""
    yield from _federation(tmp_path_factory.mktemp("walk"))


@pytest.fixture
def doomed(tmp_path):
    """A federation to plant a weakness in."""
    yield from _federation(tmp_path)


def _federation(home):
    own = Federation(home)
    own.found()
    try:
        own.start_all()
        yield own
    finally:
        own.stop()


def check(federation: Federation, point: Point) -> list[str]:
    """Walk one point and return what does not hold."""
    walk = Walk(federation, point)
    evidence = walk.run()
    if not walk.reached:
        return ["never reached"]
    return [] if evidence.sound and not walk.failures else [repr(evidence), *walk.failures]


@pytest.mark.services
@pytest.mark.parametrize("point", [*SAMPLE, *TOGETHER], ids=str)
def test_a_process_that_is_killed_comes_back(federation, point):
    assert check(federation, point) == []


@pytest.mark.slow
def test_every_point_of_a_study(federation):
    points = find_points(federation)
    assert len(points) > 60
    wrong = {str(point): said for point in points if (said := check(federation, point))}
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "point", "said"), PLANTS, ids=[name for name, *_ in PLANTS])
def test_a_planted_weakness_is_caught(doomed, plant, point, said):
    walk = Walk(doomed, point, plant)
    evidence = walk.run()
    assert walk.reached
    assert not evidence.sound
    assert said in " ".join(evidence.faults)
