"""What a webhook sends at the same moment."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from pilotplant.channels.cloudevents import Outgoing
from pilotplant.channels.poster import Answer, Headers
from pilotplant.channels.signing import OurSignature
from pilotplant.channels.webhook import Webhook
from pilotplant.faults.plan import FaultPlan
from pilotplant.ledger.records import Ack, Deliver
from pilotplant.model.script import Step
from tests.estates import SECRET, bench
from tests.unit.test_faults import fault


class Slow:
    """A target that answers no delivery before it has `awaited` of them."""

    def __init__(self, awaited: int) -> None:
        self._awaited = awaited
        self._arrived = 0
        self._enough = asyncio.Event()

    async def post(
        self,
        url: str,
        headers: Headers,
        body: bytes,
        *,
        timeout_s: float,
        before_first_byte: Callable[[], None] | None = None,
        cut_at: int | None = None,
    ) -> Answer:
        del url, headers, body, timeout_s, cut_at
        assert before_first_byte is not None
        before_first_byte()
        self._arrived += 1
        if self._arrived == self._awaited:
            self._enough.set()
        await self._enough.wait()
        return Answer(202, (), b"")

    async def close(self) -> None:
        pass


def test_duplicates_without_a_gap_are_under_way_together_with_the_event(tmp_path: Path) -> None:
    estate = bench(tmp_path)

    async def hold(until: float) -> None:
        raise AssertionError(f"nothing is to be held back until {until}")

    async def strike(step: Step, bite: Callable[[], None]) -> None:
        raise AssertionError(f"nobody is to be struck with {step}")

    async def main() -> None:
        plan = FaultPlan([fault("duplicate", copies=2)], estate.world.draws)
        ledger, world = estate.ledger, estate.world
        webhook = Webhook(
            "",
            OurSignature(SECRET),
            poster=Slow(3),
            world=world,
            ledger=ledger,
            faults=plan,
            hold=hold,
            strike=strike,
        )
        webhook.send(Outgoing(1, "mes.order.completed", "mes@DE01", ("DE01", "CNF-1"), b"{}"))
        async with asyncio.timeout(5):
            while webhook.pending:
                await asyncio.sleep(0)
        await webhook.close()
        assert plan.bitten["duplicate"] == 2

    asyncio.run(main())
    delivers, acks = estate.records(Deliver), estate.records(Ack)
    assert [record.bent for record in delivers] == ["", "duplicate", "duplicate"]
    assert len(acks) == 3 and max(record.seq for record in delivers) < min(record.seq for record in acks)
