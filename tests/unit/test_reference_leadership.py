"""Of several instances on one database one works; the next takes over when it is gone, and carries on."""

import asyncio
import contextlib
from pathlib import Path
from random import Random

from pilotplant.drive.inprocess.loop import VirtualLoop
from pilotplant.drive.inprocess.running import run_virtually
from pilotplant.reference.leadership import Leadership
from pilotplant.reference.store import Store


class VirtualClock:
    """The clock of the loop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def test_one_holds_the_lock_until_it_lets_go(tmp_path: Path) -> None:
    first, second = (Leadership(tmp_path / "lock", VirtualClock()) for _ in range(2))
    assert first.take()
    assert not second.take()
    first.give_up()
    assert second.take()
    second.give_up()


def test_the_next_takes_over_and_carries_on_what_the_others_write(tmp_path: Path) -> None:
    told: list[str] = []

    async def story() -> None:
        first, second = (Leadership(tmp_path / "lock", VirtualClock()) for _ in range(2))
        mine, others = Store(tmp_path / "work"), Store(tmp_path / "work")
        assert first.take()
        waiting = asyncio.create_task(second.wait())
        await asyncio.sleep(5)
        assert not waiting.done()
        first.give_up()
        await asyncio.wait_for(waiting, 1)
        mine.written_by_others()
        watching = asyncio.create_task(second.watch(mine.written_by_others, lambda: told.append("go on")))
        await asyncio.sleep(1)
        assert not told, "nobody has written"
        with others.transaction() as db:
            db.execute("insert into cancelled values ('ECO-1')")
        await asyncio.sleep(1)
        with mine.transaction() as db:
            db.execute("insert into cancelled values ('ECO-2')")
        await asyncio.sleep(1)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        for each in (mine, others):
            each.close()
        second.give_up()

    run_virtually(VirtualLoop(Random(1)), story(), lambda: None)
    assert told == ["go on"]
