"""The join kit again: for another address, or with the authority's new certificate; who the coordinator is stays."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

from coordinator.home import JOIN_KIT, Home, kit_for
from coordinator.identity.certificates import read_certificates
from coordinator.identity.issuing import hosts_of
from coordinator.identity.keys import PRIVATE
from privacy.atomic import put
from privacy.enrolment import JoinKit
from privacy.errors import Invalid, Unreachable


def write_kit(home: Home, *, host: str | None, out: Path, now: datetime.datetime) -> JoinKit:
    """Write a join kit to a new file, for nodes that dial ``host``, or the address of the first kit.

    A host that the server's certificate does not name is ``host-uncertified``: no node would connect to it.
    """
    kit = _kit(home)
    if host is not None:
        kit = kit_for(home, host=host, split_key=kit.split_key)
        if host not in hosts_of(read_certificates(home.keys, now=now).server):
            raise Invalid("host-uncertified", host)
    try:
        put(out, kit.encode(), mode=PRIVATE)
    except OSError as error:
        raise Unreachable("file-unwritable", str(out)) from error
    return kit


def refresh_kit(home: Home) -> None:
    """Put the authority's present certificate into the kit in the coordinator's own directory."""
    put(home.path / JOIN_KIT, _kit(home).encode(), mode=PRIVATE, replace=True)


def _kit(home: Home) -> JoinKit:
    path = home.path / JOIN_KIT
    try:
        first = JoinKit.decode(path.read_bytes())
        return replace(first, root_certificate=home.keys.authority.read_text(encoding="ascii"))
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error


__all__ = ["refresh_kit", "write_kit"]
