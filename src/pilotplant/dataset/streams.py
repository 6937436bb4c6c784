"""Where chance comes from: the one thing the generator asks of its caller."""

from random import Random
from typing import Protocol


class Streams(Protocol):
    """Named sources of chance. A stream of one name does not depend on which others are used, or how much."""

    def stream(self, name: str) -> Random:
        """The stream with this name."""
        ...
