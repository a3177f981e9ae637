"""A node in a process of its own, to be started behind a slow link: it answers every sum of one study with zeros."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from privacy.canonical import parse
from privacy.signing import PublicKey
from privacy.study import from_document
from tests.coordinators import Site

NAME, ROOT, IDENTITY, FLEET, STUDY, HUB = "distant", "root.pem", "identity.pem", "fleet.pem", "study.json", "hub.key"


def main(address: str, folder: Path) -> None:
    """Hold the connection to ``address`` until the standard input ends; ``folder`` has keys, study and certificate."""
    from node.federation.fleet import FleetSettings, hold_connection

    identity, fleet = (load_pem_private_key((folder / name).read_bytes(), None) for name in (IDENTITY, FLEET))
    assert isinstance(identity, Ed25519PrivateKey)
    assert isinstance(fleet, EllipticCurvePrivateKey)
    site = Site(NAME, identity, fleet)
    study = from_document(parse((folder / STUDY).read_bytes()))
    hub = PublicKey((folder / HUB).read_text())
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    hold_connection(
        FleetSettings(address, (folder / ROOT).read_bytes(), fleet, folder),
        answer=lambda content, send: send(site.answer_zeros(study, hub, content)),
        refuse=lambda code, send: send(site.notice("refused", code=code)),
        stop=stop,
        on_state=lambda state: print(state, flush=True),  # noqa: T201 - how its parent follows it
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
