"""Makes a sandbox: what the command, the demo and the tests all call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from privacy.errors import Invalid
from synthetic.generating import plan_of
from synthetic.manifest import Manifest, Plan
from synthetic.priors_check import check_priors
from synthetic.recipe import Recipe
from synthetic.sandbox.folders import Folders
from synthetic.sandbox.sandbox import Sandbox
from synthetic.written.writing import Tell, write

PARTS = "csv"  # the format that its files have, one by one


def sandbox_of(
    recipe: Recipe, sites: int | None, options: Mapping[str, Any], *, without: Mapping[str, Any]
) -> Sandbox | None:
    """Return the sandbox that is asked for, None where no sites are.

    ``options`` go with sites, ``without`` are of data sets that have none: what is said and does not fit is
    ``recipe-malformed``.
    """
    said = {name: value for name, value in options.items() if value is not None}
    if sites is None and said:
        raise Invalid("recipe-malformed", faults=[f"{name}: goes with sites" for name in said])
    if sites is not None and (other := [name for name, value in without.items() if value is not None]):
        faults = [f"{name}: does not go with sites, whose files are CSV" for name in other]
        raise Invalid("recipe-malformed", faults=faults)
    return None if sites is None else Sandbox(recipe, sites, **said)


def make(sandbox: Sandbox, out: Path, *, processes: int | None, tell: Tell) -> Manifest:
    """Write a sandbox to the new directory ``out``, or finish what was begun there: codes as of ``generate``."""
    check_priors()
    return write(source=sandbox, plan=_plan(sandbox), out=out, format=Folders(sandbox), processes=processes, tell=tell)


def _plan(sandbox: Sandbox) -> Plan:
    plan = plan_of(sandbox.recipe, PARTS, sandbox.schemas())
    own = {f.name: getattr(sandbox, f.name) for f in fields(Sandbox) if f.name != "recipe"}
    said = {name: value for name, value in own.items() if value != Sandbox.__dataclass_fields__[name].default}
    options = [word for name, value in said.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = " ".join([plan.command.removesuffix(f" --format {PARTS}"), *options])
    return replace(plan, command=command, recipe={**plan.recipe, **own}, format=Folders.name)


__all__ = ["PARTS", "make", "sandbox_of"]
