"""``fleet`` and ``join``: how the node and its coordinator know each other, and what of it may change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.command.console import AsJson, Home, PassphraseFiles, SignedBy, keys_of, opened
from privacy.terminal import progress, say

fleet = typer.Typer(help="What the coordinator knows this node by.", no_args_is_help=True)


@fleet.command("show")
def show(*, home: Home, as_json: AsJson = False) -> None:
    """Show both fingerprints, to compare by telephone, the addresses dialled, and which fleet key is the newest.

    Example: hedgerow-node fleet show
    """
    from cryptography import x509

    from node.linking import FLEET
    from privacy.signing import PublicKey, read_aloud

    node = opened(home)
    coordinator, newest = node.coordinator.fingerprint, node.keystore.newest(FLEET)
    try:
        ends = x509.load_pem_x509_certificate(node.kit.root_certificate.encode()).not_valid_after_utc.isoformat()
    except ValueError:
        ends = ""
    data = {
        "name": node.settings.name,
        "fingerprint": node.fingerprint,
        "read_aloud": read_aloud(node.fingerprint),
        "public_key": PublicKey.of(node.key).text,
        "coordinator": node.kit.name,
        "coordinator_fingerprint": coordinator,
        "coordinator_read_aloud": read_aloud(coordinator),
        "api": node.kit.api,
        "fleet": node.kit.fleet,
        "authority_ends": ends,
        "fleet_key": newest,
    }
    lines = [
        f"this node    {node.settings.name}  {node.fingerprint}",
        f"             {data['read_aloud']}",
        f"             public key {data['public_key']}, for policies that pin this node as a witness",
        f"coordinator  {node.kit.name}  {coordinator}",
        f"             {data['coordinator_read_aloud']}",
        f"dialled at   {node.kit.api}, {node.kit.fleet}; its authority ends {ends[:10] or 'at no readable date'}",
        f"fleet key    {newest}",
    ]
    say(data, "\n".join(lines), as_json=as_json)


@fleet.command("rotate")
def rotate(*, home: Home, as_json: AsJson = False) -> None:
    """Make a new key for Flower's connection, and write rotation.txt for the coordinator's operator.

    Who this node is does not change. A serving node goes on with the key that it has, and switches by itself when the
    operator has run `hedgerow-coordinator node rotate rotation.txt`; from then on the old key is refused.

    Example: hedgerow-node fleet rotate
    """
    from node.linking import rotate_fleet_key

    node = opened(home)
    made = rotate_fleet_key(node)
    progress(f"Send {made.file} to the coordinator's operator: it holds no secret, and the node's signature.")
    data = {"fingerprint": node.fingerprint, "serial": made.serial, "rotation": str(made.file)}
    say(data, f"fleet key {made.serial} of {node.fingerprint}: {made.file}", as_json=as_json)


def join(
    *,
    kit: Annotated[Path, typer.Argument(help="The join kit that the coordinator's operator wrote anew.")],
    home: Home,
    signed_by: SignedBy,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Take over a new kit of the same coordinator: other addresses, or another certificate. Two people sign.

    The coordinator's own key and the split key stay: a kit of another coordinator is refused, whatever its name, and
    needs a node of its own. Restart `hedgerow-node serve` afterwards.

    Example: hedgerow-node join join.kit --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.linking import accept_kit, read_kit

    new, node = read_kit(kit), opened(home)
    changed = accept_kit(node, new, keys_of(signed_by, passphrase_file, node))
    if changed:
        progress("Restart `hedgerow-node serve`: it dials what it knew when it started.")
    data = {"changed": changed, "api": new.api, "fleet": new.fleet, "coordinator": node.coordinator.fingerprint}
    say(data, f"{'in force' if changed else 'in force already'}: {new.api}, {new.fleet}", as_json=as_json)


__all__ = ["fleet", "join", "rotate", "show"]
