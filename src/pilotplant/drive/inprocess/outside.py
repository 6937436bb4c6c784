"""The real world, kept out while a run's clock is virtual: one time for everyone, chance from the seed, no way around.

`time.time`, dates and `datetime.now` follow the loop's clock, and so do `monotonic` and `perf_counter`; `os.urandom`,
`uuid4`, `secrets` and `random` draw from the seed. Whoever sleeps with `time.sleep`, connects a socket or starts a
thread or a process is noted with file and line, and refused (a sleep just returns): the run goes on, but its verdict
will be unknown.
"""

import asyncio
import os
import random
import socket
import sqlite3
import sqlite3.dbapi2
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any
from unittest.mock import patch

import anyio.to_thread
import time_machine

from pilotplant.drive.inprocess.loop import LIFE, OutsideWorld, VirtualLoop

MONOTONIC_START_S = 1000.0
_LIBRARY = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")})
_OURSELVES = str(Path(__file__).parents[2])
_REFERENCE = str(Path(__file__).parents[2] / "reference")


class Outside:
    """What was wanted from the real world, each with the place that wanted it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.wanted: dict[str, None] = {}
        self.on_connect: Callable[[sqlite3.Connection], None] = lambda _connection: None
        """Told of every SQLite connection that the middleware opens."""

    def note(self, what: str) -> None:
        """Somebody wanted something: once for each place."""
        self.wanted.setdefault(f"{_place(sys._getframe(1))} {what}")

    def note_task(self, task: asyncio.Task[Any], what: str) -> None:
        """A task did something by not doing anything else: named by the line at which it stands."""
        coroutine: Any = task.get_coro()
        place = ""
        while coroutine is not None and getattr(coroutine, "cr_frame", None) is not None:
            frame = coroutine.cr_frame
            if not place or not frame.f_code.co_filename.startswith(_LIBRARY):
                place = f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
            coroutine = coroutine.cr_await
        self.wanted.setdefault(f"{place or task.get_name()} {what}")

    def refuse(self, what: str) -> OutsideWorld:
        """Note it; the caller raises what is returned."""
        self.note(what)
        return OutsideWorld(f"{what}: not possible under a virtual clock")


@contextmanager
def kept_out(loop: VirtualLoop, *, epoch: float, chance: Random) -> Iterator[Outside]:
    """Keep the real world out as long as this lasts."""
    outside = Outside(loop)
    loop.outside = outside.note
    state = random.getstate()
    random.seed(chance.getrandbits(64))
    with time_machine.travel(epoch, tick=False) as traveller, ExitStack() as stack:
        loop.on_advance = lambda now: traveller.move_to(epoch + now)
        for place, name, replacement in _replacements(outside, loop, chance):
            stack.enter_context(patch.object(place, name, replacement))
        try:
            yield outside
        finally:
            random.setstate(state)


def _replacements(outside: Outside, loop: VirtualLoop, chance: Random) -> Iterator[tuple[Any, str, Any]]:
    yield from _clocks(loop)
    yield os, "urandom", chance.randbytes
    yield random, "_urandom", chance.randbytes
    yield time, "sleep", _sleep(outside)
    yield threading.Thread, "start", _only_without(outside, threading.Thread.start, "starts a thread")
    yield socket.socket, "connect", _only_without(outside, socket.socket.connect, "connects a socket")
    yield socket.socket, "connect_ex", _only_without(outside, socket.socket.connect_ex, "connects a socket")
    yield socket, "getaddrinfo", _only_without(outside, socket.getaddrinfo, "looks up a network address")
    yield subprocess.Popen, "__init__", _only_without(outside, subprocess.Popen.__init__, "starts a process")
    yield anyio.to_thread, "run_sync", _run_here
    yield sqlite3, "connect", _noted(outside, sqlite3.connect)
    yield sqlite3.dbapi2, "connect", _noted(outside, sqlite3.connect)


def _clocks(loop: VirtualLoop) -> Iterator[tuple[Any, str, Any]]:
    def seconds() -> float:
        return MONOTONIC_START_S + loop.time()

    def nanoseconds() -> int:
        return round(seconds() * 1e9)

    for name in ("monotonic", "perf_counter"):
        yield time, name, seconds
        yield time, f"{name}_ns", nanoseconds


def _sleep(outside: Outside) -> Callable[[float], None]:
    really = time.sleep

    def sleep(seconds: float) -> None:
        if LIFE.get():
            outside.note(f"sleeps with time.sleep({seconds:g}), which stops everything else: await asyncio.sleep")
        else:
            really(seconds)

    return sleep


def _only_without(outside: Outside, really: Callable[..., Any], what: str) -> Callable[..., Any]:
    """Let the harness through, and refuse the middleware."""

    def guarded(*args: Any, **named: Any) -> Any:
        if LIFE.get():
            raise outside.refuse(what)
        return really(*args, **named)

    return guarded


def _noted(outside: Outside, really: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    def connect(*args: Any, **named: Any) -> sqlite3.Connection:
        connection = really(*args, **named)
        if LIFE.get():
            outside.on_connect(connection)
        return connection

    return connect


async def _run_here(function: Callable[..., Any], *args: Any, **_named: Any) -> Any:
    """In place of anyio's worker threads, in which Starlette runs endpoints that are not coroutines."""
    return function(*args)


def _place(frame: FrameType | None) -> str:
    """Where in the middleware's own code it was wanted; else the nearest place that is not ours."""
    nearest = ""
    while frame is not None:
        file = frame.f_code.co_filename
        ours = file.startswith(_OURSELVES) and not file.startswith(_REFERENCE)
        if not ours and not file.startswith("<"):
            place = f"{file}:{frame.f_lineno} ({frame.f_code.co_name})"
            if not file.startswith(_LIBRARY):
                return place
            nearest = nearest or place
        frame = frame.f_back
    return nearest or "somebody"
