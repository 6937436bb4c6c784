"""A change of a contract, and whether those who were made for the old one can live with the new one.

Broken is a consumer that was written for the old contract and meets a producer that keeps the new one; a producer, if
keeping the old one is not keeping the new one.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

Side = Literal["consumer", "producer"]


class Change(msgspec.Struct, frozen=True):
    """One difference: where, what, and for each side the reason why it breaks; empty where it does not."""

    document: str
    place: str
    what: str
    breaks_consumer: str = ""
    breaks_producer: str = ""
    because: str = ""
    """Why it breaks nobody, where it does not."""

    def breaks(self, side: Side) -> str:
        """Why it breaks this side; empty if it does not."""
        return self.breaks_consumer if side == "consumer" else self.breaks_producer

    @property
    def breaking(self) -> bool:
        """Whether it breaks anybody."""
        return bool(self.breaks_consumer or self.breaks_producer)


class Compared(msgspec.Struct, frozen=True):
    """All differences between two versions."""

    old: str
    new: str
    documents: int
    changes: tuple[Change, ...]

    def breaking(self, *sides: Side) -> tuple[Change, ...]:
        """Those that break one of these sides."""
        return tuple(change for change in self.changes if any(change.breaks(side) for side in sides))


@dataclass(frozen=True)
class Roles:
    """Who reads and who writes what a schema describes: of an answer the consumer reads, of a request the producer."""

    reader: Side
    writer: Side

    def change(
        self, document: str, place: str, what: str, *, reader: str = "", writer: str = "", because: str = ""
    ) -> Change:
        """A change with what it means to the reader and to the writer."""
        told = {self.reader: reader, self.writer: writer}
        return Change(document, place, what, told["consumer"], told["producer"], because)


ANSWER = Roles("consumer", "producer")
REQUEST = Roles("producer", "consumer")
