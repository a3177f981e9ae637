"""Is this node ready to answer? Cheap checks, asked every few seconds of a serving node: no file of records is read."""

from __future__ import annotations

import datetime
import os

from node.assemble import KEYSTORE, Node
from node.contact import CONNECTED, Contact
from node.doctor.outside import SILENT_SECONDS
from node.keystore import Keystore
from privacy.errors import Refusal, Unreachable
from privacy.health import Check, Look, well
from privacy.soundness import LEAST_FREE_BYTES, LEAST_FREE_FILES, look_at_clock


class Ready:
    """The checks of one serving node."""

    def __init__(self, node: Node, contact: Contact) -> None:
        self._node, self._contact = node, contact

    def checks(self) -> list[Check]:
        """Return the checks, in the order in which a request meets them."""
        return [
            Check("state", self._state),
            Check("keys", self._keys),
            Check("policy", self._policy),
            Check("clock", self._clock),
            Check("disk", self._disk),
            Check("coordinator", self._coordinator),
            Check("opt-outs", self._optouts),
            Check("paused", self._paused),
        ]

    def _state(self) -> Look:
        if self._node.database.failed:
            raise Unreachable("state-unwritable")
        self._node.database.one("SELECT 1 FROM account")
        return well("")

    def _keys(self) -> Look:
        Keystore.open(self._node.home / KEYSTORE, self._node.settings.wrapping_key_file)
        return well("")

    def _policy(self) -> Look:
        _ = self._node.policy
        return well("")

    def _clock(self) -> Look:
        newest = self._node.audit.newest_at()
        return look_at_clock(self._node.now(), datetime.datetime.fromisoformat(newest) if newest else None)

    def _disk(self) -> Look:
        room = os.statvfs(self._node.home)
        if room.f_bavail * room.f_frsize < LEAST_FREE_BYTES or (room.f_files and room.f_favail < LEAST_FREE_FILES):
            raise Unreachable("disk-full")
        return well("")

    def _coordinator(self) -> Look:
        touch = self._contact.touch
        silent = touch.seconds(self._node.now())
        if silent is None or silent > SILENT_SECONDS or touch.connection != CONNECTED:
            raise Unreachable("coordinator-unreachable")
        return well("")

    def _optouts(self) -> Look:
        row = self._node.database.one("SELECT as_of FROM optout_list")
        if row is None:
            raise Refusal("optouts-absent")
        days = (self._node.now().astimezone(datetime.UTC).date() - datetime.date.fromisoformat(row["as_of"])).days
        if not 0 <= days <= self._node.policy.optouts_at_most_days:
            raise Refusal("optouts-stale")
        return well("")

    def _paused(self) -> Look:
        if self._node.governance.register.paused:
            raise Refusal("node-paused")
        return well("")


__all__ = ["Ready"]
