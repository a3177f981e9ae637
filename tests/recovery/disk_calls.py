"""What a program asks of its disk, call by call: to fail or kill it at one of them, or to cut the power after it."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTOR = 512  # bytes that a disk writes whole or not at all
CALLS = "pwrite64,write,ftruncate,fdatasync,fsync,unlink"
_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_PATH, _TEXT = re.compile(r"<((?:\\x[0-9a-f]{2}|[^<>\"])*)>"), re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def strace() -> str:
    """Return the tracer that sees, fails and kills system calls."""
    if shutil.which("strace") is None:
        subprocess.run(["apt-get", "install", "-qq", "-y", "strace"], check=True, stdout=subprocess.DEVNULL)
    found = shutil.which("strace")
    assert found
    return found


def run_under(options: list[str], program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run one of our programs under the tracer and return what it said and how it ended."""
    command = [strace(), "-f", "-qq", *options, sys.executable, str(program), *map(str, words)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=False, timeout=120)


def injected(call: str, what: str, program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a program in which a call goes wrong, such as ``signal=KILL:when=3`` or ``error=EIO:when=3+``."""
    options = ["-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}"]
    files = [f"{words[0]}/state.db{end}" for end in ("", "-wal", "-shm", "-journal")]
    return run_under([*options, *(word for file in files for word in ("-P", file))], program, *words)


@dataclass(frozen=True)
class Call:
    """One call: on which file, with which bytes, where; ``said`` are lines of standard output."""

    name: str
    file: str
    content: bytes = b""
    at: int = 0


def recorded(program: Path, folder: Path, *words: object) -> list[Call]:
    """Run a program and return its calls on the files of a folder, and what it said, in order."""
    trace = folder.with_suffix(".calls")
    run_under(["-o", str(trace), "-xx", "-y", "-s", str(2**20), "-e", f"trace={CALLS}"], program, folder, *words)
    lines = [found for line in trace.read_text().splitlines() if (found := _LINE.match(line)) and int(found[3]) >= 0]
    calls = [_call(found[1], found[2]) for found in lines]
    return [call for call in calls if call.file == "said" or call.file.startswith(f"{folder}/")]


def _call(name: str, arguments: str) -> Call:
    texts = [_plain(text) for text in _TEXT.findall(arguments)]
    if name == "unlink":
        return Call(name, texts[0].decode())
    number = int(re.match(r"\d+", arguments)[0])
    path = _plain((_PATH.search(arguments) or [""])[1]) if number != 1 else b"said"
    at = int(arguments.rsplit(", ", 1)[1]) if name in ("pwrite64", "ftruncate") else 0
    return Call(name, path.decode(), texts[0] if texts else b"", at)


def _plain(text: str) -> bytes:
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())


@dataclass
class Disk:
    """What of a folder is surely on the disk, file by file, and what was written and not yet forced to it."""

    sure: dict[str, bytearray] = field(default_factory=dict)
    waiting: dict[str, list[Call]] = field(default_factory=dict)
    said: list[list[str]] = field(default_factory=list)

    def take(self, call: Call) -> None:
        """Let a call happen."""
        if call.file == "said":
            self.said += [line.split() for line in call.content.decode().splitlines()]
        elif call.name == "unlink":
            self.sure.pop(call.file, None)
            self.waiting.pop(call.file, None)
        elif call.name in ("fdatasync", "fsync"):
            for write in self.waiting.pop(call.file, []):
                _apply(self.sure.setdefault(call.file, bytearray()), write)
        else:
            self.waiting.setdefault(call.file, []).append(call)

    def after_a_cut(self, how: str, rng: random.Random) -> dict[str, bytes]:
        """Return what is found when the power comes back.

        Of what was not forced to the disk, ``none`` is there, or ``all`` of it, or ``some``: any sectors of it.
        """
        found = {name: bytearray(content) for name, content in self.sure.items()}
        for name, writes in self.waiting.items():
            for write in writes if how != "none" else ():
                for part in _sectors(write) if how == "some" else (write,):
                    if how == "all" or rng.random() < 0.5:
                        _apply(found.setdefault(name, bytearray()), part)
        return {name: bytes(content) for name, content in found.items()}


def _sectors(write: Call) -> Iterator[Call]:
    """Yield a write as the sectors it touches, each of which is there or is not."""
    begin, end = write.at, write.at + len(write.content)
    while begin < end:
        stop = min(end, (begin // SECTOR + 1) * SECTOR)
        yield Call(write.name, write.file, write.content[begin - write.at : stop - write.at], begin)
        begin = stop
    if write.name == "ftruncate":
        yield write


def _apply(file: bytearray, write: Call) -> None:
    if write.name == "ftruncate":
        del file[write.at :]
        file.extend(bytes(write.at - len(file)))
        return
    file.extend(bytes(max(0, write.at - len(file))))
    file[write.at : write.at + len(write.content)] = write.content


__all__ = ["CALLS", "ROOT", "SECTOR", "Call", "Disk", "injected", "recorded", "run_under", "strace"]
