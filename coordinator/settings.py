"""How a coordinator is set up: flags first, then environment, then ``coordinator.toml``, then defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from privacy.errors import Invalid, Unreachable
from privacy.fields import NAME

ProfileName = Literal["opensafely-like", "hes-like", "tre"]
LogLevel = Literal["debug", "info", "warning", "error"]
PREFIX = "HEDGEROW_COORDINATOR_"
HOME_VARIABLE = PREFIX + "HOME"
FILE = "coordinator.toml"


class Settings(BaseSettings):
    """Where to listen and how long to wait. Unknown names are faults: none may pass as a default."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=f"^{NAME.pattern}$", description="What nodes and operators call it.")
    api_host: str = Field("127.0.0.1", min_length=1, description="The address our API listens on.")
    api_port: int = Field(8440, ge=1, le=65535, description="The port our API listens on.")
    fleet_host: str = Field("127.0.0.1", min_length=1, description="The address for Flower's protocol.")
    fleet_port: int = Field(8441, ge=1, le=65535, description="The port for Flower's protocol.")
    deadline_seconds: float = Field(60.0, gt=0, le=86400, description="How long an exchange waits.")
    runs_at_once: int = Field(8, ge=1, le=64, description="How many studies run at a time; others queue.")
    largest_body_bytes: int = Field(2**20, ge=2**12, description="The largest request that our API reads.")

    health_host: str = Field("127.0.0.1", min_length=1, description="The address where a monitor may ask.")
    health_port: int = Field(0, ge=0, le=65535, description="The port for a monitor, plain HTTP; 0: none.")
    disclosure: ProfileName = Field("opensafely-like", description="Which rules for small groups tables are shown by.")
    log_level: LogLevel = Field("info", description="The least that is logged: debug, info, warning or error.")

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if (self.api_host, self.api_port) == (self.fleet_host, self.fleet_port):
            raise ValueError("api_port and fleet_port are two different ports")
        if self.health_port in {self.api_port, self.fleet_port}:
            raise ValueError("health_port is a port of its own")
        return self


def read_settings(home: Path, *, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of the coordinator in ``home``; all faults at once as ``settings-wrong``."""
    if not (home / FILE).is_file():
        raise Unreachable("home-absent", str(home))
    given = {k: v for k, v in (flags or {}).items() if v is not None}
    from_environ = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name != HOME_VARIABLE
    }
    return _or_faults(_sourced(home / FILE, from_environ), given, str(home / FILE))


def origins(home: Path, *, environ: Mapping[str, str]) -> dict[str, str]:
    """Return where each setting comes from: its variable in the environment, the file, or "default"."""
    written = tomllib.loads((home / FILE).read_text(encoding="utf-8"))

    def origin(name: str) -> str:
        if (variable := PREFIX + name.upper()) in environ:
            return variable
        return FILE if name in written else "default"

    return {name: origin(name) for name in Settings.model_fields}


def checked(values: Mapping[str, Any]) -> Settings:
    """Return settings from ``values`` and defaults alone; all faults at once as ``settings-wrong``."""
    return _or_faults(_sourced(None, {}), values, "")


def _or_faults(kind: type[Settings], given: Mapping[str, Any], where: str) -> Settings:
    try:
        return kind(**given)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise Invalid("settings-wrong", where, faults=faults) from None
    except (ValueError, OSError) as error:  # tomllib's, among others
        raise Invalid("settings-wrong", where, faults=[str(error)]) from None


def _sourced(file: Path | None, from_environ: Mapping[str, str]) -> type[Settings]:
    """Return the settings with their sources in order; the environment is given, never looked up."""

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the environment that was given instead
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no such file is read
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no secret is a setting
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            environment = InitSettingsSource(settings_cls, dict(from_environ))
            written = (TomlConfigSettingsSource(settings_cls, file),) if file else ()
            return init_settings, environment, *written

    return Sourced


def default_home(environ: Mapping[str, str]) -> Path:
    """Return the home when none is named: the environment's, else the user's own data directory."""
    if named := environ.get(HOME_VARIABLE):
        return Path(named)
    data = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local/share")
    return Path(data) / "hedgerow" / "coordinator"


__all__ = [
    "FILE",
    "HOME_VARIABLE",
    "PREFIX",
    "LogLevel",
    "ProfileName",
    "Settings",
    "checked",
    "default_home",
    "origins",
    "read_settings",
]
