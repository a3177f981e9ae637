"""The node's allow-list: loaded from the cleaned list, kept as pseudonyms, refused when stale."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.keystore import Keystore
from node.persons import recognise
from node.sources.source import FAULTS_SHOWN
from node.store import Store
from privacy.errors import Invalid, Refusal, Unreachable
from privacy.identifiers import Verdict
from privacy.optouts import OptOuts

COLUMN = "nhs_number"
_SEPARATOR = re.compile("[,;\t|]")


def load_optouts(
    *,
    file: Path,
    type_1: Path | None = None,
    type_1_needed: bool = False,
    as_of: datetime.date,
    store: Store,
    keystore: Keystore,
    now: datetime.datetime,
    allow_test_numbers: bool,
) -> OptOuts:
    """Take over the cleaned list of the national data opt-out, and the one of Type 1 objections where there is one.

    Each has one NHS number a line, or is CSV with a column ``nhs_number``; only who is on both may be used. All or
    nothing: a wrong number anywhere is ``optouts-malformed`` with its line. Lists dated in the future, or older than
    what is loaded, are refused, and so is a load without the list that the policy needs (``optouts-type-one-absent``):
    each would bring back people who have objected.
    """
    if as_of > now.astimezone(datetime.UTC).date():
        raise Refusal("optouts-stale", f"as of {as_of}, which is in the future")
    if type_1_needed and type_1 is None:
        raise Refusal("optouts-type-one-absent")
    people = _people(file, keystore, allow_test_numbers=allow_test_numbers)
    if type_1 is not None:
        people = np.intersect1d(people, _people(type_1, keystore, allow_test_numbers=allow_test_numbers))
    optouts = OptOuts.of(people, as_of)
    _require_newer(store, as_of)
    store.save_optouts(optouts, now)
    return optouts


def current_optouts(store: Store, *, now: datetime.datetime, at_most_days: int) -> OptOuts:
    """Return the list to apply now; ``optouts-absent`` or ``optouts-stale`` stops whatever asked for it."""
    optouts = store.optouts()
    optouts.check_fresh(now, at_most_days)
    return optouts


def _people(file: Path, keystore: Keystore, *, allow_test_numbers: bool) -> NDArray[np.str_]:
    lines, numbers = _numbers(file)
    persons = recognise(numbers, keystore, allow_test_numbers=allow_test_numbers)
    wrong = np.flatnonzero(persons.verdicts != Verdict.OK)
    if len(wrong):
        faults = [f"line {lines[i]}: {Verdict(persons.verdicts[i]).code}" for i in wrong[:FAULTS_SHOWN]]
        raise Invalid("optouts-malformed", f"{file.name}: {len(wrong)} wrong numbers", faults=faults)
    return persons.pseudonyms


def _numbers(file: Path) -> tuple[list[int], list[str]]:
    """Return the lines that are not empty, with their places; ``file-empty`` where there is none."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error
    except UnicodeDecodeError:
        raise Invalid("optouts-malformed", f"{file.name} is not UTF-8 text") from None
    cells = [(place, line.strip().strip('"')) for place, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if cells and _SEPARATOR.search(cells[0][1]):  # an extract taken for the list would let everybody in it back
        raise Invalid("optouts-malformed", "several columns: a cleaned list has one")
    if cells and cells[0][1] == COLUMN:
        cells = cells[1:]
    if not cells:
        raise Invalid("file-empty", str(file))
    return [place for place, _ in cells], [cell for _, cell in cells]


def _require_newer(store: Store, as_of: datetime.date) -> None:
    try:
        loaded = store.optouts().as_of
    except Refusal:
        return
    if as_of < loaded:
        raise Refusal("optouts-stale", f"as of {as_of}; a list as of {loaded} is loaded")


__all__ = ["COLUMN", "current_optouts", "load_optouts"]
