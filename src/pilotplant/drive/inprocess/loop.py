"""An asyncio event loop whose time is virtual: when nothing is ready, it jumps to the next timer.

Tasks are numbered by order of creation, and hash by that number, so that sets of tasks are walked alike in every
process. Of the middleware's tasks that are ready in the same turn, the seed decides which goes first: asyncio promises
nothing about that. Everything that would need a socket, a pipe or a thread ends in `outside`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from heapq import heapify, heappush
from random import Random
from typing import Any, NoReturn

LIFE: ContextVar[int] = ContextVar("pilotplant_life", default=0)
"""Which life of the middleware some code belongs to; 0 is the harness itself."""

SPINS_MAX = 200_000
"""So many turns without time passing, and the loop is taken to spin."""


class OutsideWorld(RuntimeError):
    """Code under the virtual clock wanted something from the real world."""


class NumberedTask(asyncio.Task[Any]):
    """A task that knows the how-manieth it is."""

    def __init__(self, coro: Any, *, loop: "VirtualLoop", name: str | None = None, context: Context | None = None):
        loop.tasks_made += 1
        self._number = loop.tasks_made  # before asyncio puts it into a set
        self.life: int = LIFE.get() if context is None else context.get(LIFE, 0)
        super().__init__(coro, loop=loop, name=name or f"task-{self._number}", context=context)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.BaseEventLoop):
    """One loop for one run."""

    _ready: deque[Any]
    _scheduled: list[Any]
    _timer_cancelled_count: int

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.tasks_made = 0
        self.awaits = 0
        """How often a task of the middleware came to a point where it waits (or to its end)."""
        self.awaits_until = 0
        """At this many awaits `at_await` is called, before anything else of the middleware happens; 0: never."""
        self.at_await: Callable[[], None] = lambda: None
        self.on_advance: Callable[[float], None] = lambda _now: None
        self.outside: Callable[[str], None] = lambda _what: None
        """Told of everything that wanted the real world."""
        self.on_spin: Callable[[list[asyncio.Task[Any]]], None] = _give_up
        """Told which tasks keep the loop busy without ever waiting."""
        self._chance = chance
        self._now = 0.0
        self._spins = 0
        self._dead: set[int] = set()
        self._suspended: dict[int, list[Any]] = {}
        self._timers: dict[int, list[Any]] = {}
        self._clock_resolution = 1e-9
        self._selector = self
        self.set_task_factory(_make_task)

    def time(self) -> float:
        return self._now

    def abandon(self, life: int) -> None:
        """Let nothing of this life run any more: no `finally`, no callback, as after SIGKILL."""
        self._dead.add(life)
        self.resume(life)
        handles: tuple[Any, ...] = (*self._ready, *self._scheduled)
        for handle in handles:
            if handle._context.get(LIFE) == life:
                handle.cancel()

    def suspend(self, life: int) -> None:
        """Let nothing of this life run until it is resumed; timers that run out meanwhile strike then."""
        waiting = self._suspended[life] = []
        for place, handle in enumerate(self._ready):
            if handle._context.get(LIFE) == life:
                waiting.append(handle)
                self._ready[place] = _cancelled(self)  # in its place: the loop has counted how many there are
        timers = self._timers[life] = [t for t in self._scheduled if t._context.get(LIFE) == life and not t.cancelled()]
        self._scheduled = [timer for timer in self._scheduled if timer not in timers]
        heapify(self._scheduled)

    def resume(self, life: int) -> None:
        """Let it go on where it stood."""
        self._ready.extend(self._suspended.pop(life, ()))
        for timer in self._timers.pop(life, ()):
            if timer.cancelled():
                self._timer_cancelled_count -= 1  # the loop counts those that it still has to throw away
            else:
                heappush(self._scheduled, timer)

    # What asyncio calls.

    def select(self, timeout: float | None) -> list[Any]:
        """In place of a selector's wait: jump."""
        if timeout is None:
            raise RuntimeError("nothing is ready and no timer is set: this run would wait for ever")
        if timeout > 0:
            self._spins = 0
            # The timer's own moment, not a sum that may be a hair off; a far one is reached in several jumps.
            due: float = self._scheduled[0]._when
            self._now = due if due - self._now <= timeout else self._now + timeout
            self.on_advance(self._now)
        else:
            self._spins += 1
            if self._spins > SPINS_MAX:
                self._spins = 0
                self.on_spin([handle._callback.__self__ for handle in self._ready if _steps_middleware(handle)])
        if self._ready:
            self._arrange()
        return []

    def _arrange(self) -> None:
        """Let the seed order the middleware's tasks; count them, and strike where a crash is due."""
        handles = list(self._ready)
        places = [place for place, handle in enumerate(handles) if _steps_middleware(handle)]
        if not places:
            return
        if len(places) > 1:
            shuffled = [handles[place] for place in places]
            self._chance.shuffle(shuffled)
            for place, handle in zip(places, shuffled, strict=True):
                handles[place] = handle
            self._ready.clear()
            self._ready.extend(handles)
        before, self.awaits = self.awaits, self.awaits + len(places)
        if before < self.awaits_until <= self.awaits:
            after = places[self.awaits_until - before - 1] + 1
            self._ready.insert(after, asyncio.Handle(self.at_await, (), self, Context()))

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        if self.is_closed():
            return _cancelled(self)  # somebody dead was collected after the run, and woke others: none will wake
        handle: Any = super().call_soon(callback, *args, context=context)
        if self._suspended and (waiting := self._suspended.get(handle._context.get(LIFE, 0))) is not None:
            waiting.append(self._ready.pop())
        elif self._dead and handle._context.get(LIFE) in self._dead:
            handle.cancel()
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        handle: Any = super().call_at(when, callback, *args, context=context)
        if self._dead and handle._context.get(LIFE) in self._dead:
            handle.cancel()
        return handle

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """Run it here and now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except StopIteration as error:
            future.set_exception(RuntimeError(f"{func!r} raised StopIteration: {error}"))
        except Exception as error:
            future.set_exception(error)
        return future

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        """Signals are for the harness: nobody sends the middleware any."""

    def call_exception_handler(self, context: Any) -> None:
        """That something wanted to end the process is told elsewhere; of the dead nobody hears anything."""
        task = context.get("future") or context.get("task")
        dead = isinstance(task, NumberedTask) and task.life in self._dead
        if not dead and not isinstance(context.get("exception"), SystemExit):
            super().call_exception_handler(context)

    def _process_events(self, event_list: list[Any]) -> None:
        del event_list

    def _write_to_self(self) -> None:
        """Another thread has nothing to wake: this loop never sleeps."""

    def close(self) -> None:
        """Let go of everything."""
        self._selector = None  # type: ignore[assignment]
        super().close()


def _make_task(loop: Any, coro: Any, context: Context | None = None) -> NumberedTask:
    return NumberedTask(coro, loop=loop, context=context)


def _cancelled(loop: VirtualLoop) -> asyncio.Handle:
    handle = asyncio.Handle(print, (), loop, Context())
    handle.cancel()
    return handle


def _give_up(_tasks: list[asyncio.Task[Any]]) -> NoReturn:
    raise OutsideWorld("the loop spins: nobody waits, and so no time passes")


def _steps_middleware(handle: Any) -> bool:
    """Whether this is a step of a task of the middleware."""
    return (
        handle._context.get(LIFE, 0) != 0
        and not handle.cancelled()
        and isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)
    )


_REFUSED = {
    "create_connection": "opens a connection",
    "create_server": "listens on a socket",
    "create_datagram_endpoint": "opens a datagram socket",
    "create_unix_connection": "opens a Unix socket",
    "create_unix_server": "listens on a Unix socket",
    "getaddrinfo": "looks up a network address",
    "sock_connect": "connects a socket",
    "sock_accept": "accepts on a socket",
    "subprocess_exec": "starts a process",
    "subprocess_shell": "starts a process",
    "connect_read_pipe": "reads from a pipe",
    "connect_write_pipe": "writes to a pipe",
    "add_reader": "watches a file or socket",
    "add_writer": "watches a file or socket",
}
"""What an event loop offers that would leave this process."""


def _refusal(what: str) -> Callable[..., NoReturn]:
    def refuse(loop: VirtualLoop, *args: Any, **named: Any) -> NoReturn:
        # Where to: asyncio's methods have it by name or among the first arguments.
        named_ones = [named[name] for name in ("host", "path", "port") if name in named]
        where = ":".join(str(each) for each in named_ones or args if isinstance(each, str | int))
        asked = f"{what} ({where})" if where else what
        loop.outside(asked)
        raise OutsideWorld(f"{asked}: not possible under a virtual clock")

    return refuse


for _name, _what in _REFUSED.items():
    setattr(VirtualLoop, _name, _refusal(_what))
