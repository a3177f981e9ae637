"""Who never was? Made-up people and identifiers, for demonstrations, tests and researchers; no patient is in here.

In a notebook::

    from synthetic import load

    people, events = load("small"), load("small", "events")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from privacy.errors import HedgerowError

if TYPE_CHECKING:
    import pandas as pd


def load(name: str, table: str = "people") -> pd.DataFrame:
    """Return a table as a pandas data frame: of the data set at a path, or of a preset by its name.

    A preset is made the first time, which takes as long as ``hedgerow-synthetic generate``, and kept for the next.
    ``preset-unknown`` and ``table-unknown`` list what there is. Under an error stands what to do next.
    """
    from synthetic.notebook import frame  # noqa: PLC0415 - who imports the room for something small loads no pandas

    try:
        return frame(name, table, environ=os.environ)
    except HedgerowError as error:
        error.add_note(error.explain().partition("\n")[2])
        raise


__all__ = ["load"]
