"""Is it well? A check is a small function in a list; what it finds has a name, a state and the next thing to type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from privacy.canonical import Document
from privacy.errors import HedgerowError

State = Literal["ok", "warn", "fail", "skip"]
UNEXPECTED = 1  # a check that itself failed: a fault of ours, which every named failure outranks


@dataclass(frozen=True)
class Finding:
    """What one check found, without a value; ``exit_status`` is that of the class of failure, 0 while none."""

    check: str
    state: State
    found: str
    next_step: str = ""
    code: str = ""
    exit_status: int = 0

    def document(self) -> Document:
        """Return the finding as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Look:
    """What a check saw; the runner adds the check's name."""

    state: State
    found: str
    next_step: str = ""
    code: str = ""
    exit_status: int = 0


@dataclass(frozen=True)
class Check:
    """One question to put to an installation: ``look`` answers, or raises an error of the catalogue."""

    name: str
    look: Callable[[], Look]


def well(found: str) -> Look:
    """Return that all is as it should be."""
    return Look("ok", found)


def beware(found: str, next_step: str) -> Look:
    """Return what will go wrong unless somebody acts; nothing has stopped yet."""
    return Look("warn", found, next_step)


def skipped(found: str) -> Look:
    """Return that this could not be looked at, through no fault of its own."""
    return Look("skip", found)


def wrong(error: HedgerowError, found: str = "", next_step: str = "") -> Look:
    """Return a failure by its code; its own words and next step may be told more exactly."""
    text = found or (f"{error.entry.what} ({error.detail})" if error.detail else error.entry.what)
    text += "".join(f"\n- {fault}" for fault in error.faults)
    return Look("fail", text, next_step or error.entry.next_step, error.code, error.exit_status)


def examine(checks: Iterable[Check]) -> list[Finding]:
    """Run every check, each by itself: none can stop another, or end the examination.

    The same fault met again by a later check is "skip": it is told once. Of an exception that is not ours only its
    type is told.
    """
    findings: list[Finding] = []
    told: dict[tuple[str, str], str] = {}
    for check in checks:
        try:
            seen = check.look()
        except HedgerowError as error:
            earlier = told.setdefault((error.code, error.detail), check.name)
            seen = wrong(error) if earlier == check.name else skipped(f"not looked at: {earlier} comes first")
        except Exception as error:  # noqa: BLE001 - a broken installation must not break who examines it
            seen = Look("fail", f"the check itself failed ({type(error).__name__})", REPORT, "fault", UNEXPECTED)
        findings.append(Finding(check.name, seen.state, seen.found, seen.next_step, seen.code, seen.exit_status))
    return findings


REPORT = "Mend what failed above, run doctor again, and report this if it stays."


def worst(findings: Sequence[Finding]) -> int:
    """Return the exit status: that of the worst failure, in the order tampered, refused, out of reach, invalid.

    A check that itself failed counts least; warnings alone are 0.
    """
    return max((each.exit_status for each in findings if each.state == "fail"), default=0)


def report(findings: Sequence[Finding]) -> str:
    """Return the findings as lines for a terminal: a state, a name, what was found, and below it what to type."""
    lines = []
    for each in findings:
        head, *more = each.found.split("\n")
        lines.append(f"{each.state:<5} {each.check:<14} {head}")
        lines += [f"{'':<20} {line}" for line in more]
        if each.next_step:
            lines.append(f"{'':<20} Next: {each.next_step}")
    counts = {state: sum(each.state == state for each in findings) for state in ("ok", "warn", "fail", "skip")}
    lines.append("")
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    return "\n".join(lines)


__all__ = [
    "REPORT",
    "UNEXPECTED",
    "Check",
    "Finding",
    "Look",
    "State",
    "beware",
    "examine",
    "report",
    "skipped",
    "well",
    "worst",
    "wrong",
]
