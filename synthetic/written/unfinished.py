"""A data set in the making: a directory beside its place, in which every part that lies there whole is noted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from privacy.atomic import SHARED, put, sync_directory
from privacy.errors import HedgerowError, Invalid, Refusal, Unreachable
from synthetic.manifest import NAME, Manifest, Plan, Written, read_manifest

SUFFIX = ".unfinished"
PLAN, NOTES, LOCK = "plan.json", ".finished", ".lock"
MARGIN = 1.05  # of the disk's room over what is still to be written


class Unfinished:
    """What is there of one plan. Whoever has it open is alone with it: hold ``lock``."""

    def __init__(self, out: Path, plan: Plan) -> None:
        self.home = out.with_name(out.name + SUFFIX)
        self.lock = self.home / LOCK
        self._out, self._plan = out, plan
        self._parts: dict[int, list[Written]] = {}

    def begin(self, parts: int) -> None:
        """Note what is made here, or find that just this was begun and which parts are whole.

        ``data-set-half-made`` names what differs from what was begun here.
        """
        path, wanted = self.home / PLAN, json.loads(json.dumps(self._plan.document()))
        if not path.exists():
            if {each.name for each in self.home.iterdir()} - {LOCK}:
                raise Invalid("data-set-half-made", str(self.home), faults=[f"{PLAN}: is not there"])
            put(path, json.dumps(wanted, indent=2).encode(), mode=SHARED)
        found = _read(path)
        if not isinstance(found, dict):
            raise Invalid("data-set-half-made", str(self.home), faults=[f"{PLAN}: cannot be read"])
        if differing := [name for name in wanted if found.get(name) != wanted[name]]:
            begun = f"it was begun by: {found.get('command')}"
            raise Invalid("data-set-half-made", str(self.home), faults=[begun, f"what differs: {', '.join(differing)}"])
        (self.home / NOTES).mkdir(exist_ok=True)
        for number in range(parts):
            files = _files(_read(self._note(number)))
            if files and all(file.holds(self.home) for file in files):
                self._parts[number] = files

    def missing(self, parts: int) -> list[int]:
        """Return the parts that are not there, or not whole."""
        return [number for number in range(parts) if number not in self._parts]

    def add(self, number: int, files: Sequence[Written]) -> None:
        """Note a part whose files are forced to the disk."""
        self._parts[number] = list(files)
        put(self._note(number), json.dumps([asdict(file) for file in files]).encode(), mode=SHARED, replace=True)

    def files(self) -> list[Written]:
        """Return the files of all parts that are there."""
        return [file for number in sorted(self._parts) for file in self._parts[number]]

    def check_room(self, parts: int, room: float) -> None:
        """Stop in time when the rest, as large as what is there by the part, cannot fit: ``data-set-no-room``."""
        there = sum(file.bytes for file in self.files())
        needed = MARGIN * (room * there * parts / len(self._parts) - there)
        if needed > (free := shutil.disk_usage(self.home).free):
            detail = f"{self.home}: {needed / 1e6:,.0f} MB more are needed, {free / 1e6:,.0f} MB are free"
            raise Unreachable("data-set-no-room", detail)

    def ready(self) -> Manifest | None:
        """Return the manifest when only the last step, the data set's own name, is missing."""
        try:
            manifest = read_manifest(self.home)
        except HedgerowError:
            return None
        same = json.loads(json.dumps(self._plan.document())) == manifest.plan.document()
        return manifest if same and all(file.holds(self.home) for file in manifest.files) else None

    def end(self, manifest: Manifest) -> None:
        """Write the manifest, take away what is not of the data set, and give it its name by one rename."""
        put(self.home / NAME, manifest.encode(), mode=SHARED, replace=True)
        kept = {file.path for file in manifest.files} | {NAME, LOCK}
        for path in sorted(self.home.rglob("*"), reverse=True):  # what is inside comes before what it is in
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
                else:
                    sync_directory(path)
            elif path.relative_to(self.home).as_posix() not in kept:
                path.unlink()
        self.lock.unlink()
        sync_directory(self.home)
        try:
            self.home.rename(self._out)
        except OSError as error:  # somebody took the name meanwhile
            raise Refusal("data-set-exists", str(self._out)) from error
        sync_directory(self._out.parent)

    def _note(self, number: int) -> Path:
        return self.home / NOTES / f"{number:03d}.json"


def _read(path: Path) -> object:
    """Return what a JSON file says, None when it says nothing."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def _files(found: object) -> list[Written]:
    try:
        return [Written(**each) for each in found] if isinstance(found, list) else []
    except (TypeError, ValueError):
        return []


__all__ = ["LOCK", "MARGIN", "NOTES", "PLAN", "SUFFIX", "Unfinished"]
