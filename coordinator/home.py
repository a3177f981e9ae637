"""A coordinator's directory: made whole or not at all, opened by every command; it imports nothing heavy."""

from __future__ import annotations

import datetime
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.identity.keys import PRIVATE, PUBLIC, KeyFiles, create_keys, load_identity
from coordinator.migrations import FORMAT
from coordinator.settings import FILE, Settings, read_settings
from privacy.alone import alone
from privacy.atomic import put
from privacy.durable import Database
from privacy.enrolment import JoinKit
from privacy.errors import Refusal, Unreachable
from privacy.signing import PublicKey

DATABASE, KEYS, MODELS, FLEET, JOIN_KIT = "coordinator.db", "keys", "models", "fleet", "join.kit"
SERVE_LOCK = "serve.lock"
SPLIT_KEY_BYTES = 32


@dataclass(frozen=True)
class Home:
    """A coordinator's directory, opened."""

    path: Path
    settings: Settings

    @property
    def keys(self) -> KeyFiles:
        """Where its keys are."""
        return KeyFiles(self.path / KEYS)

    @cached_property
    def identity(self) -> Ed25519PrivateKey:
        """The key that signs its requests, its models and the operator's tokens."""
        return load_identity(self.keys)

    def alone(self) -> AbstractContextManager[None]:
        """Be the only one to serve this coordinator, or to upgrade its state; else ``coordinator-running``."""
        return alone(self.path / SERVE_LOCK, Unreachable("coordinator-running", str(self.path)))

    def database(self, *schemas: Sequence[str]) -> Database:
        """Open its state; each part of the room brings the tables of its own. One that is gone is not begun anew."""
        statements = [statement for schema in schemas for statement in schema]
        return Database(self.path / DATABASE, statements, file_format=FORMAT, new=False)


def make_home(path: Path, *, settings: Settings, hosts: Sequence[str], now: datetime.datetime) -> tuple[Home, JoinKit]:
    """Make a coordinator's directory, whole or not at all; nodes will dial the first of ``hosts``."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise Refusal("home-exists", str(path))
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}.unfinished")
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        kit = _fill(Home(unfinished, settings), hosts, now)
        os.rename(unfinished, path)  # noqa: PTH104 - as atomic as it looks, on an empty directory too
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Home(path, settings), kit


def open_home(path: Path, *, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Home:
    """Open a coordinator's directory; ``home-absent`` when none lives there."""
    return Home(path, read_settings(path, environ=environ, flags=flags))


def begin_anew(home: Home) -> None:
    """Put an empty state where it was lost; keys, join kit and models stay. One that is there is ``state-present``."""
    with home.alone():
        if (home.path / DATABASE).exists():
            raise Refusal("state-present", str(home.path / DATABASE))
        Database(home.path / DATABASE, (), file_format=FORMAT).close()


def _fill(home: Home, hosts: Sequence[str], now: datetime.datetime) -> JoinKit:
    settings = home.settings
    create_keys(home.keys, name=settings.name, hosts=hosts, now=now)
    for directory in (MODELS, FLEET):
        (home.path / directory).mkdir(mode=0o700)
    kit = kit_for(home, host=hosts[0], split_key=secrets.token_hex(SPLIT_KEY_BYTES))
    Database(home.path / DATABASE, (), file_format=FORMAT).close()
    put(home.path / JOIN_KIT, kit.encode(), mode=PRIVATE)
    put(home.path / FILE, _toml(settings).encode(), mode=PUBLIC)
    return kit


def kit_for(home: Home, *, host: str, split_key: str) -> JoinKit:
    """Return what a node needs to dial this coordinator at ``host``."""
    dialled = f"[{host}]" if ":" in host else host
    return JoinKit(
        name=home.settings.name,
        api=f"https://{dialled}:{home.settings.api_port}",
        fleet=f"{dialled}:{home.settings.fleet_port}",
        root_certificate=home.keys.authority.read_text(encoding="ascii"),
        public_key=PublicKey.of(home.identity).text,
        split_key=split_key,
    )


def _toml(settings: Settings) -> str:
    """Return the settings file that ``init`` writes: names and hosts hold nothing that TOML would quote."""
    lines = ["# Flags and HEDGEROW_COORDINATOR_… in the environment go before this file."]
    for name, value in settings.model_dump().items():
        about = type(settings).model_fields[name].description
        shown = f'"{value}"' if isinstance(value, str) else value
        lines.append(f"{name} = {shown}  # {about}")
    return "\n".join(lines) + "\n"


__all__ = [
    "DATABASE",
    "FLEET",
    "JOIN_KIT",
    "KEYS",
    "MODELS",
    "SERVE_LOCK",
    "SPLIT_KEY_BYTES",
    "Home",
    "begin_anew",
    "kit_for",
    "make_home",
    "open_home",
]
