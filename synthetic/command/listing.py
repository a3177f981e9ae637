"""``list``: which recipes have a name, and which places there are."""

from __future__ import annotations

from typing import Annotated

import typer

from privacy.terminal import say, table
from synthetic.command.options import AsJson


def list_presets(
    *,
    places: Annotated[bool, typer.Option("--places", help="List the places instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the recipes that have a name: what each makes, and how many people.

    Example: hedgerow-synthetic list
    """
    if places:
        from synthetic.geography import places as known

        england, *systems = known().items()
        say({"places": known()}, table(("PLACE", "NAME"), [england, *sorted(systems)]), as_json=as_json)
        return
    from synthetic.presets import presets

    rows = [(each.name, f"{each.fields['people']:,}", each.title) for each in presets().values()]
    data = [{"name": each.name, "title": each.title, **each.fields} for each in presets().values()]
    say({"presets": data}, table(("PRESET", "PEOPLE", "WHAT IT IS"), rows), as_json=as_json)


__all__ = ["list_presets"]
