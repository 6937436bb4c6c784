"""The reference middleware and drawings: changes overtake each other, and a supplier keeps the newest."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec

from pilotplant.reference.flows.purchase_change import Drawings
from pilotplant.reference.purchasing import Drawing
from pilotplant.reference.store import Store


def test_an_older_drawing_is_not_sent_after_a_newer_one() -> None:
    sent: list[str] = []

    class Portal:
        async def send(self, call: Any, kind: Any) -> None:
            sent.append(msgspec.json.decode(call.body, type=Drawing).revision)

    async def persist(attempt: Any) -> None:
        await attempt()

    clock, retry = SimpleNamespace(now=lambda: 0.0), SimpleNamespace(persist=persist)
    tools: Any = SimpleNamespace(clock=clock, store=Store(":memory:"), supplier=Portal(), retry=retry)
    flow = Drawings(tools)
    for plant, revision in (("DE01", "Z"), ("US01", "AA"), ("CN01", "B")):
        flow.note(plant, f"SUP-1/ITM-1/{revision}", Drawing("SUP-1", "ITM-1", revision), "", line="SUP-1/ITM-1")
    flow.note("DE01", "SUP-1/ITM-10/B", Drawing("SUP-1", "ITM-10", "B"), "", line="SUP-1/ITM-10")

    async def main() -> None:
        await flow.work_on(("US01", "SUP-1/ITM-1"))
        await flow.work_on(("DE01", "SUP-1/ITM-1"))
        await flow.work_on(("CN01", "SUP-1/ITM-1"))
        await flow.work_on(("DE01", "SUP-1/ITM-10"))

    asyncio.run(main())
    assert sent == ["AA", "B"]
