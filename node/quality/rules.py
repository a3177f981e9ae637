"""A contract's checks as a pandera schema: which rows of a batch break which of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from privacy.arrays import Flags
from privacy.checks import Check, Comparison, Implication, Uniqueness, columns_of, compares_birth
from privacy.contract import Contract

if TYPE_CHECKING:
    import pandas as pd

CHECK_FAILED = "check-failed"
Broken = tuple[str, str, Flags]  # the reason's code, the check's name, and the rows that break it


class Rules:
    """What a contract asks of a row beyond its cells; without checks it costs nothing, not even pandera's import.

    Each row is judged by itself, but for the checks that need all rows of a person at once, or when they were born.
    """

    def __init__(self, contract: Contract) -> None:
        by_person = [isinstance(c, Uniqueness) or compares_birth(c) for c in contract.checks]
        self._row_checks = tuple(c for c, so in zip(contract.checks, by_person, strict=True) if not so)
        self._person_checks = tuple(c for c, so in zip(contract.checks, by_person, strict=True) if so)
        self._cut = {c.name: c.treatment for c in contract.stored if c.treatment in ("month", "year")}

    def judge(self, batch: pa.RecordBatch | pa.Table) -> Iterator[Broken]:
        """Give, for each check that some row breaks, ``check-failed``, the check's name and which rows.

        ``batch`` has the contract's stored columns, typed. A value that is missing breaks no comparison.
        """
        if self._row_checks and batch.num_rows:
            yield from _broken(self._row_schema, self._frame(batch, self._row_checks), self._row_checks)

    def judge_people(self, batch: pa.RecordBatch | pa.Table) -> Iterator[Broken]:
        """Give the rows that repeat what is unique within a person, all of them, and those of before their birth.

        ``batch`` has ``person``, the stored columns, ``BIRTH`` where a check compares with it (see
        ``node.quality.births``), and every row of everybody who is in it.
        """
        if self._person_checks and batch.num_rows:
            frame = self._frame(batch, self._person_checks, "person")
            yield from _broken(self._person_schema, frame, self._person_checks)

    @cached_property
    def _row_schema(self) -> Any:  # noqa: ANN401 - pandera has no types
        return _schema({check.name: partial(_holds, check) for check in self._row_checks})

    @cached_property
    def _person_schema(self) -> Any:  # noqa: ANN401 - as above
        return _schema({check.name: partial(_holds, check) for check in self._person_checks})

    def _frame(self, batch: pa.RecordBatch | pa.Table, checks: tuple[Check, ...], *more: str) -> pd.DataFrame:
        """Return only the columns that checks look at, as pandas; days are cut to the coarsest unit of a comparison."""
        import pandas as pd  # noqa: PLC0415 - heavy, and most contracts have no checks

        columns = {
            name: batch.column(name) for name in dict.fromkeys([*more, *(n for c in checks for n in columns_of(c))])
        }
        for check in checks:
            if isinstance(check, Comparison):
                for side, name in _sides(check):
                    columns[side] = self._comparable(batch, check, name)
        frame: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def _comparable(self, batch: pa.RecordBatch | pa.Table, check: Comparison, name: str) -> pa.ChunkedArray:
        values = batch.column(name)
        cuts = {self._cut.get(check.column), self._cut.get(check.other)} - {None}  # a birth comes cut already
        if cuts and pa.types.is_date(values.type):
            return pc.floor_temporal(values, unit="year" if "year" in cuts else "month")
        return values


def _sides(check: Comparison) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return, for either side, the column of the frame and the column of the contract that it is made of."""
    return (f"{check.name}.left", check.column), (f"{check.name}.right", check.other)


def _holds(check: Check, frame: pd.DataFrame) -> pd.Series:
    """Return which rows are as a check says."""
    if isinstance(check, Uniqueness):
        whole = frame[list(check.unique)].notna().all(axis=1)
        return ~(whole & frame.duplicated(["person", *check.unique], keep=False))
    if isinstance(check, Implication):
        said = frame[check.when].isin(check.codes)
        there = frame[check.column].notna()
        return ~said | (there if check.then == "present" else ~there)
    left, right = (frame[side] for side, _ in _sides(check))
    relations = {"at-least": left.ge, "above": left.gt, "equal": left.eq, "different": left.ne}
    return relations[check.relation](right).fillna(value=True).astype(bool)


def _schema(checks: dict[str, Callable[[pd.DataFrame], pd.Series]]) -> Any:  # noqa: ANN401 - as above
    import pandera.pandas as pandera  # noqa: PLC0415 - seconds to import

    # one failure case each: pandera copies the values of all of them, and we want rows, never values
    return pandera.DataFrameSchema(
        checks=[pandera.Check(holds, name=name, n_failure_cases=1) for name, holds in checks.items()]
    )


def _broken(schema: Any, frame: pd.DataFrame, checks: tuple[Check, ...]) -> Iterator[Broken]:  # noqa: ANN401 - as above
    """Validate lazily, so that every check is judged, and give what failed; a check that cannot be judged stops."""
    from pandera.config import ValidationDepth, config_context  # noqa: PLC0415 - as above
    from pandera.errors import SchemaErrors  # noqa: PLC0415 - as above

    failed: dict[str, Flags] = {}
    # said here, since an environment variable (PANDERA_VALIDATION_ENABLED) could turn all checks off
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as errors:
            failed = {error.check.name: _rows_of(error) for error in errors.schema_errors}
    yield from ((CHECK_FAILED, check.name, failed[check.name]) for check in checks if check.name in failed)


def _rows_of(error: Any) -> Flags:  # noqa: ANN401 - pandera has no types
    if error.check_output is None:  # the check itself went wrong: a fault of ours, and no reason to let rows in
        raise RuntimeError(f"check {error.check.name} could not be judged")
    return ~np.asarray(error.check_output, dtype=bool)


__all__ = ["CHECK_FAILED", "Broken", "Rules"]
