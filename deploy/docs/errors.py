"""Print docs/errors.md from the catalogue: `.venv/bin/python deploy/docs/errors.py > docs/errors.md`."""

from privacy.errors import CATALOGUE, Entry, Invalid, Refusal, Tampered, Unreachable

TITLE = """# Errors

This page is printed from the catalogue in `privacy/errors.toml`; a test compares the two.

A code is all that ever crosses the door. What a command prints beside it (a file, a line, a column) is for
the people at that machine, and never a value of a record.
"""
KINDS = """
A refusal has a kind: **never** (asking again will not help), **not yet** (it may help later), **ask
differently** (another request may pass) or **misconfigured** (someone there must mend something first).
"""


def page() -> str:
    """Return the page: exit statuses, kinds of refusal, then every code in alphabetical order."""
    return TITLE + _statuses() + KINDS + _codes()


def _statuses() -> str:
    rows = ["0 | done", "1 | an unexpected fault: a bug, please report it", "2 | a wrong command line"]
    rows += [f"{kind.exit_status} | {_said(kind)}" for kind in (Invalid, Unreachable, Refusal, Tampered)]
    return "\n".join(["\n| exit | what it means |", "|---|---|", *(f"| {row} |" for row in rows), ""])


def _said(kind: type) -> str:
    said = (kind.__doc__ or "").splitlines()[0].rstrip(".")
    return said[:1].lower() + said[1:]


def _codes() -> str:
    head = ["\n| code | what happened | what to do next | kind |", "|---|---|---|---|"]
    return "\n".join([*head, *(_row(code, CATALOGUE[code]) for code in sorted(CATALOGUE)), ""])


def _row(code: str, entry: Entry) -> str:
    kind = (entry.kind or "").replace("-", " ")
    cells = (f"`{code}`", entry.what, entry.next_step, kind)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(page(), end="")
