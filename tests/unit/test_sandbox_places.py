"""A population is divided into sites without a gap, and about evenly."""

import numpy as np
import pytest

from privacy.errors import Invalid
from synthetic.geography import geography
from synthetic.sandbox.places import MOST_SITES, sites

NAMES = ("bedford", "central-bedfordshire", "luton", "milton-keynes")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 12, 40])
def test_every_area_is_in_one_site_and_no_site_is_empty(count):
    made = sites(geography("blmk"), count)
    assert len(made) == len(set(made.names)) == len(made.titles) == count
    assert set(made.of_area.tolist()) == set(range(count))


def test_as_many_sites_as_local_authorities_are_the_local_authorities():
    place = geography("blmk")
    made = sites(place, 4)
    assert sorted(made.names) == sorted(NAMES)
    assert [place.authorities.name[a] for a in place.areas.authority] == [made.titles[s] for s in made.of_area]


def test_sites_are_about_as_large_as_each_other():
    place = geography("blmk")
    people = (place.areas.share * 1.0).sum(axis=1) * place.authorities.ages.sum(axis=1)[place.areas.authority]
    for count, most in ((2, 1.5), (12, 1.6)):
        sizes = np.bincount(sites(place, count).of_area, weights=people)
        assert sizes.max() / sizes.min() < most


@pytest.mark.parametrize("place", ["england", "norfolk-and-waveney"])
def test_any_place_can_be_divided(place):
    for count in (1, 7, 50):
        made = sites(geography(place), count)
        assert set(made.of_area.tolist()) == set(range(count))
        assert all(name == name.lower() and len(name) <= 60 for name in made.names)


@pytest.mark.parametrize("count", [0, -1, MOST_SITES + 1])
def test_an_impossible_number_of_sites_is_refused(count):
    with pytest.raises(Invalid, match="sites-impossible"):
        sites(geography("blmk"), count)
