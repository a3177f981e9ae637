"""What all tests share: loggers that a command configured for its own streams do not outlive the test."""

import pytest
import structlog


@pytest.fixture(autouse=True)
def _fresh_loggers():
    yield
    structlog.reset_defaults()
