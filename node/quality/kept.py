"""The profile of each version: kept under the key of its records, so that it goes with them."""

from __future__ import annotations

import datetime
import json

from node.data_version import DataVersion
from node.quality.profile import FORMAT, Profiler
from node.quality.quarantine import waiting
from node.sharding import shards_for
from node.store import Store
from privacy.canonical import Document
from privacy.errors import Invalid, Refusal


def as_note(profile: Document) -> bytes:
    """Return a profile in the form in which it is kept beside the records."""
    return json.dumps(profile).encode()


def profile_of(store: Store, version: DataVersion) -> Document:
    """Return a version's profile.

    It is kept under the key of the version's records. Where these were rewritten, since a person was erased, that key
    is gone and the profile with it: it is worked out anew from what is stored now.
    """
    noted = store.files.vault.noted(version.file)
    kept: Document = json.loads(noted) if noted else {}
    if kept.get("format") != FORMAT:
        kept = _worked_out(store, version)
        store.files.vault.note(version.file, as_note(kept))
    return kept


def named_version(store: Store, name: str) -> DataVersion:
    """Return the version that ``visits`` (the newest) or ``visits@2`` names; else ``data-set-unknown``."""
    data_set, _, number = name.partition("@")
    if not number:
        return store.latest(data_set)
    for version in store.versions(data_set):
        if version.name == name:
            return version
    raise Refusal("data-set-unknown", name)


def version_before(store: Store, version: DataVersion) -> DataVersion:
    """Return the version before one; ``version-alone`` where there is none to compare with."""
    earlier = [v for v in store.versions(version.data_set) if v.version < version.version]
    if not earlier:
        raise Invalid("version-alone", version.name)
    return earlier[-1]


def _worked_out(store: Store, version: DataVersion) -> Document:
    contract = version.contract
    profiler = Profiler(contract, datetime.datetime.fromisoformat(version.loaded_at))
    names = [column.name for column in contract.stored]
    for table in store.people(version, names, shards=shards_for(store.rows(version))):
        profiler.see(table)
    profiler.faults({(each.reason, each.column): each.rows for each in waiting(store, version)})
    return profiler.profile()


__all__ = ["as_note", "named_version", "profile_of", "version_before"]
