"""Whose rows a linked data set's are: the linkage in force for it, under an agreement that has not expired."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from node.linkage.agreements import Agreements
from node.linkage.tables import Links, LinkTables
from privacy.contract import Contract


@dataclass(frozen=True, eq=False)
class Linked:
    """One linkage as a load uses it: its ``name`` goes with the data version, ``links`` say who is who."""

    name: str
    links: Links


def linkage_of(contract: Contract, agreements: Agreements, tables: LinkTables, *, now: datetime.datetime) -> Linked:
    """Return the linkage in force for the rows of a contract that names an agreement.

    An agreement that expired is ``linkage-expired``, one that does not name the data set ``linkage-target-unknown``;
    where nothing is linked yet it is ``linkage-absent``.
    """
    agreement = agreements.in_force(contract.linkage, now=now)
    version = tables.newest(agreement.name, agreement.target_of(contract.name).name)
    return Linked(version.name, tables.links(version))


__all__ = ["Linked", "linkage_of"]
