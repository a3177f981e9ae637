"""From the result of a study to a data set: the margins' model, the contract's fields and checks, and the receipts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.contract import Contract
from privacy.contract_file import as_toml
from privacy.errors import Invalid
from privacy.study import Study
from privacy.variables import groups_of
from synthetic.fitted.constraints import allowed_by, require_possible
from synthetic.fitted.contracting import contracts_of, path_of
from synthetic.fitted.drawing import Drawn, Sequenced
from synthetic.fitted.exported import Exported, read_exported
from synthetic.fitted.graphical import Allowed, fitted
from synthetic.fitted.measured import KIND, Measured, measured
from synthetic.fitted.values import Field, field_of
from synthetic.formats import format_of
from synthetic.identifiers import notes_on
from synthetic.manifest import Manifest, Plan, software
from synthetic.provenance import Fitted
from synthetic.recipe import check_size
from synthetic.tables import types_of
from synthetic.written.reading import PLAIN
from synthetic.written.writing import Tell, write


@dataclass(frozen=True)
class Released:
    """What a study released for made-up people: margins, how people's rows follow each other, and who paid."""

    study: Study
    step: str
    margins: Measured
    rows: tuple[int, ...]
    sequence: str
    own: tuple[str, ...]
    provenance: Fitted
    sha256: str


def read_released(path: Path, step: str = "", *, coordinator: str) -> Released:
    """Return what an exported result says of margins, if the coordinator of this fingerprint signed it.

    ``step`` names one where the study has several. Codes are those of ``read_exported``, and ``model-kind-absent`` when
    no margins are in it.
    """
    exported = read_exported(path, coordinator=coordinator)
    try:
        return released_of(exported, step)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Invalid("result-malformed", str(path)) from error


def released_of(exported: Exported, wanted: str = "") -> Released:
    """Return what one step of a result says of margins: the one named, or the only one of people not held back."""
    found = {name: each for name, each in exported.results.items() if each.kind == KIND}
    fits = [name for name in found if exported.study.step(name).people != "held-back"] or list(found)
    step = wanted or next(iter(fits), "")
    if not found:
        raise Invalid("model-kind-absent", KIND)
    if step not in found or (len(fits) > 1 and not wanted):
        raise Invalid("fit-step", wanted[:100], faults=sorted(fits))
    facts: Mapping[str, Any] = found[step].facts
    return Released(
        study=exported.study,
        step=step,
        margins=measured(found[step]),
        rows=tuple(facts["rows"]),
        sequence=str(facts["sequence"]),
        own=tuple(facts["own"]),
        provenance=exported.provenance,
        sha256=exported.sha256,
    )


def drawn_from(released: Released, contract: Contract, *, people: int, seed: int) -> Drawn:
    """Return the tables that are drawn from what was released, every row as the contract has it.

    ``fit-variable`` names a variable of which no column can be made.
    """
    if released.study.data_set != contract.name:
        raise Invalid("fit-variable", f"the study is of {released.study.data_set}, the contract of {contract.name}")
    columns = list(released.margins.columns)
    fields = tuple(_field(released.study, contract, name) for name in columns)
    written = [field.name for field in fields if field]
    if twice := sorted({name for name in written if written.count(name) > 1}):
        raise Invalid("fit-variable", f"{', '.join(twice)} is counted twice")
    sequenced = _sequenced(released, contract, columns, fields)
    margins = released.margins.of_possible(list(_possible(released.margins, fields, sequenced)))
    fields = tuple(field and field.of_possible() for field in fields)
    allowed = list(allowed_by(contract.checks, fields))
    require_possible(margins, allowed)
    allowed += _rising(sequenced, fields)
    model = fitted(margins, allowed=allowed, stages=_stages(sequenced, len(columns)))
    return Drawn(model, fields, contract.checks, contract.name, people, seed, sequenced)


def _field(study: Study, contract: Contract, name: str) -> Field | None:
    """Return the field of a variable; None for what is no variable: how many rows there are, and what came before."""
    variable = next((v for v in study.variables if v.name == name), None)
    if variable is None:
        return None
    column = next((c for c in contract.stored if c.name == variable.column), None)
    if column is None and not (study.features and variable.column in {f.name for f in study.features.features}):
        raise Invalid("fit-variable", f"{name}: the contract has no column {variable.column}")
    return field_of(variable, column)


