"""No value reaches a log line, wherever somebody planted it; and both sides name an exchange alike."""

import io
import json
import logging
import sys
import threading
import warnings
from contextlib import contextmanager

import pytest
import structlog

from coordinator.command.logs import log_to_stderr as coordinator_logs
from node.logs import log_to_stderr as node_logs
from privacy.logs import HIDDEN, LONGEST_FIELD, clean, exchange_id

PLANTED = ("9434765919", "943 476 5919", "943-476-5919", "943.476.5919", "943\u00a0476\u00a05919")


@contextmanager
def written(log_to_stderr, monkeypatch, level="debug"):
    """Give what is written to stderr; everything that was set is set back."""
    kept = sys.excepthook, sys.unraisablehook, threading.excepthook, logging.getLogger().handlers, warnings.showwarning
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    try:
        log_to_stderr(level)
        yield out
    finally:
        sys.excepthook, sys.unraisablehook, threading.excepthook, handlers, warnings.showwarning = kept
        logging.getLogger().handlers = handlers
        structlog.reset_defaults()


def lines(out):
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("log_to_stderr", [node_logs, coordinator_logs], ids=["node", "coordinator"])
@pytest.mark.parametrize("number", PLANTED)
def test_a_number_planted_anywhere_reaches_no_line(log_to_stderr, number, monkeypatch):
    with written(log_to_stderr, monkeypatch) as out:
        log = structlog.get_logger()
        log.info("state", study=number, of=f"file {number}.csv", is_now=ValueError(number))
        log.info(f"event {number}")  # noqa: G004 - as somebody careless would
        log.info("listed", names=[number, {"a": number}], **{f"field {number}": 1})
        try:
            int(f"x{number}")
        except ValueError:
            log.exception("fault")
            logging.getLogger("a.library").exception("it read %s", number)
        logging.getLogger("a.library").warning(f"it read {number}")  # noqa: G004
        warnings.showwarning(f"about {number}", UserWarning, "/code/source.py", 3)
        thread = threading.Thread(target=lambda: int(f"x{number}"))
        thread.start()
        thread.join()
        sys.excepthook(ValueError, ValueError(number), None)
    text = out.getvalue()
    digits = "".join(c for c in text if c.isalnum())
    assert number not in text
    assert "9434765919" not in digits.replace("digits", "")
    found = lines(out)
    assert {"state", "library", "warning", "fault"} <= {line["event"] for line in found}
    assert {"ValueError"} <= {line.get("kind") or line.get("error") for line in found}
    assert all(line["timestamp"] and line["level"] for line in found)


def test_the_test_can_find_a_number_that_is_written(capsys):
    structlog.reset_defaults()
    structlog.get_logger().info("state", study=PLANTED[0])  # as a program would that never configured its logs
    assert PLANTED[0] in capsys.readouterr().out


def test_a_line_is_short_plain_and_one_line():
    fields = clean({"event": "x\ny\u2028z\x1b[31m", "long": "a" * 10_000, "many": list(range(9999)), "n": 7, "s": 0.5})
    assert fields["event"] == "x y z [31m"
    assert max(len(str(value)) for value in fields.values()) <= LONGEST_FIELD
    assert (fields["n"], fields["s"]) == (7, 0.5)
    assert clean({"n": 9434765919}) == {"n": HIDDEN}


def test_hashes_and_times_are_left_as_they_are():
    told = {"study": "sha256:" + "1234567890abcdef" * 4, "at": "2026-11-23T04:25:04+00:00", "address": "10.0.0.12:8440"}
    assert clean(told) == told


def test_a_level_leaves_out_what_is_below_it(monkeypatch):
    with written(node_logs, monkeypatch, "warning") as out:
        structlog.get_logger().info("state")
        structlog.get_logger().warning("refused")
    assert [line["event"] for line in lines(out)] == ["refused"]


def test_both_sides_name_an_exchange_alike_and_different_ones_apart():
    named = {exchange_id(study, place) for study in ("sha256:aa", "sha256:ab") for place in range(3)}
    assert len(named) == 6
    assert {len(name) for name in named} == {12}
