"""Every way Hedgerow can say no: one tree of errors, and one catalogue of codes with the next step for each.

::

    HedgerowError            anything a person can act on                              exit
    ├── Invalid              what was given is malformed or does not fit               3
    ├── Unreachable          a service, file or lock could not be had                  4
    ├── Refusal              understood, and refused; it has a kind                    5
    │     kind: never | not-yet | ask-differently | misconfigured
    └── Tampered             a signature, hash or log does not hold                    6

Exit 0 is success, 1 an unexpected fault (a bug: please report it), 2 a wrong command line.
A code is all that ever crosses the door. ``detail`` and ``faults`` are for the people at this machine: they may
name a file, line, column or option, never a value of a record.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

Kind = Literal["never", "not-yet", "ask-differently", "misconfigured"]


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue: what happened, what to do next and, for a refusal, its kind."""

    what: str
    next_step: str
    kind: Kind | None = None


# long because it is one table: every code in one place, so that a test can prove it complete
CATALOGUE: dict[str, Entry] = {
    code: Entry(entry["what"], entry["next"], entry.get("kind"))
    for code, entry in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}


class HedgerowError(Exception):
    """Base of everything a person can act on; always carries a code from the catalogue.

    ``detail`` says where, in one phrase; ``faults`` lists all faults at once. Neither may hold a record's value.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, code: str, detail: str = "", *, faults: Iterable[str] = ()) -> None:
        self.code = code
        self.entry = CATALOGUE[code]
        self.detail = detail
        self.faults = tuple(faults)
        super().__init__(f"{code}: {self.entry.what}" + (f" {detail}" if detail else ""))

    def __reduce__(self) -> tuple[object, ...]:
        """Go to another process as what it was made of: by itself, an exception is made again from its text."""
        return _again, (type(self), self.code, self.detail, self.faults)

    def explain(self) -> str:
        """Return what happened, where, and what to do next, as lines for a terminal."""
        head = f"{self.entry.what} ({self.detail})" if self.detail else self.entry.what
        return "\n".join(
            [f"{self.code}: {head}", *(f"  - {fault}" for fault in self.faults), f"Next: {self.entry.next_step}"]
        )


def _again(kind: type[HedgerowError], code: str, detail: str, faults: tuple[str, ...]) -> HedgerowError:
    return kind(code, detail, faults=faults)


class Invalid(HedgerowError):
    """What was given is malformed or does not fit."""

    exit_status = 3


class Unreachable(HedgerowError):
    """A service, file or lock could not be had."""

    exit_status = 4


class Refusal(HedgerowError):
    """Understood, and refused."""

    exit_status = 5

    @property
    def kind(self) -> Kind:
        """Say whether asking again can help: never, not-yet, ask-differently or misconfigured."""
        return self.entry.kind or "never"


class Tampered(HedgerowError):
    """A signature, a hash or a log does not hold."""

    exit_status = 6


__all__ = ["CATALOGUE", "Entry", "HedgerowError", "Invalid", "Kind", "Refusal", "Tampered", "Unreachable"]
