"""A study tried on nobody in a process of its own: what it imports, torch among them, is gone when it has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from privacy.canonical import Document
from privacy.computation import Finder
from privacy.dry_run import dry_run
from privacy.errors import CATALOGUE, HedgerowError, Invalid, Refusal
from privacy.study import Study, from_document

TRIAL_SECONDS = 300.0  # a busy machine loads torch slowly; nobody waits for it but the study itself
_PROGRAM = "from node.trial import main; main()"


def try_apart(study: Study, finder: Finder) -> None:
    """Do what ``dry_run`` does, in another process; a service that only waits for studies keeps no torch in memory."""
    asked = json.dumps({"study": study.document(), "packages": finder.packages}).encode()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-P", "-c", _PROGRAM],
            input=asked,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TRIAL_SECONDS,
            check=False,
        )
        said: Document = json.loads(done.stdout)
        code, detail = said["code"], said["detail"]
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        raise Invalid("dry-run-failed", type(error).__name__) from None
    if code:
        kind: type[HedgerowError] = Refusal if CATALOGUE[code].kind else Invalid
        raise kind(code, detail)


def main() -> None:
    """Try the study on stdin, and write its code and detail to stdout: empty when it ran through."""
    asked = json.load(sys.stdin)
    said = {"code": "", "detail": ""}
    try:
        dry_run(from_document(asked["study"]), Finder(*asked["packages"]))
    except HedgerowError as error:
        said = {"code": error.code, "detail": error.detail}
    json.dump(said, sys.stdout)


__all__ = ["TRIAL_SECONDS", "main", "try_apart"]
