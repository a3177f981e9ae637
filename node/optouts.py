"""The node's allow-list: loaded from the cleaned list, kept as pseudonyms, refused when stale."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np

from node.keystore import Keystore
from node.persons import recognise
from node.source import FAULTS_SHOWN, header_of, read_bytes, read_rows
from node.store import Store
from privacy.errors import Invalid, Refusal
from privacy.identifiers import Verdict
from privacy.optouts import OptOuts

COLUMN = "nhs_number"


def load_optouts(
    *,
    file: Path,
    as_of: datetime.date,
    store: Store,
    keystore: Keystore,
    now: datetime.datetime,
    allow_test_numbers: bool,
) -> OptOuts:
    """Take over a cleaned list: one NHS number a line, or CSV with a column ``nhs_number``.

    All or nothing: a wrong number anywhere is ``optouts-malformed`` with its line. A list dated in the
    future, or older than the one loaded, is refused: it would bring back people who have objected since.
    """
    if as_of > now.astimezone(datetime.UTC).date():
        raise Refusal("optouts-stale", f"as of {as_of}, which is in the future")
    content = read_bytes(file)
    header = header_of(content)
    if len(header) > 1:  # an extract taken for the list would let everybody in it back
        raise Invalid("optouts-malformed", f"{len(header)} columns: a cleaned list has one")
    named = COLUMN in header
    source = read_rows(content, header if named else [COLUMN], header_lines=1 if named else 0)
    persons = recognise(source.texts[COLUMN].to_pylist(), keystore, allow_test_numbers=allow_test_numbers)
    wrong = np.flatnonzero(persons.verdicts != Verdict.OK)
    if len(wrong):
        faults = [f"line {source.lines[i]}: {Verdict(persons.verdicts[i]).code}" for i in wrong[:FAULTS_SHOWN]]
        raise Invalid("optouts-malformed", f"{len(wrong)} wrong numbers", faults=faults)
    optouts = OptOuts.of(persons.pseudonyms, as_of)
    _require_newer(store, as_of)
    store.save_optouts(optouts, now)
    return optouts


def current_optouts(store: Store, *, now: datetime.datetime, at_most_days: int) -> OptOuts:
    """Return the list to apply now; ``optouts-absent`` or ``optouts-stale`` stops whatever asked for it."""
    optouts = store.optouts()
    optouts.check_fresh(now, at_most_days)
    return optouts


def _require_newer(store: Store, as_of: datetime.date) -> None:
    try:
        loaded = store.optouts().as_of
    except Refusal:
        return
    if as_of < loaded:
        raise Refusal("optouts-stale", f"as of {as_of}; a list as of {loaded} is loaded")


__all__ = ["COLUMN", "current_optouts", "load_optouts"]
