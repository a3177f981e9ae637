"""Are the five rooms the ones that were installed together? The first question a command asks when it starts.

Flat package names can be shadowed: a researcher's own ``models.py`` in the working directory would stand in
for the room of that name. (Were ``privacy`` itself shadowed, this module would not be found: that stops the
start as well.)
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from privacy.errors import Refusal

ROOMS = ("coordinator", "models", "node", "privacy", "synthetic")
_HOME = Path(__file__).resolve().parent.parent


def check_rooms() -> None:
    """Refuse to start unless every room resolves beside its siblings; says which file is in the way.

    Only looks the rooms up: imports none of them, so it costs no torch and no flwr.
    """
    faults = [f"{room}: {found}" for room in ROOMS if (found := _found_at(room)) != str(_HOME / room)]
    if faults:
        raise Refusal("room-shadowed", f"the rooms of this installation are in {_HOME}", faults=faults)


def _found_at(room: str) -> str:
    """Return the folder of the package, or the file that stands in its place."""
    spec = find_spec(room)
    if spec is None:
        return "cannot be found"
    if spec.submodule_search_locations is None:
        return spec.origin or "not a package"
    return ", ".join(str(Path(place).resolve()) for place in spec.submodule_search_locations)


__all__ = ["ROOMS", "check_rooms"]
