"""``clock accept``: two people say that the clock is right now, though the log holds later times."""

from __future__ import annotations

import typer

from node.command.console import AsJson, Home, PassphraseFiles, SignedBy, keys_of, opened
from privacy.terminal import say

clock = typer.Typer(help="The clock, by which nothing in the log may run back.", no_args_is_help=True)


@clock.command("accept")
def accept(
    *,
    home: Home,
    signed_by: SignedBy,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Go on after a clock that ran ahead was set right: two people who may approve sign that it is right now.

    Set the clock first, and look at it. The leaf that this writes is the only one that may be older than the one
    before it.

    Example: hedgerow-node clock accept --signed-by ada=/media/ada/ada.key --signed-by ben=/media/ben/ben.key
    """
    from node.timekeeping import accept_clock

    node = opened(home)
    keys = keys_of(signed_by, passphrase_file, node)
    done = accept_clock(node.database, node.audit, node.policy, keys, node=node.fingerprint, now=node.now())
    text = f"the log goes on from {done.now}; its newest leaf before was of {done.was}"
    say({"was": done.was, "now": done.now}, text, as_json=as_json)


__all__ = ["accept", "clock"]
