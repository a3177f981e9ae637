"""Fitted data beside margins that nodes released of people: what can be told of their quality where no record is.

The margins carry privacy noise, and both they and the data are of finitely many people. How far apart data would be
that are drawn from the very population is known, and stands beside what is found: what is further is the model's fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import pi, sqrt
from pathlib import Path

import numpy as np

from privacy.arrays import Floats
from privacy.canonical import Document
from privacy.errors import Invalid, Refusal, Tampered
from synthetic.fitted.exported import Exported, read_exported
from synthetic.fitted.fitting import Released, released_of
from synthetic.fitted.measured import KIND
from synthetic.fitted.mixture import people_in
from synthetic.judged.fidelity import total_variation
from synthetic.judged.keyed import Keyed
from synthetic.manifest import NAME as MANIFEST
from synthetic.provenance import Fitted
from synthetic.report.chance import Perfect
from synthetic.report.groups import Margins, groups_in
from synthetic.report.rows import keyed_rows
from synthetic.report.tried import steps_for
from synthetic.written.reading import DataSet

FORMAT = "hedgerow-synthetic-released/1"


@dataclass(frozen=True)
class Margin:
    """Total variation of one margin of the data from the released one.

    ``perfect`` is what noise and chance alone would give data drawn from the population, ``spread`` its standard
    deviation, ``noise`` the part of the privacy noise; ``independent`` is that of the data's columns, each by itself.
    """

    columns: tuple[str, ...]
    data: float
    perfect: float
    spread: float
    noise: float
    independent: float

    @property
    def off(self) -> bool:
        """Say whether it is further off than noise and chance explain."""
        return Perfect(self.perfect, self.spread).beyond(self.data)


def exported_for(data: DataSet, results: Sequence[Path]) -> tuple[Exported, list[Exported]]:
    """Return the result of the study that the data were fitted by, and those of studies that tried what they taught.

    ``report-result-absent`` without the first, ``report-result-other`` for any other, ``data-set-tampered`` where the
    manifest says of who paid what otherwise than the result's signatures; other codes are those of ``read_exported``,
    the coordinator being the one whose result the data were fitted to.
    """
    provenance, own, others = data.manifest.plan.provenance, [], []
    for path in results:
        if not isinstance(provenance, Fitted):
            raise Invalid("report-result-other", str(path))
        exported = read_exported(path, coordinator=provenance.coordinator)
        if exported.study.hash == provenance.study:
            if not exported.bears_out(provenance):
                raise Tampered("data-set-tampered", str(data.home), faults=[f"{MANIFEST}: provenance"])
            own.append(exported)
        elif steps_for(data, exported):
            others.append(exported)
        else:
            raise Invalid("report-result-other", str(path))
    if not own:
        raise Refusal("report-result-absent", str(data.home))
    return own[0], others


def released_for(exported: Exported) -> Released:
    """Return the margins to compare with: of people held back, if the study measured them, else the model's own."""
    steps = [step for step in exported.study.steps if step.use == KIND]
    held_back = [step.name for step in steps if step.people == "held-back"]
    return released_of(exported, next(iter([*held_back, *(step.name for step in steps)]), ""))


def released_report(data: DataSet, released: Released) -> Document:
    """Return the distance of every margin that was released, the means by how many columns they have, and by group."""
    step = released.study.step(released.step)
    by = [str(name) for name in released.study.parameters(step)["by"]]
    rows = keyed_rows(data, [released.study.variable(name) for name in by])
    margins = Margins(released.margins, by, people_in(released.margins))
    found = list(_margins(margins, rows))
    groups = [name for name in data.manifest.plan.recipe.get("groups", ()) if name in by]
    return {
        "format": FORMAT,
        "study": released.study.hash,
        "title": released.study.title,
        "step": released.step,
        "people": step.people,
        "columns": by,
        "people_of_margins": round(margins.people),
        "people_of_data": round(float(rows.weights.sum())),
        "means": [_mean(found, ways) for ways in sorted({len(each.columns) for each in found})],
        "margins": [{**asdict(each), "columns": list(each.columns), "off": each.off} for each in found],
        "groups": list(groups_in(margins, rows, groups)),
    }


def _margins(margins: Margins, rows: Keyed) -> Iterator[Margin]:
    """Yield each margin of the study's variables; how many rows there are, and what came before, is in no column."""
    people, drawn = margins.people, max(float(rows.weights.sum()), 1.0)
    alone = [rows.marginal([j]) for j in range(len(margins.by))]
    for chosen, counts, sd in margins.cliques():
        share, ours = counts.ravel() / people, rows.marginal(chosen)
        noise = sd / people
        each = np.sqrt(noise**2 + ours * (1 - ours) * (1 / people + 1 / drawn))
        perfect = Perfect.of(each, margins.free(chosen))
        yield Margin(
            columns=tuple(margins.by[j] for j in chosen),
            data=total_variation(ours, share),
            perfect=perfect.mean,
            spread=perfect.spread,
            noise=counts.size * noise * sqrt(2 / pi) / 2,
            independent=total_variation(_product([alone[j] for j in chosen]), share),
        )


def _product(alone: list[Floats]) -> Floats:
    found = np.ones(1)
    for share in alone:
        found = np.multiply.outer(found, share).ravel()
    return found


def _mean(found: list[Margin], ways: int) -> Document:
    those = [each for each in found if len(each.columns) == ways]
    kinds = ("data", "perfect", "noise", "independent")
    return {"columns": ways, **{kind: float(np.mean([getattr(each, kind) for each in those])) for kind in kinds}}


__all__ = ["FORMAT", "Margin", "exported_for", "released_for", "released_report"]
