"""A round gives the exact sum over its survivors, or an error that reveals nothing."""

import pytest

from privacy.errors import Refusal
from privacy.secure_aggregation import Round, threshold_of
from tests.aggregation import Played, names


@pytest.mark.parametrize(("nodes", "quorum", "threshold"), [(3, 3, 3), (6, 3, 5), (6, 6, 6), (215, 100, 144)])
def test_the_threshold_is_above_two_thirds_and_never_below_the_quorum(nodes, quorum, threshold):
    assert threshold_of(nodes, quorum) == threshold


@pytest.mark.parametrize("lost", [0, 1])
def test_the_sum_is_exact_over_the_survivors(lost):
    played = Played(n=5)
    survivors = played.roster[lost:]
    assert (played.summed(survivors) == played.plain(survivors)).all()


@pytest.mark.parametrize(
    ("roster", "place", "quorum", "colluders"),
    [
        (names(2), 0, 3, 1),
        (names(251), 0, 3, 1),
        (names(4)[::-1], 0, 3, 1),
        ((*names(4), names(4)[3]), 0, 3, 1),
        (names(5), -1, 3, 1),
        (names(5), 0, 2, 1),
        (names(5), 0, 6, 1),
        (names(5), 0, 3, 0),
        (names(5), 0, 3, 3),
        (names(9), 0, 6, 5),  # 2 x 7 is not above 9 + 5
    ],
)
def test_a_round_that_keeps_no_promise_is_refused(roster, place, quorum, colluders):
    with pytest.raises(Refusal) as caught:
        Round("study", place, roster, quorum, colluders)
    assert caught.value.code == "roster-wrong"
