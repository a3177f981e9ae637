"""A population with its lives, made once for all tests that only read it."""

from functools import cache

from synthetic.draws import PEOPLE_A_BLOCK
from synthetic.lives.simulator import Block, block
from synthetic.population.priors import priors
from synthetic.recipe import Recipe

BLOCKS = 6
# codes of a fall as the practice or A&E records it
FALLS = (("snomed-ct", "217082002"), ("local", "fall-repeated"), ("snomed-ct", "1912002"))
RECIPE = Recipe(people=BLOCKS * PEOPLE_A_BLOCK, seed=11)


@cache
def lived(place: str = RECIPE.place) -> tuple[Block, ...]:
    """Return six blocks of the default place, or of another one."""
    recipe = Recipe(people=RECIPE.people, seed=RECIPE.seed, place=place)
    return tuple(block(recipe, priors(place), index) for index in range(BLOCKS))
