"""Makes a data set from a recipe: what the command, a notebook and the tests all call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from privacy.errors import Invalid
from synthetic.contracts.canonical import TABLES, path_of
from synthetic.formats import CONTRACT, format_of
from synthetic.identifiers import notes_on
from synthetic.lives.canonical import Simulated
from synthetic.manifest import Manifest, Plan, software
from synthetic.presets import DEFAULT, preset
from synthetic.priors_check import check_priors
from synthetic.provenance import PublicPriors
from synthetic.published import PRIORS
from synthetic.recipe import Recipe
from synthetic.tables import types_of
from synthetic.written.writing import Tell, write


def recipe_of(name: str, changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a preset with what is to be otherwise; None changes nothing."""
    return Recipe.of({**preset(name).fields, **{key: value for key, value in changes.items() if value is not None}})


def inequality_of(text: str) -> dict[str, Any]:
    """Return the inequality written as ``GROUP:RECORDED:SERVED``, as plain data; ``recipe-malformed`` otherwise."""
    group, *parts = text.split(":")
    try:
        recorded, served = map(float, parts)
    except ValueError as error:
        raise Invalid("recipe-malformed", faults=["inequality: write GROUP:RECORDED:SERVED"]) from error
    return {"group": group, "recorded": recorded, "served": served}


def generate(
    recipe: Recipe,
    out: Path,
    *,
    format: str,  # noqa: A002 - the option's name
    processes: int | None,
    tell: Tell,
) -> Manifest:
    """Write the simulated people of a recipe to the new directory ``out``, or finish what was begun there.

    ``priors-impossible`` when somebody changed the published figures to what cannot be.
    """
    check_priors()
    source, form, plan = Simulated(recipe), format_of(format), plan_for(recipe, format)
    named = [path_of(table) for table in TABLES if table in plan.tables and format == CONTRACT]
    papers = {path.name: path.read_bytes() for path in named}
    return write(source=source, plan=plan, out=out, format=form, processes=processes, tell=tell, papers=papers)


def plan_for(recipe: Recipe, format: str) -> Plan:  # noqa: A002 - the option's name
    """Return what the manifest of a recipe's people says before any is made."""
    return plan_of(recipe, format, format_of(format).schemas(Simulated(recipe).schemas()))


def plan_of(recipe: Recipe, format: str, schemas: Mapping[str, Any]) -> Plan:  # noqa: A002 - the option's name
    """Return what a manifest says of simulated people in these tables."""
    return Plan(
        provenance=PublicPriors(priors_sha256()),
        command=command_of(recipe, format),
        seed=recipe.seed,
        recipe=recipe.document(),
        format=format,
        tables=types_of(schemas),
        software=software(),
        notes=tuple(_notes(recipe)),
    )


def _notes(recipe: Recipe) -> Iterator[str]:
    yield from notes_on(recipe.people)
    if recipe.unseen:
        yield "Risk that no record shows was added: the attainable AUC is out of reach, and only a bound."


def command_of(recipe: Recipe, format: str) -> str:  # noqa: A002 - the option's name
    """Return the command that makes these records again, wherever to."""
    changed = [f for f in fields(Recipe) if f.name in ("people", "seed") or getattr(recipe, f.name) != f.default]
    words = ["hedgerow-synthetic", "generate", DEFAULT, *(word for f in changed for word in _option(recipe, f.name))]
    return " ".join([*words, "--format", format])


def _option(recipe: Recipe, name: str) -> tuple[str, str]:
    value = getattr(recipe, name)
    text = f"{value.group}:{value.recorded}:{value.served}" if name == "inequality" else str(value)
    return f"--{name.replace('_', '-')}", text


@cache
def priors_sha256() -> str:
    """Return one SHA-256 of all published figures: over a line a file, its name and its own SHA-256, sorted."""
    lines = (
        f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}\n" for p in sorted(PRIORS.iterdir()) if p.is_file()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


__all__ = ["command_of", "generate", "inequality_of", "plan_for", "plan_of", "priors_sha256", "recipe_of"]
