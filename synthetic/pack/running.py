"""Runs a notebook in place, as a program of its own: its kernel listens on no port, and leaves nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config


def run(file: Path, *, own: Path, longest: int) -> None:
    """Run each cell where the notebook lies, errors and all, ``longest`` seconds a cell; sockets lie in ``own``."""
    document = nbformat.read(file, as_version=4)
    sockets = Config(KernelManager={"transport": "ipc", "ip": str(own / "kernel")})
    home = {"metadata": {"path": str(file.parent)}}
    NotebookClient(
        document, resources=home, config=sockets, timeout=longest, allow_errors=True, kernel_name="python3"
    ).execute()
    nbformat.write(document, file)


if __name__ == "__main__":
    run(Path(sys.argv[1]), own=Path(sys.argv[2]), longest=int(sys.argv[3]))

__all__ = ["run"]
