"""What the tests of the command line share."""

from pathlib import Path

import pytest

from tests.integration.command_line import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A small project in a folder of its own."""
    return Project(tmp_path)
