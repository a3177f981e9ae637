"""One linkage from two extracts to a sealed table: clear identifiers come in, pseudonyms and bands go out."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.keystore import Keystore
from node.linkage import quality
from node.linkage.agreements import Agreements
from node.linkage.bands import banded
from node.linkage.decisions import held_to, refused
from node.linkage.extracts import Records, read_extract
from node.linkage.matching import Model, score, train
from node.linkage.tables import LinkageVersion, Links, LinkTables, keyed, new_key
from node.persons import recognise, source_key
from privacy.errors import Invalid
from privacy.identifiers import Verdict
from privacy.linkage import Agreement, Extract
from privacy.optouts import OptOuts

SCORED_FROM = 0.01  # pairs below it count for nothing, not even for the estimate of what was missed

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Zone:
    """What a linkage needs of the node; nothing in it leaves but through ``LinkTables``."""

    agreements: Agreements
    tables: LinkTables
    keystore: Keystore
    optouts: OptOuts
    allow_test_numbers: bool
    now: datetime.datetime
    progress: Progress = lambda _: None


@dataclass(frozen=True, eq=False)
class Pairing:
    """Two extracts in memory and how probable their pairs are: all that banding, figures and review are made from."""

    agreement: Agreement
    target: Extract
    reference_records: Records
    target_records: Records
    people: NDArray[np.str_]
    held_back: NDArray[np.bool_]
    local: NDArray[np.str_]
    key: bytes
    pairs: pa.Table


def link(zone: Zone, name: str, *, reference: Path, target: Path, target_name: str = "") -> LinkageVersion:
    """Link a target's ids to people of the node, and keep the result as a new version with its figures.

    People who are not on the allow-list are gone from the reference before anything else is looked at. The model that
    was kept is used again; the agreement's ``model`` number says when to train another. Decisions that people made
    on earlier versions hold.
    """
    pairing = pair_up(zone, name, reference=reference, target=target, target_name=target_name)
    zone.progress("deciding which pairs are links ...")
    table = _links(pairing, zone.tables.before(name, pairing.target.name))
    figures = quality.figures(pairing, table, allow_test_numbers=zone.allow_test_numbers, keystore=zone.keystore)
    made = LinkageVersion(
        agreement=name,
        target=pairing.target.name,
        version=0,
        agreed=pairing.agreement.hash,
        model=pairing.agreement.model,
        reference_digest=pairing.reference_records.digest,
        target_digest=pairing.target_records.digest,
        optouts_version=zone.optouts.version,
        made_at="",
        file="",
    )
    return zone.tables.save(made, Links(_with_part(table, pairing), figures, pairing.key), now=zone.now)


def pair_up(zone: Zone, name: str, *, reference: Path, target: Path, target_name: str = "") -> Pairing:
    """Read both extracts and score their pairs with the model that is kept, or that is trained on them now."""
    agreement = zone.agreements.in_force(name, now=zone.now)
    side = agreement.target(target_name)
    digest_key = source_key(zone.keystore)
    zone.progress("reading the reference ...")
    ours, people, held = _people(read_extract(reference, agreement.reference, key=digest_key), zone)
    zone.progress("reading the records to link ...")
    theirs = read_extract(target, side, key=digest_key)
    theirs = _without_objectors(theirs.only(pc.is_valid(theirs.ids)), side.known, zone)
    if not len(people) or not len(theirs.ids):
        raise Invalid("linkage-untrainable", "no row is left on one of the two sides")
    before = zone.tables.before(name, side.name)
    key = before.key if before else new_key()
    local = np.asarray(keyed(theirs.ids, key).to_pylist(), dtype=np.str_)
    model = _model(zone, agreement, side, ours, theirs)
    zone.progress("scoring pairs ...")
    pairs = score(model, ours.columns, theirs.columns, least=SCORED_FROM)
    return Pairing(agreement, side, ours, theirs, people, held, local, key, pairs)


def _people(records: Records, zone: Zone) -> tuple[Records, NDArray[np.str_], NDArray[np.bool_]]:
    """Return the reference's rows of people who may be used, with their pseudonyms."""
    texts = pc.fill_null(records.ids, "").to_pylist()
    persons = recognise(texts, zone.keystore, allow_test_numbers=zone.allow_test_numbers)
    kept = (persons.verdicts == Verdict.OK) & zone.optouts.keep(persons.pseudonyms)
    return records.only(pa.array(kept)), persons.pseudonyms[kept], persons.held_back[kept]


def _without_objectors(records: Records, known: str, zone: Zone) -> Records:
    """Leave out the target's rows that say whose they are, of people who are on no list.

    With these people gone from the reference, the next likely person would be linked to their records.
    """
    if not known:
        return records
    texts = pc.fill_null(records.shown[known], "").to_pylist()
    persons = recognise(texts, zone.keystore, allow_test_numbers=zone.allow_test_numbers)
    objected = (persons.verdicts == Verdict.OK) & ~zone.optouts.keep(persons.pseudonyms)
    return records.only(pa.array(~objected))


def _model(zone: Zone, agreement: Agreement, side: Extract, ours: Records, theirs: Records) -> Model:
    kept = zone.tables.model(agreement.name, side.name, agreement.model)
    if kept is not None:
        return kept
    zone.progress("training the model ...")
    model = train(ours.columns, theirs.columns, agreement.compared(side))
    agreed = agreement.hash
    zone.tables.keep_model(agreement.name, side.name, agreement.model, model, agreed=agreed, now=zone.now)
    return model


def _links(pairing: Pairing, before: Links | None) -> pa.Table:
    fresh = banded(
        pairing.pairs,
        local=pairing.local,
        person=pairing.people,
        agreement=pairing.agreement,
        target=pairing.target,
        refused=refused(before),
    )
    several = pairing.target.several_ids
    return held_to(fresh, before, local=pairing.local.tolist(), people=pairing.people.tolist(), several_ids=several)


def _with_part(table: pa.Table, pairing: Pairing) -> pa.Table:
    """Return the links with whether each person is held back for evaluation."""
    part = dict(zip(pairing.people.tolist(), pairing.held_back.tolist(), strict=True))
    held = pa.array([part[person] for person in table["person"].to_pylist()], pa.bool_())
    return table.append_column("held_back", held)


__all__ = ["SCORED_FROM", "Pairing", "Progress", "Zone", "link", "pair_up"]
