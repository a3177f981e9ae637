"""How this node is set up: flag over environment (``HEDGEROW_NODE_*``) over ``node.toml`` over default."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from node.environment import HOME_VARIABLE, PREFIX, LogLevel
from privacy.errors import Invalid, Unreachable
from privacy.fields import NAME

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE = "node.toml"
NAME_RULE = "is made of small letters, digits, - and _, such as st-marys"


class Settings(BaseSettings):
    """One node's settings. No secret is among them: secrets are in the keystore, people's keys with the people."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{NAME.pattern}$", description="What the coordinator and its people call the node.")
    wrapping_key_file: Path = Field(description="The key that opens the keystore; outside the node's directory.")
    poll_seconds: float = Field(10.0, gt=0, le=3600, description="How often to ask the coordinator for studies.")
    checkpoint_seconds: float = Field(3600.0, gt=0, description="How often to sign the audit log's size and root.")

    health_host: str = Field("127.0.0.1", min_length=1, description="Where a monitor may ask how the node is.")
    health_port: int = Field(0, ge=0, le=65535, description="The port for that; 0: the node listens nowhere.")
    log_level: LogLevel = Field("info", description="The least that is logged: debug, info, warning or error.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the environment that was given instead
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no such file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no secret is a setting
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what ``read_settings`` gathered, and nothing else."""
        del settings_cls
        return (init_settings,)


def read_settings(home: Path, *, environ: Mapping[str, str], flags: Mapping[str, object] | None = None) -> Settings:
    """Return the settings of the node in ``home``; all faults at once as ``settings-wrong``, never a value."""
    if not (home / FILE).is_file():
        raise Unreachable("home-absent", str(home))
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    from_environ = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name != HOME_VARIABLE
    }
    try:
        return Settings(**{**TomlConfigSettingsSource(Settings, home / FILE)(), **from_environ, **given})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {_said(e)}" for e in error.errors(include_input=False)]
        raise Invalid("settings-wrong", str(home / FILE), faults=faults) from None
    except (OSError, ValueError) as error:
        raise Invalid("settings-wrong", str(home / FILE), faults=["is not TOML text"]) from error


def _said(fault: ErrorDetails) -> str:
    """Return what is wrong with a setting; a pattern is told in words."""
    return NAME_RULE if fault["type"] == "string_pattern_mismatch" else fault["msg"]


def origins(home: Path, *, environ: Mapping[str, str]) -> dict[str, str]:
    """Return where each setting comes from: its variable in the environment, the file, or "default"."""
    written = tomllib.loads((home / FILE).read_text(encoding="utf-8"))

    def origin(name: str) -> str:
        if (variable := PREFIX + name.upper()) in environ:
            return variable
        return FILE if name in written else "default"

    return {name: origin(name) for name in Settings.model_fields}


__all__ = [
    "FILE",
    "HOME_VARIABLE",
    "NAME_RULE",
    "PREFIX",
    "LogLevel",
    "Settings",
    "origins",
    "read_settings",
]
