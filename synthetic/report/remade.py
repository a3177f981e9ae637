"""Whether data that say they are simulated are: a part of them, drawn by lot, is made again of their recipe."""

from __future__ import annotations

import secrets
from pathlib import Path
from tempfile import TemporaryDirectory

from privacy.errors import Invalid, Tampered
from synthetic.formats import format_of
from synthetic.generating import plan_for
from synthetic.lives.canonical import Simulated
from synthetic.recipe import Recipe
from synthetic.written.parts import Job
from synthetic.written.reading import DataSet


def made_again(data: DataSet) -> bool:
    """Say whether a part of simulated data could be made again; then it has the same bytes.

    A manifest is not signed: who changed that of fitted data, or listed records of patients in one, would have them
    used as if nobody were in them. So ``manifest-malformed`` where the simulator makes other tables of this recipe, and
    ``data-set-tampered`` where it makes another part. What another version of the software made cannot be made again
    byte by byte: that is False, and the report says so.
    """
    plan = data.manifest.plan
    recipe = Recipe.of(plan.recipe)
    made = plan_for(recipe, plan.format)
    if (made.seed, made.tables) != (plan.seed, plan.tables):
        raise Invalid("manifest-malformed", str(data.home), faults=["the simulator makes other tables of this recipe"])
    source, form = Simulated(recipe), format_of(plan.format)
    if made.software != plan.software:
        return False
    listed = {file for file in data.manifest.files if file.table}
    paths = {form.path(table, number) for table in plan.tables for number in range(source.parts())}
    if other := sorted(paths ^ {file.path for file in listed}):
        raise Tampered("data-set-tampered", str(data.home), faults=other)
    part = secrets.randbelow(source.parts())
    with TemporaryDirectory() as folder:
        if other := [file.path for file in Job(source, form, Path(folder)).part(part) if file not in listed]:
            raise Tampered("data-set-tampered", str(data.home), faults=other)
    return True


__all__ = ["made_again"]
