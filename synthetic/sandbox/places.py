"""How a population is divided into sites: local authorities, put together or taken apart until there are enough."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.errors import Invalid
from synthetic.geography import ENGLAND, Geography
from synthetic.geography import geography as geography_of
from synthetic.published import table

MOST_SITES = 50  # each has about 15 files that are written at once, and a process may have 1,024 open

NOWHERE = -1  # the site of what is at none


@dataclass(frozen=True)
class Sites:
    """The sites' names, and which of them each LSOA belongs to, by its place in ``Areas``."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    of_area: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.names)


def sites(geography: Geography, count: int) -> Sites:
    """Return ``count`` sites of a place, every LSOA in one of them; ``sites-impossible`` if there cannot be so many.

    With as many sites as local authorities each is one. With fewer, neighbours in the list are put together; with more,
    the largest are divided. Sizes are as even as that allows; a household has one address, so it is never divided.
    """
    if not 1 <= count <= min(MOST_SITES, len(geography.areas.lsoa)):
        most = min(MOST_SITES, len(geography.areas.lsoa))
        raise Invalid("sites-impossible", f"{geography.name} can have 1 to {most}")
    people = geography.authorities.ages.sum(axis=1)
    return _put_together(geography, people, count) if count <= len(people) else _divided(geography, people, count)


def sites_of_trusts(geography: Geography, divided: Sites) -> NDArray[np.int16]:
    """Return the site of each trust: that of the authority where most of its patients live, or the first of its sites.

    ``NOWHERE`` for those whose patients mostly live in another place: their records are at no site.
    """
    country = geography_of(ENGLAND).authorities
    people = dict(zip(country.code, country.ages.sum(axis=1), strict=True))
    shares = table("trust_shares").columns
    most: dict[str, tuple[float, str]] = {}
    for authority, trust, part in zip(*(shares[name] for name in ("local_authority", "trust", "part")), strict=True):
        patients = people.get(authority, 0.0) * float(part)
        most[trust] = max(most.get(trust, (0.0, "")), (patients, authority))
    first = np.unique(geography.areas.authority, return_index=True)[1]
    at = dict(zip(geography.authorities.code, divided.of_area[first], strict=True))
    trusts = table("trusts").columns["trust"]
    return np.array([at.get(most[trust][1] if trust in most else "", NOWHERE) for trust in trusts], np.int16)


def _put_together(geography: Geography, people: NDArray[np.float64], count: int) -> Sites:
    """Cut the list of authorities into runs of about as many people, none empty."""
    n, middle = len(people), np.cumsum(people) - people / 2
    site = np.minimum((middle * count / people.sum()).astype(int), count - 1)
    at_least = count - 1 - np.arange(n)[::-1]  # as many authorities must be left as there are sites to come
    site = np.clip(site, at_least, np.arange(n))
    site[0] = 0
    for place in range(1, n):  # authorities, not people
        site[place] = min(site[place], site[place - 1] + 1)
    if count == 1:
        return Sites(_slugs([geography.name]), (geography.name,), np.zeros(len(geography.areas.lsoa), np.int16))
    names = [[geography.authorities.name[a] for a in np.flatnonzero(site == s)] for s in range(count)]
    titles = tuple(" and ".join(each) if len(each) < 4 else f"{each[0]} to {each[-1]}" for each in names)
    return Sites(_slugs(titles), titles, site[geography.areas.authority].astype(np.int16))


def _divided(geography: Geography, people: NDArray[np.float64], count: int) -> Sites:
    """Give each authority one site, and one more at a time to whichever has the most people for each of its sites."""
    areas = np.bincount(geography.areas.authority, minlength=len(people))
    shares = np.ones(len(people), int)
    for _ in range(count - len(people)):
        shares[np.argmax(np.where(shares < areas, people / shares, -1))] += 1
    first = np.cumsum(shares) - shares
    of_area = np.zeros(len(geography.areas.lsoa), np.int16)
    titles: list[str] = []
    for authority, parts in enumerate(shares):
        own = np.flatnonzero(geography.areas.authority == authority)
        of_area[own] = first[authority] + np.arange(len(own)) * parts // len(own)
        name = geography.authorities.name[authority]
        titles += [name] if parts == 1 else [f"{name}, part {part + 1}" for part in range(parts)]
    return Sites(_slugs(titles), tuple(titles), of_area)


def _slugs(titles: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return names that a node may have: small letters, digits and hyphens, none twice."""
    names = [re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")).strip("-")[:56].strip("-") for title in titles]
    return tuple(name if names.index(name) == i else f"{name}-{i + 1}" for i, name in enumerate(names))


__all__ = ["MOST_SITES", "NOWHERE", "Sites", "sites", "sites_of_trusts"]
