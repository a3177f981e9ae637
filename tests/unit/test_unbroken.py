"""A log on a full disk loses lines, and nothing else."""

from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from privacy.unbroken import Unbroken


def test_a_log_on_a_full_disk_loses_its_lines_and_no_more():
    full = Path("/dev/full").open("w")  # noqa: SIM115 - closing it raises too
    structlog.PrintLogger(Unbroken(full)).info("a line")
    with pytest.raises(OSError):  # the control: without it, saying so raises
        structlog.PrintLogger(full).info("a line")
    with suppress(OSError):
        full.close()


def test_what_can_be_written_is(tmp_path):
    with (tmp_path / "log").open("w") as file:
        structlog.PrintLogger(Unbroken(file)).info("a line")
    assert (tmp_path / "log").read_text() == "a line\n"
