"""What all tests share: where the checkout is, and property tests that try the same examples every time."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# A test that fails here fails everywhere. To look for new examples: pytest --hypothesis-profile=default tests/property
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")

# What runs in the background of a shell ignores Ctrl-C, and so does all that it starts. Tests send it on purpose.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout under test."""
    return Path(__file__).resolve().parents[1]
