"""This node's keys: what each is for, and how the wrapping key and the records key change while the node lives."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from node.assemble import KEYSTORE, Node, open_node
from node.clock import Clock, stamp
from node.data_version import COLUMN_OF, REWRITTEN
from node.keystore import KEY_BYTES, Keystore, make_wrapping_key
from node.settings import FILE, read_settings
from node.store import Swap
from node.vault import BEFORE, FAMILY
from privacy.atomic import put
from privacy.canonical import JSON
from privacy.errors import Refusal, Unreachable

ROTATED, DESTROYED = "key-rotated", "keys-destroyed"
WRAPPING = "wrapping"
PURPOSES: Mapping[str, str] = {  # by the name before the @
    "fleet": "proves to the coordinator's connection that this is the node",
    "identity": "is the node: signs what leaves, and seals the log; never rotates",
    "join": "whom the node obeys: the coordinator's addresses, certificate and key",
    "optouts": "the opt-out list of version 0.1; goes with the next rewrite",
    "pseudonym": "turns NHS numbers into pseudonyms, for good",
    "pseudonym-next": "waits for a rotation to be committed; goes with the next one",
    "reversible": "turns NHS numbers into pseudonyms, and back where two people approve",
    "reversible-next": "waits for a rotation to be committed; goes with the next one",
    "split": "says who is held back, alike at every node; never rotates",
    "store": "wraps the keys of the files of records",
}
_SETTING = re.compile(r"^wrapping_key_file\s*=.*$", re.MULTILINE)


@dataclass(frozen=True)
class KeyLine:
    """One key of the keystore: its id, what it is for, and how many files' keys it wraps."""

    id: str
    purpose: str
    files: int


def key_lines(node: Node) -> list[KeyLine]:
    """Return the keys by name; nothing of a key itself."""
    vault = node.store.files.vault
    return [KeyLine(k, PURPOSES.get(k.split("@")[0], ""), len(vault.under(k))) for k in node.keystore.key_ids]


def rotate_wrapping(home: Path, *, new: Path, environ: Mapping[str, str], now: Clock) -> Path:
    """Put the keystore under the key in ``new``, made if it is not there; return the file that opens nothing any more.

    After a crash one of the two files opens the keystore, and the same command goes on from there.
    """
    old, new = read_settings(home, environ=environ).wrapping_key_file, new.absolute()
    if old.resolve() == new.resolve():
        raise Refusal("wrapping-key-same", str(new))
    if new.resolve().is_relative_to(home.resolve()):
        raise Refusal("wrapping-key-inside", str(new))
    try:
        keystore = Keystore.open(home / KEYSTORE, old)
    except (Refusal, Unreachable) as error:
        if not new.exists() or error.code not in ("wrapping-key-absent", "wrapping-key-wrong"):
            raise
        Keystore.open(home / KEYSTORE, new)  # an earlier try came this far; otherwise this says what is wrong
    else:
        if not new.exists():
            make_wrapping_key(new)
        keystore.rewrap(new)
    _note(open_node(home, environ, now, flags={"wrapping_key_file": new}), ROTATED, {"key": WRAPPING})
    _point_to(home / FILE, new)  # last: until then the same command goes on from wherever it was cut short
    return old


def rotate_records(node: Node, *, rewrite: bool) -> str:
    """Wrap the keys of new files under a new records key, and return its id.

    With ``rewrite`` every older file is written anew under a key of its own, then the records keys before are
    destroyed. A rewrite that was cut short, or never begun, is finished before another key is made.
    """
    newest = node.keystore.family(FAMILY)[-1]
    if not (rewrite and len(node.keystore.family(FAMILY)) > 1):
        newest = node.keystore.put_next(FAMILY, secrets.token_bytes(KEY_BYTES))
        _note(node, ROTATED, {"key": newest})
    if rewrite:
        for swap in _under_others(node, newest):
            node.store.change(REWRITTEN, {"key": newest}, partial(_filled, node, swap), now=node.now())
        _destroy_others(node, newest)
    return newest


def _under_others(node: Node, newest: str) -> Iterator[Swap]:
    done = set(node.store.files.vault.under(newest))
    for version in node.store.all():
        for kind in COLUMN_OF:
            if version.file_of(kind) not in done:
                yield Swap(version, kind)
    row = node.database.one("SELECT file FROM optout_list")
    if row is not None and row["file"] not in done:
        yield Swap(None)


def _filled(node: Node, swap: Swap) -> list[Swap]:
    """Return the swap with what the file holds now that nobody else changes it."""
    if swap.version is None:
        return [Swap(None, optouts=node.store.optouts())]
    return [Swap(swap.version, swap.kind, node.store.parts(swap.version, swap.kind))]


def _destroy_others(node: Node, newest: str) -> None:
    """Destroy the records keys before, unless a load that began earlier still used one."""
    with node.store.files.alone():
        old = [*node.keystore.family(FAMILY)[:-1], *({BEFORE[True]} & set(node.keystore.key_ids))]
        if any(node.store.files.vault.under(key_id) for key_id in old):
            raise Unreachable("store-busy", f"a file came meanwhile that {newest} does not wrap")
        node.keystore.change(take_out=old)
    if old:
        names: list[JSON] = [*old]
        _note(node, DESTROYED, {"keys": names})


def _note(node: Node, event: str, facts: Mapping[str, JSON]) -> None:
    with node.database.transaction() as connection:
        node.audit.append(connection, event, facts, at=stamp(node.now()))
    node.sign_log()


def _point_to(settings: Path, wrapping_key_file: Path) -> None:
    """Change one line of the settings, whole or not at all."""
    try:
        text = settings.read_text(encoding="utf-8")
        line = f"wrapping_key_file = {json.dumps(str(wrapping_key_file), ensure_ascii=False)}"
        changed = _SETTING.sub(lambda _: line, text) if _SETTING.search(text) else f"{line}\n{text}"
        put(settings, changed.encode(), replace=True)
    except OSError as error:
        raise Unreachable("home-unwritable", str(settings)) from error


__all__ = [
    "DESTROYED",
    "PURPOSES",
    "ROTATED",
    "WRAPPING",
    "KeyLine",
    "key_lines",
    "rotate_records",
    "rotate_wrapping",
]
