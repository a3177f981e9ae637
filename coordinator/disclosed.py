"""What people are shown of tables: by the hub's rules for small groups, and by what it showed of them before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from models.version import ModelVersion
from privacy.canonical import Document, hash_of
from privacy.computation import Result
from privacy.differencing import Axis, Population, Released, before
from privacy.disclosure import PROFILES, Codes, Profile, Shown, reasons, shown
from privacy.figures import Figures, figures_of
from privacy.study import Study


class Disclosure:
    """Decides, model after model in the order in which they were made, what is shown; so the same is shown each time.

    Models that were withdrawn count too: they were seen.
    """

    def __init__(
        self,
        profile: str,
        made: Callable[[str], Sequence[str]],
        opened: Callable[[str], ModelVersion],
    ) -> None:
        """Take the profile's name, who lists studies of a data set that made a model, and who opens a study's model."""
        self._name, self._profile, self._made, self._opened = profile, PROFILES[profile], made, opened
        self._kept: dict[str, dict[str, list[Released]]] = {}  # by study, then by step

    def of(self, study: Study) -> dict[str, Document]:
        """Return, for each step of a finished study that has tables, what people are shown of it."""
        past: list[Released] = []
        for each in self._made(study.data_set):
            if each not in self._kept:
                self._kept[each] = decided(self._opened(each), past, self._profile)
            if each == study.hash:
                break
            past += [released for step in self._kept[each].values() for released in step]
        results = self._opened(study.hash).results
        found = self._kept.get(study.hash, {})
        return {step: self._document(step, released, results[step]) for step, released in found.items()}

    def _document(self, step: str, released: Sequence[Released], result: Result) -> Document:
        tables = [
            table_of(step, figures, each.codes[figures.by], self._profile)
            for each in released
            for figures in each.figures
        ]
        document: Document = {
            "disclosure": {"profile": self._name, "rules": self._profile.title},
            "confidence": result.facts["confidence"],
            "tables": tables,
        }
        quantiles = result.facts.get("quantiles")
        if isinstance(quantiles, dict):
            document["quantiles"] = quantiles_of(quantiles, released, self._profile)
        return document


def decided(model: ModelVersion, past: Sequence[Released], profile: Profile) -> dict[str, list[Released]]:
    """Return what of a model's tables is shown and what is withheld, given all that was released before.

    Figures that are sums of each other are decided together; histograms, which are not, one after the other.
    """
    study, found = model.study, dict[str, list[Released]]()
    seen = list(past)
    nodes = frozenset(receipt.node for receipt in model.receipts)
    ahead = frozenset(v.periods_ahead for v in study.variables)
    for step in study.steps:
        if not (figures := figures_of(model.results[step.name])):
            continue
        population = Population(study.data_set, step.people, ahead, nodes)
        together = [figures] if not figures[0].by else [[each] for each in figures]
        for part in together:
            names = {name for each in part for name in each.by}
            new = Released(population, {name: _axis(study, name) for name in names}, tuple(part))
            new = replace(new, codes=reasons(part, profile, before(new, seen, profile)))
            seen.append(new)
            found.setdefault(step.name, []).append(new)
    return found


def _axis(study: Study, name: str) -> Axis:
    variable = study.variable(name)
    features = study.features
    made_of = features and features.feature(variable.column) and features.only(frozenset([variable.column]))
    return Axis.of(variable, hash_of(made_of.document()) if made_of else "")


def table_of(step: str, figures: Figures, codes: Codes, profile: Profile) -> Document:
    """Return one margin as people see it, a row for each combination of keys."""
    rows = [
        {
            "keys": list(keys),
            "people": people.document(),
            "means": {name: mean.document() for name, mean in means.items()},
        }
        for keys, people, means in shown(figures, codes, profile)
    ]
    return {
        "name": f"{step}-by-{'.'.join(figures.by)}" if figures.by else f"{step}-all",  # no name has a dot in it
        "by": list(figures.by),
        "rows": rows,
    }


def quantiles_of(found: Document, released: Sequence[Released], profile: Profile) -> Document:
    """Return quantiles as people see them: of too few people to either side they are withheld."""
    people = {each.by[0]: float(each.people.value[:-1].sum()) for part in released for each in part.figures}
    document: Document = {}
    for name, quantiles in found.items():
        rows = []
        for each in quantiles:
            at = float(each["at"] or 0.0)
            if min(at, 1 - at) * people[name] <= profile.largest_withheld:
                told = Shown(None, None, None, "suppressed")
            elif each["value"] is None:
                told = Shown(None, None, None, "invalid")
            else:
                told = Shown(each["value"], each["low"], each["high"], "")
            rows.append({"at": at, **told.document()})
        document[name] = rows
    return document


__all__ = ["Disclosure", "decided", "quantiles_of", "table_of"]
