"""The virtual loop: time jumps, tasks are numbered, the seed orders them, and nothing waits for the real world."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from random import Random
from typing import Any

import pytest

from pilotplant.drive.inprocess import loop as loops
from pilotplant.drive.inprocess.loop import LIFE, NumberedTask, OutsideWorld, VirtualLoop


def run(work: Coroutine[Any, Any, Any], seed: int = 1, prepare: Callable[[VirtualLoop], None] | None = None) -> Any:
    loop = VirtualLoop(Random(seed))
    if prepare is not None:
        prepare(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def middleware(life: int = 1) -> Context:
    """A context in which code belongs to a life of the middleware."""
    context = Context()
    context.run(LIFE.set, life)
    return context


def test_a_day_passes_at_once() -> None:
    async def work() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(work()) == 86_400
    assert time.monotonic() - began < 5


def test_timers_fire_at_their_own_moment_in_order() -> None:
    async def work() -> list[tuple[str, float]]:
        loop, seen = asyncio.get_running_loop(), list[tuple[str, float]]()

        def note(name: str) -> None:
            seen.append((name, loop.time()))

        for name, delay_s in (("c", 0.3), ("a", 0.1), ("b", 0.2)):
            loop.call_later(delay_s, note, name)
        await asyncio.sleep(1)
        return seen

    assert run(work()) == [("a", 0.1), ("b", 0.2), ("c", 0.3)]


def test_tasks_are_named_and_hashed_by_order_of_creation() -> None:
    async def work() -> list[str]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(20)]
        names = [task.get_name() for task in set(tasks)]  # of ordinary tasks, a set is walked by their addresses
        await asyncio.gather(*tasks)
        return names

    names = run(work())
    assert names == sorted(names, key=lambda name: int(name.partition("-")[2]))


def test_the_seed_orders_the_tasks_of_the_middleware_and_no_others() -> None:
    def order(seed: int, context: Callable[[], Context]) -> list[int]:
        async def work() -> list[int]:
            seen: list[int] = []

            async def note(number: int) -> None:
                seen.append(number)

            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.create_task(note(number), context=context()) for number in range(10)))
            return seen

        result: list[int] = run(work(), seed)
        return result

    assert order(1, middleware) == order(1, middleware)
    assert order(1, middleware) != order(2, middleware)
    assert sorted(order(1, middleware)) == list(range(10))
    assert order(1, Context) == order(2, Context) == list(range(10))


def test_executors_run_inline() -> None:
    async def work() -> tuple[int, str]:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 41 + 1), asyncio.current_task().__class__.__name__

    assert run(work()) == (42, NumberedTask.__name__)


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="would wait for ever"):
        run(work())


def test_spinning_without_waiting_is_an_error_and_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "SPINS_MAX", 1000)

    async def work() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(OutsideWorld, match="spins"):
        run(work())


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (
            lambda loop: loop.create_connection(asyncio.Protocol, "10.0.0.1", 5432),
            r"opens a connection \(10.0.0.1:5432\)",
        ),
        (lambda loop: loop.create_server(asyncio.Protocol, host="127.0.0.1", port=80), "listens on a socket"),
        (lambda loop: loop.getaddrinfo("db.example", 5432), "looks up a network address"),
        (lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "ls"), "starts a process"),
        (lambda loop: loop.add_reader(0, print), "watches a file or socket"),
    ],
)
def test_whatever_would_leave_the_process_is_refused_and_told(wish: Callable[[VirtualLoop], Any], said: str) -> None:
    told: list[str] = []

    async def work() -> None:
        with pytest.raises(OutsideWorld, match=said):
            wish(asyncio.get_running_loop())  # type: ignore[arg-type]

    def prepare(loop: VirtualLoop) -> None:
        loop.outside = told.append

    run(work(), prepare=prepare)
    assert len(told) == 1


def test_an_abandoned_life_runs_no_finally_and_wakes_nobody() -> None:
    seen: list[str] = []

    async def life(lock: asyncio.Event) -> None:
        try:
            await lock.wait()
            seen.append("woken")
        finally:
            seen.append("finally")

    async def work() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        lock = asyncio.Event()
        dead = loop.create_task(life(lock), context=middleware(1))
        living = loop.create_task(life(lock), context=middleware(2))
        await asyncio.sleep(1)
        loop.abandon(1)
        lock.set()
        await living
        await asyncio.sleep(1)
        assert seen == ["woken", "finally"]
        assert not dead.done()
        coroutine: Any = dead.get_coro()
        coroutine.close()
        dead._log_destroy_pending = False  # type: ignore[attr-defined]

    run(work())


def test_a_strike_comes_at_the_very_await() -> None:
    """Counted over all tasks of the middleware, and before the next of them goes on."""
    seen: list[str] = []

    async def life(name: str) -> None:
        for number in range(3):
            seen.append(f"{name}{number}")
            await asyncio.sleep(1)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(life(name), context=middleware()) for name in "ab"]
        await asyncio.gather(*tasks)

    def prepare(loop: VirtualLoop) -> None:
        loop.awaits_until = 3
        loop.at_await = lambda: seen.append("struck")

    run(work(), prepare=prepare)
    assert seen.index("struck") == 3
    assert len(seen) == 7


def test_a_suspended_life_stands_still_and_goes_on_where_it_stood() -> None:
    seen: list[tuple[str, float]] = []

    async def life(name: str) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(4):
            await asyncio.sleep(1)
            seen.append((name, loop.time()))

    async def work() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        tasks = [loop.create_task(life(name), context=middleware(number)) for number, name in ((1, "a"), (2, "b"))]
        await asyncio.sleep(1.5)
        loop.suspend(1)
        await asyncio.sleep(5)
        loop.resume(1)
        await asyncio.gather(*tasks)

    run(work())
    assert [moment for name, moment in seen if name == "b"] == [1, 2, 3, 4]
    assert [moment for name, moment in seen if name == "a"] == [1, 6.5, 7.5, 8.5]


def test_after_the_run_nobody_can_be_woken_and_nothing_is_said_of_it() -> None:
    loop = VirtualLoop(Random(1))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert loop.call_soon(pytest.fail, "it ran").cancelled()


@pytest.mark.parametrize(("life", "told"), [(1, False), (2, True)])
def test_what_failed_in_a_life_that_is_over_is_not_told(
    life: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise ValueError("nobody waits for this")

    async def work() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        failed = loop.create_task(fails(), context=middleware(life))
        await asyncio.sleep(1)
        loop.abandon(1)
        del failed

    run(work())
    assert ("nobody waits for this" in caplog.text) is told