def _sequenced(
    released: Released, contract: Contract, columns: Sequence[str], fields: Sequence[Field | None]
) -> Sequenced | None:
    if not released.rows:
        return None
    sequence = columns.index(released.sequence) if released.sequence else None
    written = fields[sequence] if sequence is not None else None
    return Sequenced(
        rows=len(columns) - (2 if released.sequence else 1),
        bands=released.rows,
        own=tuple(columns.index(name) for name in released.own),
        sequence=sequence,
        before=len(columns) - 1 if released.sequence else None,
        rises=written.name if written and written.name == contract.period else "",
    )


def _possible(
    margins: Measured, fields: Sequence[Field | None], sequenced: Sequenced | None
) -> Iterator[NDArray[np.bool_]]:
    """Give for each column which of its keys can be; what came before can be what the sequence can be, or nothing."""
    for place, (field, keys) in enumerate(zip(fields, margins.shape, strict=True)):
        found = field.possible if field else np.ones(keys, np.bool_)
        if sequenced and place == sequenced.before and sequenced.sequence is not None:
            row = fields[sequenced.sequence]
            found = np.append(row.possible, [True]) if row else found
        if not found.any():
            raise Invalid("fit-contradiction")
        yield found


def _rising(sequenced: Sequenced | None, fields: Sequence[Field | None]) -> Iterator[Allowed]:
    """Give which keys can follow which, where no two rows of a person have the same and each is after the last."""
    if sequenced is None or not sequenced.rises or sequenced.sequence is None or sequenced.before is None:
        return
    field = fields[sequenced.sequence]
    if field is not None:
        follows = np.greater.outer(np.array(field.high), np.array(field.low)) & ~np.array(field.missing)[:, None]
        yield Allowed((sequenced.sequence, sequenced.before), np.column_stack([follows, np.ones(len(follows), bool)]))


def _stages(sequenced: Sequenced | None, columns: int) -> list[list[int]]:
    """Return which columns are drawn first: a person's own and how many rows, then what came before, then the row."""
    if sequenced is None:
        return [list(range(columns))]
    first = [*sequenced.own, sequenced.rows]
    before = [] if sequenced.before is None else [sequenced.before]
    return [first, before, [i for i in range(columns) if i not in (*first, *before)]]


def fit(
    released: Released,
    contract: Contract,
    out: Path,
    *,
    people: int,
    seed: int,
    format: str,  # noqa: A002 - the option's name
    processes: int | None,
    tell: Tell,
) -> Manifest:
    """Write people drawn from what was released to the new directory ``out``, or finish what was begun there.

    More people than there are made-up NHS numbers for, or a seed beyond 63 bits, are ``recipe-malformed``.
    """
    check_size(people, seed)
    source, form = drawn_from(released, contract, people=people, seed=seed), format_of(format)
    plan = Plan(
        provenance=released.provenance,
        command=f"hedgerow-synthetic fit RESULT.json --contract CONTRACT.toml --step {released.step} "
        f"--people {people} --seed {seed} --format {format}",
        seed=seed,
        recipe={
            "result": released.sha256,
            "step": released.step,
            "contract": contract.hash,
            "people": people,
            "groups": _groups(released, contract),
        },
        format=format,
        tables=types_of(form.schemas(source.schemas())),
        software=software(),
        notes=notes_on(people),
    )
    papers = {}
    if format in PLAIN:
        papers = {path_of(t): as_toml(c).encode() for t, c in contracts_of(source, contract, released.study).items()}
    return write(source=source, plan=plan, out=out, format=form, processes=processes, tell=tell, papers=papers)


def _groups(released: Released, contract: Contract) -> list[str]:
    """Return the columns whose keys are groups that a report looks at one by one, by their role in the contract."""
    groups = groups_of(released.study.variables, contract)
    return [name for name in released.margins.columns if name in groups]


__all__ = ["Released", "drawn_from", "fit", "read_released", "released_of"]
