"""HMAC-SHA256 of many values is what the RFC says, in one process and in two, and the key is in no argument."""

import hmac
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy import keyed_hash
from privacy.keyed_hash import keyed_hashes, keyed_hashes_of_many, keyed_hashes_of_rows

KEY = bytes(range(32))
RFC_4231 = [  # its test cases 1, 2, 3 and 6
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
]


@pytest.mark.parametrize(("key", "value", "expected"), RFC_4231)
def test_the_rfcs_own_answers(key, value, expected):
    assert keyed_hashes(key, [value]).hex() == expected
    assert keyed_hashes_of_rows(key, value, len(value)).hex() == expected


@given(st.binary(max_size=150), st.lists(st.binary(max_size=150), max_size=30), st.integers(1, 32))
def test_it_is_the_librarys_hmac(key, values, size):
    expected = b"".join(hmac.digest(key, value, "sha256")[:size] for value in values)
    assert keyed_hashes(key, values, size=size) == expected


def rows(count, width=10):
    return b"".join(f"{i:0{width}d}".encode() for i in range(count))


@pytest.fixture
def started(monkeypatch):
    """Make a second process worth it from the first value on, and return what each was started with."""
    calls = []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **named):
            calls.append((arguments, named))
            super().__init__(*arguments, **named)

    monkeypatch.setattr(keyed_hash, "WORTH_A_SECOND_PROCESS", 1)
    monkeypatch.setattr(keyed_hash.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(subprocess, "Popen", Watched)
    return calls


@pytest.mark.parametrize("count", [1, 2, 3, 20_001])
def test_two_processes_give_what_one_gives(started, count):
    content = rows(count)
    one = keyed_hashes(KEY, [content[i : i + 10] for i in range(0, len(content), 10)], size=16)
    assert keyed_hashes_of_rows(KEY, content, 10, size=16) == one
    assert len(started) == 1


@given(st.lists(st.binary(max_size=150), min_size=1, max_size=300), st.integers(1, 32))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_processes_give_what_one_gives_whatever_the_lengths(started, values, size):
    started.clear()
    assert keyed_hashes_of_many(KEY, values, size=size) == keyed_hashes(KEY, values, size=size)
    assert len(started) == 1


def test_the_key_is_in_no_argument_and_no_environment(started):
    keyed_hashes_of_rows(KEY, rows(10), 10)
    ((command, *_), named) = started[0]
    assert command[1:3] == ["-I", "-S"]
    assert Path(command[3]).name == "keyed_hash.py"
    assert named["env"] == {}
    assert KEY.hex() not in repr(started)
    assert repr(KEY)[2:-1] not in repr(started)


@pytest.mark.parametrize("program", ["/bin/true", "/bin/false", "/nowhere/python"])
def test_where_the_second_process_fails_the_first_does_all(started, monkeypatch, program):
    monkeypatch.setattr(keyed_hash.sys, "executable", program)
    content = rows(30_000)
    one = keyed_hashes(KEY, [content[i : i + 10] for i in range(0, len(content), 10)])
    assert keyed_hashes_of_rows(KEY, content, 10) == one
    assert keyed_hashes_of_many(KEY, [content[i : i + 10] for i in range(0, len(content), 10)]) == one


def test_one_core_starts_no_second_process(started, monkeypatch):
    monkeypatch.setattr(keyed_hash.os, "sched_getaffinity", lambda _: {0})
    keyed_hashes_of_rows(KEY, rows(10), 10)
    keyed_hashes_of_many(KEY, [b"a"] * 10)
    assert not started
