"""Why somebody does something, in their words: the log keeps it for good, so it may tell of nobody."""

from __future__ import annotations

from privacy.errors import Refusal


def stated(reason: str) -> str:
    """Return a reason that the log may keep; none is ``purpose-absent``, one with an identifier is refused."""
    from privacy.discovery import identifiers_in  # noqa: PLC0415 - numpy

    reason = reason.strip()
    if not reason:
        raise Refusal("purpose-absent")
    if found := identifiers_in(reason):
        raise Refusal("reason-identifying", ", ".join(found))
    return reason


__all__ = ["stated"]
