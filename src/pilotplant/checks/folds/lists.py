"""Triggers that no event has told, but a list: whoever looks there and gets the answer as a whole knows of them."""

from typing import Any

from pilotplant.ledger.records import Deliver, Emit, Ending, Read, ResponseEnd


class ToldByLists:
    """Notes in `delivered` what lists have told of the `triggers`, where no event was earlier."""

    def __init__(self, triggers: dict[int, Emit], delivered: dict[int, Deliver | ResponseEnd]) -> None:
        self._triggers = triggers
        self._delivered = delivered
        self._stated: dict[str, int] = {}
        """Triggers that are still worked on, by the fact that they state."""
        self._looking: dict[int, tuple[int, ...]] = {}
        """Exchanges whose answer lists facts that triggers state."""

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        return {Read: (None, self.on_read), ResponseEnd: (None, self.on_end)}

    def on_trigger(self, record: Emit) -> None:
        """A trigger fired."""
        self._stated[record.effect] = record.seq

    def forget(self, trigger: int) -> None:
        """All that it asks for is done."""
        if (stated := self._triggers.get(trigger)) is not None:
            self._stated.pop(stated.effect, None)

    def on_read(self, record: Read) -> None:
        """An answer will show facts, perhaps those of triggers."""
        found = tuple(self._stated[effect] for effect, _version in record.revealed if effect in self._stated)
        if found and record.exchange:
            self._looking[record.exchange] = found

    def on_end(self, record: ResponseEnd) -> None:
        """An answer that went out as a whole tells what it lists."""
        if self._looking and record.exchange in self._looking:
            for trigger in self._looking.pop(record.exchange):
                if record.ending == Ending.SENT and trigger in self._triggers:
                    self._delivered.setdefault(trigger, record)
