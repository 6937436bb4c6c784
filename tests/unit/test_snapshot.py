"""Every change of a state shows in its snapshot, and nothing else does."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pilotplant.drive.snapshot import snapshot
from tests.estates import dataset


class Row(msgspec.Struct):
    """What a state may hold."""

    quantity: float
    lots: list[str]


class Held:
    """A plain class within a state."""

    def __init__(self) -> None:
        self.rows = {"a": Row(1.0, ["L1"])}
        self.names = {"x"}


def state(**more: Any) -> Any:
    kept = Held()
    kept.__dict__.update(dataset=dataset(), held=Held(), book=bytearray(b"12"), encoder=msgspec.json.Encoder(), **more)
    return kept


CHANGES: list[Callable[[Any], Any]] = [
    lambda kept: setattr(kept.rows["a"], "quantity", 2.0),
    lambda kept: kept.rows["a"].lots.append("L2"),
    lambda kept: kept.held.rows.pop("a"),
    lambda kept: kept.held.names.add("y"),
    lambda kept: kept.book.__setitem__(0, 0),
]


@pytest.mark.parametrize("more", [{}, {"odd": memoryview(b"1")}], ids=["pickled", "told"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_shows(change: Callable[[Any], Any], more: dict[str, Any]) -> None:
    kept = state(**more)
    before = snapshot(kept)
    kept.rows["a"].lots[0] = "".join(("L", "1"))  # equal, and another object
    assert snapshot(kept) == before
    change(kept)
    assert snapshot(kept) != before
