"""The kernel: a pacer that neither spins nor loses order on a virtual clock, and chance that can be replayed."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from pilotplant.kernel.draws import Draws, lognormal
from pilotplant.kernel.pacer import Pacer
from pilotplant.kernel.world import World
from pilotplant.model.instants import BusinessSeconds, WireSeconds

SPEEDS = (1.0, 60.0, 3600.0, 7.3)


class _Jump(selectors.SelectSelector):
    """Never waits: jumps to the moment for which the loop wanted to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits and nothing will ever happen"
        self.now += max(0.0, timeout)
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when there is nothing to do."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        runner.run(main)


def fail(error: BaseException) -> None:
    raise AssertionError(f"a behaviour failed: {error!r}") from error


@pytest.mark.parametrize("speed", SPEEDS)
def test_it_wakes_about_once_per_event_and_never_spins(speed: float) -> None:
    fired: list[float] = []

    async def main() -> None:
        world = World(seed=1, epoch=0.0, speed=speed)
        chance = world.draws.stream("gaps")

        def process() -> Generator[Any, Any, None]:
            while True:
                yield world.env.timeout(world.wire_delay(BusinessSeconds(chance.expovariate(1))))
                fired.append(world.now().business)

        pacer = Pacer(world, fail)
        world.process(process())
        await asyncio.sleep(1000 / speed)
        pacer.stop()
        # Rounding may let a timer fire a hair early: never more than one extra wake-up for an event.
        assert len(fired) > 900
        assert pacer.wake_ups <= 2 * len(fired) + 2
        assert pacer.wake_ups >= len(fired) * 0.9

    run(main())
    assert fired == sorted(fired)


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_same_behaviour_happens_at_every_speed_and_in_order(speed: float) -> None:
    happened: list[str] = []

    async def main() -> None:
        world = World(seed=1, epoch=0.0, speed=speed)
        pacer = Pacer(world, fail)
        for number in (3, 1, 2, 2, 0):
            delay = BusinessSeconds(number * 100.0)
            world.later_business(delay, lambda n=number: happened.append(f"{n}"))  # type: ignore[misc]
        await asyncio.sleep(301 / speed)
        pacer.stop()

    run(main())
    assert happened == ["0", "1", "2", "2", "3"]


def test_something_earlier_wakes_it_earlier() -> None:
    seen: list[tuple[str, float]] = []

    async def main() -> None:
        world = World(seed=1, epoch=0.0)
        pacer = Pacer(world, fail)
        world.later(WireSeconds(50), lambda: seen.append(("late", world.env.now)))
        await asyncio.sleep(1)
        world.advance()
        world.later(WireSeconds(2), lambda: seen.append(("early", world.env.now)))
        await asyncio.sleep(60)
        pacer.stop()
        assert pacer.wake_ups <= 4

    run(main())
    assert [name for name, _at in seen] == ["early", "late"]
    assert [at for _name, at in seen] == pytest.approx([3.0, 50.0])


def test_before_anything_is_handled_the_clock_is_brought_up() -> None:
    async def main() -> None:
        world = World(seed=1, epoch=100.0, speed=60.0)
        pacer = Pacer(world, fail)
        await asyncio.sleep(5)
        world.advance()
        assert world.env.now == pytest.approx(5.0)
        assert world.now().business == pytest.approx(100.0 + 300.0)
        assert world.unix() == pytest.approx(105.0)
        pacer.stop()

    run(main())


def _raises_in_a_process(world: World) -> None:
    def process() -> Generator[Any, Any, None]:
        yield world.env.timeout(1)
        raise ValueError("broken")

    world.process(process())


def _raises_in_a_callback(world: World) -> None:
    def act() -> None:
        raise ValueError("broken")

    world.later(WireSeconds(1), act)


@pytest.mark.parametrize("breaks", [_raises_in_a_process, _raises_in_a_callback])
def test_a_behaviour_that_raises_ends_the_run_and_never_its_caller(breaks: Callable[[World], None]) -> None:
    failures: list[BaseException] = []

    async def main() -> None:
        world = World(seed=1, epoch=0.0)
        pacer = Pacer(world, failures.append)
        breaks(world)
        world.later(WireSeconds(2), lambda: failures.append(AssertionError("it went on")))
        await asyncio.sleep(0)
        asyncio.get_running_loop()._jump.now += 3  # type: ignore[attr-defined]  # a busy loop: the caller comes first
        world.advance()
        assert [str(error) for error in failures] == ["broken"]
        world.advance()
        await asyncio.sleep(10)
        assert pacer.failed

    run(main())
    assert len(failures) == 1


def test_the_caller_may_be_inside_of_a_behaviour() -> None:
    """A behaviour that publishes advances the clock again: that must not step into the environment twice."""
    happened: list[str] = []

    async def main() -> None:
        world = World(seed=1, epoch=0.0)
        pacer = Pacer(world, fail)

        def outer() -> None:
            world.advance()
            world.later(WireSeconds(0), lambda: happened.append("inner"))
            happened.append("outer")

        world.later(WireSeconds(1), outer)
        await asyncio.sleep(2)
        pacer.stop()

    run(main())
    assert happened == ["outer", "inner"]


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_cannot_be_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        World(seed=1, epoch=0.0, speed=speed)


def test_keyed_draws_do_not_depend_on_order() -> None:
    keys = [f"fault|{number}" for number in range(50)]
    forwards, backwards = Draws(7), Draws(7)
    ahead = {key: forwards.uniform(key) for key in keys}
    behind = {key: backwards.uniform(key) for key in reversed(keys)}
    assert ahead == behind
    assert len(set(ahead.values())) == len(keys)
    assert all(0 <= u < 1 for u in ahead.values())
    assert Draws(8).uniform(keys[0]) != ahead[keys[0]]


def test_streams_do_not_depend_on_each_other() -> None:
    alone = [Draws(7).stream("arrivals").random()]
    draws = Draws(7)
    for name in ("clerk", "scrap"):
        draws.stream(name).random()
    assert [draws.stream("arrivals").random()] == alone
    assert draws.stream("arrivals") is draws.stream("arrivals")
    assert Draws(7).stream("a").random() != Draws(7).stream("b").random()


def test_a_lognormal_has_the_median_and_percentile_that_it_was_asked_for() -> None:
    assert lognormal(0.5, 0.3, 0.9) == pytest.approx(0.3)
    assert lognormal(0.95, 0.3, 0.9) == pytest.approx(0.9)
    assert lognormal(0.99, 0.3, 0.3) == 0.3
    assert 0 < lognormal(0.0, 0.3, 0.9) < lognormal(1.0, 0.3, 0.9) < 1e3
