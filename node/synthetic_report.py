"""What synthetic data tell of the people of this node whom they were made from; it stays here.

The only place where made-up rows and real ones meet. It goes through the inner door, leaves a page and its JSON for the
person who asked, and keeps nothing. What is told of it elsewhere is a private sum that a study paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.variables import batches
from node.cohort import cohorts
from node.features import Features
from node.handing_out import hand_out, require_new
from node.inner_door import InnerDoor
from node.optouts import current_optouts
from privacy.canonical import Document, legible
from privacy.computation import PARTS, Batch, Part
from privacy.counting import places
from privacy.errors import Refusal
from privacy.study import Step, Study
from privacy.variables import Variable, groups_of
from synthetic.fitted.measured import KIND
from synthetic.judged.keyed import Keyed, joined
from synthetic.provenance import Fitted
from synthetic.report.inside import inside_report
from synthetic.report.inside_page import inside_page
from synthetic.report.rows import attributes_of, keyed_rows, require_nothing_else
from synthetic.written.reading import DataSet, open_data_set

if TYPE_CHECKING:
    from node.assemble import Node
    from node.data_version import DataVersion

ACTION = "synthetic"
JSON_TWIN = ".json"
ROW_SEED = 0  # which row of somebody's is looked at: always the same one, and no place that a copy could leave out


@dataclass(frozen=True)
class _Asked:
    """What is compared: the data set, the study that it was fitted by, and the variables that its rows have."""

    data: DataSet
    study: Study
    variables: tuple[Variable, ...]

    @property
    def manifest_sha256(self) -> str:
        return self.data.manifest.sha256


def report(
    node: Node, data_set: Path, *, person: str, key: Ed25519PrivateKey, purpose: str, out: Path
) -> tuple[Document, Path]:
    """Attack a fitted data set, and hold it against people held back; return what was found, and its JSON's path.

    Writes a page to ``out`` and the same as JSON beside it, new files outside the node's directory that only this
    account can read. Nothing is read before the visit is in the log. ``synthetic-not-fitted`` for data that no node's
    people had a part in, ``synthetic-nobody-held-back`` where everybody's records were used.
    """
    asked, twin = _asked(node, data_set), out.with_suffix(JSON_TWIN)
    for each in (out, twin):
        require_new(each, home=node.home)
    version = node.store.latest(asked.study.data_set)
    InnerDoor(node.database, node.audit, node.policy, node.now).enter(
        ACTION, person=person, key=key, purpose=purpose, model=asked.manifest_sha256, data=version.name
    )
    (used, one_used), (held_back, one_held_back) = _people(node, asked, version)
    found = inside_report(
        keyed_rows(asked.data, asked.variables),
        used,
        held_back,
        single=(one_used, one_held_back),
        groups=groups_of(asked.variables, version.contract),
    )
    found |= {"study": asked.study.hash, "data": version.name, "manifest": asked.manifest_sha256}
    foot = f"Study {asked.study.hash}. Data set {version.name}, synthetic data {asked.manifest_sha256}."
    hand_out(inside_page(found, title=f"Synthetic data of {asked.study.title}", foot=foot), out, home=node.home)
    hand_out(legible(found), twin, home=node.home)
    return found, twin


def _asked(node: Node, data_set: Path) -> _Asked:
    data = open_data_set(data_set)
    provenance = data.manifest.plan.provenance
    if not isinstance(provenance, Fitted):
        raise Refusal("synthetic-not-fitted", str(data_set))
    study = node.governance.register.find(provenance.study).study()
    node.governance.lacking(study, ())  # linked records are used under an agreement in force, here as well
    step = _step(study, data.manifest.plan.recipe.get("step"))
    variables = tuple(study.variable(name) for name in study.parameters(step)["by"])
    require_nothing_else(data, variables)
    return _Asked(data, study, variables)


def _step(study: Study, named: object) -> Step:
    """Return the step that the data were fitted by: margins of people other than those held back."""
    fitted = [step for step in study.steps if step.use == KIND and step.name == named]
    if not fitted:
        raise Refusal("synthetic-not-fitted", study.name)
    if PARTS[fitted[0].people] != ("training",):
        raise Refusal("synthetic-nobody-held-back", study.name)
    return fitted[0]


def _people(node: Node, asked: _Asked, version: DataVersion) -> list[tuple[Keyed, Keyed]]:
    """Return people used and people held back: all of their rows, and one row of each, by lot."""
    optouts = current_optouts(node.store, now=node.now(), at_most_days=node.policy.optouts_at_most_days)
    worked_out = Features().of(asked.study, node.store, version)
    features = worked_out.table if worked_out else None
    parts: tuple[Part, ...] = ("training", "held-back")
    found, rng = [], np.random.default_rng(ROW_SEED)
    for part in parts:
        shards = cohorts(node.store, version, optouts, asked.variables, part, features=features)
        rows = [
            _keyed(each, asked.variables, rng) for shard in shards for each in batches(shard.table, asked.variables)
        ]
        nobody = Keyed.of(attributes_of(asked.variables), np.zeros((0, len(asked.variables)), np.int32))
        found.append((joined(nobody, *(all_of_them for all_of_them, _ in rows)), joined(nobody, *(r for _, r in rows))))
    return found


def _keyed(batch: Batch, variables: Sequence[Variable], rng: np.random.Generator) -> tuple[Keyed, Keyed]:
    keys: Mapping[str, tuple[str, ...]] = {v.name: v.keys for v in variables}
    everything = Keyed.of(attributes_of(variables), np.column_stack(places(batch, keys)), batch.weights)
    first, many = np.flatnonzero(np.diff(batch.person, prepend=-1)), np.bincount(batch.person)
    rows = everything.take(first + (rng.random(len(first)) * many).astype(np.int64))
    return everything, Keyed(rows.attributes, rows.places, np.ones(len(rows)))


__all__ = ["ACTION", "JSON_TWIN", "ROW_SEED", "report"]
