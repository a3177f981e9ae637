"""The federation in one process keeps the promises of the real one."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from coordinator.federation.in_process import InProcessGrid


def test_only_the_nodes_that_are_asked_answer_each_with_its_own_bytes() -> None:
    grid = InProcessGrid({"one": lambda body: body + b"1", "two": lambda body: body + b"2", "three": bytes})
    replies = dict(grid.exchange({"one": b"a", "two": b"b", "unknown": b"c"}, deadline_seconds=5))
    assert replies == {"one": b"a1", "two": b"b2"}
    assert grid.online() == {"one", "two", "three"}


def test_a_node_past_the_deadline_is_missing_and_the_others_are_not() -> None:
    gate = threading.Event()

    def slow(body: bytes) -> bytes:
        gate.wait(5)
        return body

    grid = InProcessGrid({"slow": slow, "quick": bytes})
    assert [name for name, _ in grid.exchange({"slow": b"", "quick": b""}, deadline_seconds=0.2)] == ["quick"]
    gate.set()


def test_nothing_happens_before_the_first_reply_is_asked_for() -> None:
    asked: list[bytes] = []

    def note(body: bytes) -> bytes:
        asked.append(body)
        return body

    replies = InProcessGrid({"node": note}).exchange({"node": b"1"}, deadline_seconds=5)
    assert asked == []
    assert list(replies) == [("node", b"1")]


def test_a_handler_that_raises_is_a_fault_and_is_raised() -> None:
    def fail(_body: bytes) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(InProcessGrid({"node": fail}).exchange({"node": b""}, deadline_seconds=5))


def test_it_needs_no_flower() -> None:
    modules = "coordinator.federation.in_process, coordinator.federation.grid"
    program = f"import sys, {modules}; sys.exit('flwr' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
