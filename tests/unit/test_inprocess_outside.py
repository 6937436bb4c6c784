"""The real world is kept out: one time for everyone, chance from the seed, and whoever goes around it is named."""

import asyncio
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from pilotplant.drive.inprocess.loop import LIFE, OutsideWorld, VirtualLoop
from pilotplant.drive.inprocess.outside import Outside, kept_out
from pilotplant.drive.inprocess.running import run_virtually

EPOCH = 1_772_431_200.0


def run(story: Callable[[Outside], Any], seed: int = 1, life: int = 1) -> None:
    """Tell a story as the middleware would (or, in life 0, as the harness)."""
    loop = VirtualLoop(Random(seed))
    context = Context()
    context.run(LIFE.set, life)

    async def work() -> None:
        await loop.create_task(story(outside), context=context)

    with kept_out(loop, epoch=EPOCH, chance=Random(seed)) as outside:
        run_virtually(loop, work(), lambda: None)


def test_all_clocks_agree() -> None:
    async def story(_outside: Outside) -> None:
        began = time.monotonic(), time.perf_counter(), time.monotonic_ns()
        assert time.time() == EPOCH
        await asyncio.sleep(3600.5)
        assert time.time() == EPOCH + 3600.5
        assert time.time_ns() == int((EPOCH + 3600.5) * 1e9)
        assert datetime.now(UTC).isoformat() == "2026-03-02T07:00:00.500000+00:00"
        assert date.today() == date(2026, 3, 2)  # noqa: DTZ011
        assert (time.monotonic() - began[0], time.perf_counter() - began[1]) == (3600.5, 3600.5)
        assert time.monotonic_ns() - began[2] == 3_600_500_000_000

    run(story)


def test_afterwards_everything_is_as_before() -> None:
    before = (time.monotonic, time.sleep, os.urandom, threading.Thread.start, socket.socket.connect, random.getstate())

    async def story(_outside: Outside) -> None:
        random.random()

    run(story)
    after = (time.monotonic, time.sleep, os.urandom, threading.Thread.start, socket.socket.connect, random.getstate())
    assert before == after
    assert time.time() > EPOCH


def test_chance_comes_from_the_seed() -> None:
    def drawn(seed: int) -> list[Any]:
        seen: list[Any] = []

        async def story(_outside: Outside) -> None:
            seen.extend([uuid.uuid4(), os.urandom(8), random.random(), secrets.token_hex(8)])
            seen.append(secrets.SystemRandom().random())

        run(story, seed)
        return seen

    assert drawn(1) == drawn(1)
    assert all(one != other for one, other in zip(drawn(1), drawn(2), strict=True))


async def _sleeps() -> None:
    time.sleep(3600)  # noqa: ASYNC251


async def _starts_a_thread() -> None:
    threading.Thread(target=print).start()


async def _connects() -> None:
    socket.create_connection(("127.0.0.1", 5432), timeout=1)


async def _connects_with_asyncio() -> None:
    await asyncio.open_connection("127.0.0.1", 5432)


async def _starts_a_process() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)  # noqa: ASYNC221


@pytest.mark.parametrize(
    ("deed", "refused", "said"),
    [
        (_sleeps, False, "sleeps with time.sleep(3600)"),
        (_starts_a_thread, True, "starts a thread"),
        (_connects, True, "looks up a network address"),
        (_connects_with_asyncio, True, "opens a connection (127.0.0.1:5432)"),
        (_starts_a_process, True, "starts a process"),
    ],
)
def test_whoever_goes_around_the_clock_is_named(deed: Callable[[], Any], refused: bool, said: str) -> None:
    async def story(outside: Outside) -> None:
        for _ in range(2):
            if refused:
                with pytest.raises(OutsideWorld, match="not possible under a virtual clock"):
                    await deed()
            else:
                await deed()
        (named,) = outside.wanted
        assert named.startswith(f"{Path(__file__)}:")
        assert f"({deed.__name__}) {said}" in named

    began = time.monotonic()
    run(story)
    assert time.monotonic() - began < 10, "nobody really slept"


def test_the_harness_itself_may() -> None:
    async def story(outside: Outside) -> None:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        time.sleep(0)  # noqa: ASYNC251
        assert outside.wanted == {}

    run(story, life=0)


def test_worker_threads_of_anyio_run_inline() -> None:
    async def story(outside: Outside) -> None:
        assert await anyio.to_thread.run_sync(threading.current_thread) is threading.current_thread()
        assert outside.wanted == {}

    run(story)


def test_a_module_that_keeps_a_clock_has_the_right_one_in_the_next_run_as_well() -> None:
    kept: list[Callable[[], float]] = []

    async def keeps(_outside: Outside) -> None:
        kept.append(time.monotonic)

    async def asks(_outside: Outside) -> None:
        await asyncio.sleep(500)
        assert kept[0]() == time.monotonic() == 1500.0

    run(keeps)
    run(asks)
    assert abs(kept[0]() - time.monotonic()) < 60, "and the real one after that"


def test_even_what_fails_leaves_everything_as_before() -> None:
    before = (time.monotonic, time.sleep, os.urandom, threading.Thread.start, dict(os.environ), sys.stdout)

    async def fails(_outside: Outside) -> None:
        os.environ["PILOTPLANT_TEST_ONLY"] = "1"
        raise LookupError("planted")

    with pytest.raises(LookupError):
        run(fails)
    assert before == (time.monotonic, time.sleep, os.urandom, threading.Thread.start, dict(os.environ), sys.stdout)


def test_waiting_with_sleeps_for_time_to_pass_ends() -> None:
    async def waits(_outside: Outside) -> None:
        until = time.monotonic() + 1
        with pytest.raises(OutsideWorld, match="no time passes"):
            while time.monotonic() < until:
                time.sleep(0.1)  # noqa: ASYNC251

    run(waits)


def _send_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (lambda: os.system("true"), "starts a process"),
        (lambda: socket.gethostbyname("localhost"), "looks up a network address"),
        (_send_a_datagram, "sends to the network"),
    ],
)
def test_back_doors_are_closed_too(deed: Callable[[], object], said: str) -> None:
    async def story(outside: Outside) -> None:
        with pytest.raises(OutsideWorld, match=said):
            deed()
        assert len(outside.wanted) == 1

    run(story)
