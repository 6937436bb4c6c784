"""The real world, kept out while a run's clock is virtual: one time for everyone, and chance from the seed.

`time.time`, dates and `datetime.now` follow the loop's clock, and so do `monotonic` and `perf_counter`; `os.urandom`,
`uuid4`, `secrets` and `random` draw from the seed. Whoever sleeps with `time.sleep`, opens a connection or starts a
thread or a process is noted with file and line, and refused (a sleep just returns): the run goes on, but its verdict
will be unknown.

What stands in the place of a function of the standard library asks for the run of the moment and falls back to the real
one without, because modules keep what they have imported from one run to the next.
"""

import asyncio
import os
import random
import sqlite3
import sqlite3.dbapi2
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any
from unittest.mock import patch

import anyio.to_thread
import httpx
import time_machine

from pilotplant.drive.inprocess.loop import LIFE, OutsideWorld, VirtualLoop

MONOTONIC_START_S = 1000.0
SLEEPS_MAX = 1000
"""So many blocking sleeps, in which no time passes, are let go; more would be a loop that waits for time to pass."""

_LIBRARY = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")})
_OURSELVES = str(Path(__file__).parents[2])
_REFERENCE = str(Path(__file__).parents[2] / "reference")

REFUSED: Mapping[str, str] = {
    "_thread.start_new_thread": "starts a thread",
    "os.exec": "becomes another process",
    "os.fork": "starts a process",
    "os.forkpty": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
    "subprocess.Popen": "starts a process",
    "socket.bind": "listens on a socket",
    "socket.connect": "connects a socket",
    "socket.getaddrinfo": "looks up a network address",
    "socket.gethostbyaddr": "looks up a network address",
    "socket.gethostbyname": "looks up a network address",
    "socket.sendmsg": "sends to the network",
    "socket.sendto": "sends to the network",
}
"""Audit events of Python that would leave this process, and what they are called."""


class Outside:
    """What was wanted from the real world in one run, each with the place that wanted it."""

    def __init__(self, loop: VirtualLoop, chance: Random) -> None:
        self.loop = loop
        self.chance = chance
        self.wanted: dict[str, None] = {}
        self.sleeps = 0
        self.on_connect: Callable[[sqlite3.Connection], None] = lambda _connection: None
        """Told of every SQLite connection that the middleware opens."""

    def note(self, what: str) -> None:
        """Somebody wanted something: once for each place."""
        self.wanted.setdefault(f"{_place(sys._getframe(1))} {what}")

    def note_task(self, task: "asyncio.Task[Any]", what: str) -> None:
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


_run: Outside | None = None
"""The run of the moment."""


@contextmanager
def kept_out(loop: VirtualLoop, *, epoch: float, chance: Random) -> Iterator[Outside]:
    """Keep the real world out as long as this lasts."""
    global _run
    _listen()
    outside = Outside(loop, chance)
    loop.outside = outside.note
    state, environment = random.getstate(), dict(os.environ)
    random.seed(chance.getrandbits(64))
    with time_machine.travel(epoch, tick=False) as traveller, ExitStack() as stack:
        loop.on_advance = lambda now: traveller.move_to(epoch + now)
        for place, name, replacement in _REPLACEMENTS:
            stack.enter_context(patch.object(place, name, replacement))
        _run = outside
        try:
            yield outside
        finally:
            _run = None
            random.setstate(state)
            if dict(os.environ) != environment:
                os.environ.clear()
                os.environ.update(environment)


@cache
def _listen() -> None:
    """Hear of what Python reports to auditors: once for this process, since nobody can stop listening."""
    sys.addaudithook(_heard)


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if _run is not None and event in REFUSED and LIFE.get():
        where = next((str(each) for each in args if isinstance(each, str | tuple) and each), "")
        raise _run.refuse(f"{REFUSED[event]} ({where})" if where and event.startswith("socket.") else REFUSED[event])


def _virtual(really: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function in the place of a real one, for as long as there is a run."""

    def dress(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(really)
        def standing_in(*args: Any, **named: Any) -> Any:
            return really(*args, **named) if _run is None else function(_run, *args, **named)

        return standing_in

    return dress


def _seconds(run: Outside) -> float:
    return MONOTONIC_START_S + run.loop.time()


def _nanoseconds(run: Outside) -> int:
    return round(_seconds(run) * 1e9)


def _random_bytes(run: Outside, size: int) -> bytes:
    return run.chance.randbytes(size)


_really_sleep = time.sleep


def _sleep(run: Outside, seconds: float) -> None:
    if not LIFE.get():
        _really_sleep(seconds)
        return
    run.note(f"sleeps with time.sleep({seconds:g}), which stops everything else: await asyncio.sleep")
    run.sleeps += 1
    if run.sleeps > SLEEPS_MAX:
        raise OutsideWorld("time.sleep: no time passes while nobody else can run")


_really_connect = sqlite3.connect


def _connect(run: Outside, *args: Any, **named: Any) -> sqlite3.Connection:
    connection: sqlite3.Connection = _really_connect(*args, **named)
    if LIFE.get():
        run.on_connect(connection)
    return connection


_really_in_a_thread = anyio.to_thread.run_sync


async def _in_a_thread(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """In place of anyio's worker threads, in which Starlette runs endpoints that are not coroutines."""
    if _run is None:
        return await _really_in_a_thread(function, *args, **named)
    return function(*args)


_really_start = threading.Thread.start


def _start(run: Outside, thread: threading.Thread) -> None:
    if LIFE.get():
        raise run.refuse("starts a thread")  # not every Python reports this to auditors
    _really_start(thread)


def _call_and_wait(run: Outside, _transport: Any, request: httpx.Request) -> httpx.Response:
    if LIFE.get():
        raise run.refuse(f"calls {request.url.host} with a client that is not asynchronous: use httpx.AsyncClient")
    return _really_call(_transport, request)


_really_call = httpx.HTTPTransport.handle_request


_CONNECT = _virtual(_really_connect)(_connect)
_REPLACEMENTS: tuple[tuple[Any, str, Any], ...] = (
    (time, "monotonic", _virtual(time.monotonic)(_seconds)),
    (time, "perf_counter", _virtual(time.perf_counter)(_seconds)),
    (time, "monotonic_ns", _virtual(time.monotonic_ns)(_nanoseconds)),
    (time, "perf_counter_ns", _virtual(time.perf_counter_ns)(_nanoseconds)),
    (time, "sleep", _virtual(_really_sleep)(_sleep)),
    (os, "urandom", _virtual(os.urandom)(_random_bytes)),
    (random, "_urandom", _virtual(os.urandom)(_random_bytes)),
    (sqlite3, "connect", _CONNECT),
    (sqlite3.dbapi2, "connect", _CONNECT),
    (threading.Thread, "start", _virtual(_really_start)(_start)),
    (httpx.HTTPTransport, "handle_request", _virtual(_really_call)(_call_and_wait)),
    (anyio.to_thread, "run_sync", _in_a_thread),
)


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
