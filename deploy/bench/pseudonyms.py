"""Ten million NHS numbers from Arrow strings to pseudonyms, beside what openssl says HMAC-SHA256 can do here."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from deploy.bench.processes import MEGABYTE
from deploy.bench.run import Figure
from node.persons import FIELD, PEOPLE, arrow_texts
from privacy.identifiers import WEIGHTS, check_nhs_number_bytes, ten_digits
from privacy.pseudonyms import Domain, Mode, Pseudonyms, held_back

PEOPLE_COUNT = 10_000_000
SECONDS: dict[Mode, float] = {"k": 10, "r": 6}
NAMES: dict[Mode, str] = {"k": "irreversible", "r": "reversible"}


def figures() -> Iterator[Figure]:
    """Take both modes, each in a process of its own, so that its memory is its own."""
    limit = _openssl()
    for mode, seconds in SECONDS.items():
        took = _measured(mode)
        name, whole = NAMES[mode], sum(took["seconds"].values())
        parts = ", ".join(f"{part} {spent:.1f}" for part, spent in took["seconds"].items())
        against = (
            f"10 M NHS numbers: {parts}; {took['processor']:.1f} s of processors; held back: {took['held_back']:.1f}"
        )
        yield Figure(f"pseudonym_seconds_{name}", whole, "s", seconds, "at_most", against)
        yield Figure(f"pseudonym_memory_{name}", took["megabytes"], "MB", 3000, "at_most", "input included")
        rate = PEOPLE_COUNT / took["seconds"]["pseudonyms"]
        beside = f"a second, to openssl's HMAC-SHA256 of 64 bytes on one core: {limit / 1e6:.1f} M"
        aim = 0.25 if mode == "k" else 1.0
        yield Figure(f"pseudonym_rate_{name}_to_openssl", rate / limit, "ratio", aim, "at_least", beside)


def _openssl() -> float:
    """Return how many 64-byte messages a second openssl's own speed test authenticates on one core."""
    command = ["openssl", "speed", "-seconds", "3", "-bytes", "64", "-hmac", "sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kilobytes = re.search(r"^hmac\(sha256\)\s+([0-9.]+)k", said, re.MULTILINE)
    if kilobytes is None:
        sys.exit("openssl speed printed another table than expected")
    return float(kilobytes[1]) * 1000 / 64


def _measured(mode: Mode) -> dict:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "deploy.bench.pseudonyms", mode]
    return json.loads(subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True).stdout)


def measure(mode: Mode) -> dict:
    """Judge and name them all in this process; return seconds by part and the peak of memory, helpers included."""
    column = pa.Array.from_buffers(pa.string(), PEOPLE_COUNT, [None, *_column()])
    names = Pseudonyms.under(os.urandom(32), Domain(PEOPLE, FIELD, 1), mode)
    at, before = [time.perf_counter()], _processor_seconds()
    _, offsets, content = column.buffers()
    judged = check_nhs_number_bytes(
        np.frombuffer(content, np.uint8), np.frombuffer(offsets, np.int32), allow_test_numbers=True
    )
    written = ten_digits(judged.values[judged.ok])
    at.append(time.perf_counter())
    bits = names.bits(written)
    at.append(time.perf_counter())
    texts = arrow_texts(bits, names.tag)
    at.append(time.perf_counter())
    processor = _processor_seconds() - before
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    if len(texts) != PEOPLE_COUNT:
        sys.exit("some were not taken for NHS numbers")
    held_back(os.urandom(32), written)
    spent = [then - now for now, then in pairwise(at)]
    parts = dict(zip(("check", "pseudonyms", "as Arrow text"), spent, strict=True))
    spare = time.perf_counter() - at[-1]
    return {"seconds": parts, "processor": processor, "held_back": spare, "megabytes": peak / MEGABYTE}


def _processor_seconds() -> float:
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _column() -> tuple[pa.Buffer, pa.Buffer]:
    """Return offsets and letters of distinct numbers of the range that is never issued."""
    stems = 900_000_000 + np.arange(PEOPLE_COUNT * 11 // 10 + 1000, dtype=np.int64)
    total = np.zeros(len(stems), np.int64)
    left = stems.copy()
    for weight in WEIGHTS[8::-1].tolist():
        left, digit = np.divmod(left, 10)
        total += digit * weight
    check = -total % 11
    numbers = (stems * 10 + check)[check < 10][:PEOPLE_COUNT]
    offsets = np.arange(0, 10 * PEOPLE_COUNT + 1, 10, dtype=np.int32)
    return pa.py_buffer(offsets), pa.py_buffer(ten_digits(np.random.default_rng(1).permutation(numbers)))


if __name__ == "__main__":
    print(json.dumps(measure("r" if sys.argv[1] == "r" else "k")))

__all__ = ["NAMES", "PEOPLE_COUNT", "SECONDS", "figures", "measure"]
