"""What every command shares: the environment and clock it was given, its home, and where its words go."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import click
import typer

from privacy.computation import PACKAGES, Finder
from privacy.errors import Refusal, Unreachable

if TYPE_CHECKING:
    from coordinator.client import Client
    from coordinator.home import Home

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass
class Shell:
    """The surroundings of one command; ``named_home`` is what ``--home`` said."""

    environ: Mapping[str, str]
    now: Callable[[], datetime.datetime]
    sleep: Callable[[float], None]
    named_home: Path | None = None

    @classmethod
    def of(cls, context: typer.Context) -> Shell:
        """Return the shell that the program was started with."""
        return cast("Shell", context.obj)

    @property
    def home_path(self) -> Path:
        """Return the directory of the coordinator that the command is about."""
        from coordinator.settings import default_home

        return self.named_home or default_home(self.environ)

    def home(self, flags: Mapping[str, Any] | None = None) -> Home:
        """Open that directory; flags go before environment and file."""
        from coordinator.home import open_home

        return open_home(self.home_path, environ=self.environ, flags=flags)

    def client(self) -> Client:
        """Return a client of the serving coordinator, for as long as the command lasts."""
        from coordinator.client import Client

        home = self.home()
        at, identity = home.settings, home.identity
        client = Client(host=at.api_host, port=at.api_port, keys=home.keys, identity=identity, now=self.now)
        click.get_current_context().call_on_close(client.close)
        return client

    @property
    def finder(self) -> Finder:
        """Return what finds the computations that a study may use."""
        return Finder(*PACKAGES)


def say(lines: Iterable[str], document: object, *, as_json: bool) -> None:
    """Print data to stdout: text for people, or the document on one line."""
    text = json.dumps(document, ensure_ascii=False) if as_json else "\n".join(lines)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def confirm(question: str, *, yes: bool) -> None:
    """Return if the person at the terminal says yes; where nobody is, that is a no."""
    try:
        agreed = yes or (sys.stdin.isatty() and typer.confirm(question, err=True))
    except click.Abort:
        agreed = False
    if not agreed:
        raise Refusal("not-confirmed")


def tell(line: str) -> None:
    """Print progress to stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def write_new(path: Path, content: bytes) -> None:
    """Write a file for people, whole or not at all; one that is there already is never replaced."""
    from privacy.atomic import SHARED, put

    try:
        put(path, content, mode=SHARED)
    except OSError as error:
        raise Unreachable("file-unwritable", str(path)) from error


def write_new_directory(path: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into a directory that does not exist yet, and return them; on a fault none is left."""
    from tempfile import TemporaryDirectory

    try:
        with TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as unfinished:
            for name, content in files.items():
                (Path(unfinished) / name).write_bytes(content)
            path.mkdir()  # taken already: FileExistsError
            Path(unfinished).rename(path)  # onto an empty directory: at once
            path.chmod(0o755)
    except OSError as error:
        raise Unreachable("file-unwritable", str(path)) from error
    return [path / name for name in files]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return rows under a head, in columns; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    numeric = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in [list(head), *cells]
    ]


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "-"
    return True


__all__ = [
    "Json",
    "Shell",
    "Yes",
    "confirm",
    "say",
    "table",
    "tell",
    "write_new",
    "write_new_directory",
]
