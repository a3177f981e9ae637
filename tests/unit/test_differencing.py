"""The guard over past releases: what an earlier table and a new one tell together, each with a control beside it."""

import numpy as np
import pytest

from privacy.differencing import Axis, Population, Released, before
from privacy.disclosure import PROFILES, reasons
from privacy.figures import Figures, counted
from privacy.variables import Variable

HES = PROFILES["hes-like"]
EVERYONE = Population("visits", "everyone", frozenset([0]), frozenset({"n1", "n2"}))


def bands(*edges, name="age"):
    return Variable(name, "age", "band", 0, 120, 0, 0, 0, edges=edges)


def codes(*listed, name="area"):
    return Variable(name, "area", "code", 0, len(listed), 0, 0, 0, codes=listed)


def released(people, *variables, population=EVERYONE, sd=0.1, past=(), made_of=""):
    """Return a table with its total, as it is shown after all that was released before."""
    people = np.asarray(people, float)
    names = [v.name for v in variables]
    kept = [(), *([(i,) for i in range(people.ndim)] if people.ndim > 1 else []), tuple(range(people.ndim))]
    figures = []
    for margin in kept:
        total = np.asarray(people.sum(axis=tuple(i for i in range(people.ndim) if i not in margin)))
        keys = tuple(variables[i].keys for i in margin)
        figures.append(Figures(tuple(names[i] for i in margin), keys, counted(total, sd, 0.95), sd, {}))
    new = Released(population, {v.name: Axis.of(v, made_of) for v in variables}, tuple(figures))
    found = reasons(figures, HES, before(new, past, HES))
    return Released(population, new.axes, new.figures, found)


def finest(release):
    return release.codes[release.figures[-1].by].tolist()


def test_bands_whose_edges_differ_by_a_few_people_are_refused():
    """Under 65 is 500, under 64 is 496: the four who are 64 would be told."""
    first = released([500, 300, 10], bands(65))
    second = released([496, 304, 10], bands(64), past=[first])
    assert finest(first) == ["", "", ""]
    assert finest(second)[:2] == ["refused", "refused"]
    assert finest(released([496, 304, 10], bands(64))) == ["", "", ""]  # control: alone it is harmless


def test_bands_whose_edges_differ_by_many_people_are_shown():
    first = released([500, 300, 10], bands(65))
    assert finest(released([380, 420, 10], bands(60), past=[first])) == ["", "", ""]


def test_a_union_of_bands_is_compared_too():
    """18 to under 65 was shown; now 18 to 40 and 40 to 65, of whom 5: the earlier figure would tell them."""
    first = released([100, 200, 300, 10], bands(18, 65))
    second = released([100, 195, 5, 300, 10], bands(18, 40, 65), past=[first])
    assert finest(second)[1] == "refused"
    assert finest(second)[2] in ("suppressed", "refused")


def test_of_other_lists_of_codes_the_rest_is_refused():
    first = released([100, 200, 50], codes("N", "S"))
    second = released([100, 200, 4, 46], codes("N", "S", "W"), past=[first])
    assert finest(second)[-1] == "refused"
    assert finest(released([100, 200, 20, 30], codes("N", "S", "W"), past=[first])) == ["", "", "", ""]


@pytest.mark.parametrize(
    "other",
    [
        Population("visits", "training", frozenset([0]), EVERYONE.nodes),
        Population("visits", "everyone", frozenset([0, 1]), EVERYONE.nodes),
        Population("visits", "everyone", frozenset([0]), frozenset({"n1"})),
    ],
)
def test_the_same_keys_of_some_of_the_people_are_refused_where_few_are_left(other):
    first = released([500, 300, 10], bands(65))
    second = released([495, 200, 10], bands(65), population=other, past=[first])
    assert finest(second)[0] == "refused"
    back = released([500, 300, 10], bands(65), past=[released([495, 200, 10], bands(65), population=other)])
    assert finest(back)[0] == "refused"


@pytest.mark.parametrize(
    "other",
    [
        Population("others", "everyone", frozenset([0]), EVERYONE.nodes),
        Population("visits", "everyone", frozenset([0]), frozenset({"n3"})),
    ],
)
def test_other_people_are_no_business_of_this_guard(other):
    first = released([500, 300, 10], bands(65), population=other)
    assert finest(released([496, 304, 10], bands(64), past=[first])) == ["", "", ""]


def test_a_feature_of_another_declaration_is_another_column():
    first = released([500, 300, 10], bands(65), made_of="sha256:one")
    assert finest(released([496, 304, 10], bands(64), past=[first], made_of="sha256:two")) == ["", "", ""]


def test_what_was_withheld_stays_withheld():
    """4 takes 40 with it; later the 4 are 400, and would not: but 40 now is 40 then."""
    first = released([4, 40, 300, 100], codes("N", "S", "W"))
    assert finest(first) == ["suppressed", "suppressed", "", ""]
    later = released([400, 40, 300, 100], codes("N", "S", "W"), past=[first])
    assert finest(later) == ["suppressed", "refused", "", ""]  # readers know 300 and 100, so 400 must hide the 40
    assert finest(released([400, 40, 300, 100], codes("N", "S", "W"))) == [""] * 4  # control


def test_what_was_shown_cannot_hide_anything():
    first = released([60, 70, 300, 80], codes("N", "S", "W"))
    assert finest(first) == [""] * 4
    later = released([4, 70, 300, 80], codes("N", "S", "W"), past=[first])
    assert finest(later)[0] == "suppressed"
    assert finest(later)[1:] == ["", "", ""]
    assert later.codes[()].tolist() == "suppressed"  # the total is another than it was, and so can hide the 4


def test_the_order_of_variables_does_not_matter():
    table = np.array([[50.0, 60, 70], [80, 90, 100], [30, 20, 40]])
    first = released(table, bands(65), codes("N", "S"))
    moved = table - [[4, 0, 0], [-4, 0, 0], [0, 0, 0]]
    second = released(moved.T, codes("N", "S"), bands(64), past=[first])
    assert second.codes["area", "age"][0, :2].tolist() == ["refused", "refused"]


def test_asked_again_it_is_shown_again():
    first = released([500, 300, 10], bands(65))
    assert finest(released([501, 299, 10], bands(65), past=[first])) == ["", "", ""]
