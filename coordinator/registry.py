"""Finished models: one sealed file each, named by its own hash, written once and never over another."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from models.version import ModelVersion, version_of
from privacy.atomic import put
from privacy.durable import Database
from privacy.errors import Refusal, Tampered, Unreachable
from privacy.study import Study

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS model (
        study TEXT PRIMARY KEY REFERENCES study (hash), version TEXT NOT NULL, made_at TEXT NOT NULL) STRICT""",
)
MODE = 0o644
ENDING = ".model"


class Registry:
    """The models in one directory, found by the hash of the study that made them; one study makes one model."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database, self._directory = database, directory

    def keep(self, model: ModelVersion, sealed: bytes) -> str:
        """Write a sealed model, then enter it in the register; return its version."""
        version = version_of(sealed)
        with suppress(FileExistsError):  # the same bytes, from a run that was cut off just here
            put(self._path(version), sealed, mode=MODE)
        with self._database.transaction() as write:
            if write.execute("SELECT 1 FROM model WHERE study = ?", [model.study.hash]).fetchone():
                raise Refusal("study-finished", model.study.name)
            values = [model.study.hash, version, model.made_at]
            write.execute("INSERT INTO model VALUES (?, ?, ?)", values)
        return version

    def version(self, study: Study) -> str | None:
        """Return the version of the model that a study made, if it has."""
        row = self._database.one("SELECT version FROM model WHERE study = ?", [study.hash])
        return str(row["version"]) if row else None

    def read(self, study: Study) -> bytes:
        """Return a study's sealed model, its hash checked; ``model-absent`` while there is none."""
        version = self.version(study)
        if version is None:
            raise Refusal("model-absent", study.name)
        try:
            content = self._path(version).read_bytes()
        except OSError as error:
            raise Unreachable("file-unreadable", str(self._path(version))) from error
        if version_of(content) != version:
            raise Tampered("signature-wrong", str(self._path(version)))
        return content

    def _path(self, version: str) -> Path:
        return self._directory / (version.removeprefix("sha256:") + ENDING)


__all__ = ["ENDING", "MODE", "SCHEMA", "Registry"]
