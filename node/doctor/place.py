"""Checks of where a node lives: settings, permissions, secrets, disk, state file, software."""

from __future__ import annotations

from collections.abc import Iterable

from node.assemble import KEYSTORE
from node.doctor.subject import Subject
from node.keystore import Keystore
from privacy.health import Check, Look, well
from privacy.rooms import check_rooms
from privacy.software import package_sha256
from privacy.soundness import look_at_disk, look_at_modes, look_at_versions

PINNED = {"flwr": "1.41.0", "torch": "2.13.0"}  # pyproject.toml says why these two are pinned exactly


def checks(subject: Subject) -> Iterable[Check]:
    """Yield the checks of one node's place."""
    return (
        Check("software", _software),
        Check("settings", lambda: _settings(subject)),
        Check("permissions", lambda: look_at_modes(subject.home)),
        Check("keys", lambda: keys(subject)),
        Check("disk", lambda: look_at_disk(subject.home)),
        Check("state", subject.look_at_state),
    )


def keys(subject: Subject) -> Look:
    """Open the keystore: the wrapping key is there, outside the home, for this account alone, and fits."""
    store = Keystore.open(subject.home / KEYSTORE, subject.settings.wrapping_key_file)
    return well(f"the wrapping key opens {len(store.key_ids)} keys")


def _software() -> Look:
    check_rooms()
    return look_at_versions(PINNED, package_sha256())


def _settings(subject: Subject) -> Look:
    return well(f"{len(type(subject.settings).model_fields)} settings, each understood")


__all__ = ["PINNED", "checks", "keys"]
