"""How this node is set up: flag over environment (``HEDGEROW_NODE_*``) over ``node.toml`` over default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from privacy.errors import Invalid, Unreachable

FILE = "node.toml"
PREFIX = "HEDGEROW_NODE_"
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,62}$"


class Settings(BaseSettings):
    """One node's settings. No secret is among them: secrets are in the keystore, people's keys with the people."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX)

    name: str = Field(pattern=NAME_PATTERN, description="The node's name, as people call it.")
    wrapping_key_file: Path = Field(description="The key that opens the keystore; outside the node's directory.")
    poll_seconds: float = Field(1.0, gt=0, le=3600, description="How often to ask the coordinator for studies.")
    checkpoint_seconds: float = Field(3600.0, gt=0, description="How often to sign the audit log's size and root.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what ``read_settings`` gathered, and nothing from the process's own environment."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class _Environ(EnvSettingsSource):
    """The environment that was given, not the process's own."""

    environ: Mapping[str, str] = {}

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self.environ.items()}


def read_settings(home: Path, environ: Mapping[str, str], **flags: object) -> Settings:
    """Return the settings of the node in ``home``; ``settings-malformed`` lists all faults, never a value."""
    if not (home / FILE).is_file():
        raise Unreachable("node-absent", str(home))
    environment = type("_Given", (_Environ,), {"environ": environ})
    try:
        toml: dict[str, Any] = TomlConfigSettingsSource(Settings, home / FILE)()
        return Settings(**{**toml, **environment(Settings)(), **InitSettingsSource(Settings, dict(flags))()})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise Invalid("settings-malformed", str(home / FILE), faults=faults) from None
    except (OSError, ValueError) as error:
        raise Invalid("settings-malformed", str(home / FILE), faults=["is not TOML text"]) from error


def toml_lines(fields: Mapping[str, object]) -> str:
    """Return plain fields (texts, numbers, lists of texts) as TOML: JSON writes these the same way."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())


__all__ = ["FILE", "NAME_PATTERN", "PREFIX", "Settings", "read_settings", "toml_lines"]
