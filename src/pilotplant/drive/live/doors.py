"""The doors of an estate whose systems are reached in processes of their own: started, answered, and ended together."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from pilotplant.drive.live.door import END, HERE, Answer, Ask, Sign, State, be_a_door
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.kernel.pacer import Pacer
from pilotplant.ledger.merging import TICK_S
from pilotplant.model.errors import InternalError, UsageError
from pilotplant.model.outcome import Committed
from pilotplant.model.signals import undisturbed
from pilotplant.systems.system import System

_OPEN_S = 120.0
END_S = 5.0
_LOOK_EVERY_S = 0.01


class Door:
    """One of these processes, from the side of the estate. Also what rest asks of a boundary."""

    def __init__(self, system: System, profile: ProfileSpec) -> None:
        self.system = system
        self.profile = profile
        self.state = State()
        self.port = 0
        self.opened = asyncio.Event()
        self.on_end: Callable[[Any], None] | None = None
        self._process: Any = None
        self._pipe: Connection | None = None
        self._ending = False

    @property
    def open_exchanges(self) -> int:
        """Requests that are being answered there."""
        return self.state.open_exchanges

    @property
    def patience(self) -> State:
        """How long callers pause, as it was last told."""
        return self.state

    @property
    def process_id(self) -> int:
        """Its process; 0 if there is none."""
        return self._process.pid or 0 if self._process is not None else 0

    def start(
        self, sign: Sign, pacer: Pacer, fail: Callable[[BaseException], None], gone: Callable[[str], None]
    ) -> None:
        """Start the process. Wait for `opened` before anybody is told its port."""
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=be_a_door, args=(theirs,), name=sign.system, daemon=True)
        with undisturbed():
            self._process.start()
        theirs.close()
        self._pacer, self._fail, self._gone = pacer, fail, gone
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._look)
        self._sign = sign  # not with the arguments: who dies while it reads those is waited for for ever

    def _look(self) -> None:
        assert self._pipe is not None
        try:
            while self._pipe.poll():
                self._take(self._pipe.recv())
        except (EOFError, OSError):
            self._let_go()
            if not self._ending:
                self._tell_end(round(END_S / _LOOK_EVERY_S))

    def _tell_end(self, times: int) -> None:
        """Its pipe is closed: how it ended is known a moment later."""
        code = self._process.exitcode
        if code is None and times:
            asyncio.get_running_loop().call_later(_LOOK_EVERY_S, self._tell_end, times - 1)
        else:
            self._gone(f"the process of {self.system.name} ended by itself ({_told(code)})")

    def _take(self, message: Any) -> None:
        assert self._pipe is not None
        if isinstance(message, Ask):
            self._pipe.send(self._answer(message))
        elif isinstance(message, State):
            self.state = message
        elif message == HERE:
            with suppress(OSError):  # it ended already: that is noticed where its end is read
                self._pipe.send(self._sign)
        elif isinstance(message, int):
            self.port = message
            self.opened.set()
        else:
            self._fail(InternalError(f"the process of {self.system.name} failed: {message}"))

    def _answer(self, ask: Ask) -> Answer:
        """Carry it out, at a moment after that of the request."""
        self._pacer.advance(ask.t + TICK_S)
        operation = self.system.operations[ask.operation]
        try:
            if ask.tag:
                assert operation.etag is not None
                outcome: Any = operation.etag(self.system.state, ask.command)
            else:
                outcome = self.system.apply(operation, ask.command, ask.exchange)
        except Exception as error:
            self._fail(error)
            outcome = InternalError(f"{type(error).__name__}: {error}")
        if isinstance(outcome, Committed):  # events and jobs are the estate's own business
            outcome = Committed(outcome.result, etag=outcome.etag)
        return Answer(float(self.system.world.env.now), outcome)

    def _let_go(self) -> None:
        if self._pipe is not None:
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._pipe.close()
            self._pipe = None
        self.state = State()
        self.opened.set()

    async def until_open(self) -> None:
        """Wait until it listens."""
        try:
            async with asyncio.timeout(_OPEN_S):
                await self.opened.wait()
        except TimeoutError:
            what = f"the process of {self.system.name} did not open within {_OPEN_S:.0f} s"
            raise UsageError(what, help="Is the machine busy with something else?") from None
        if not self.port:
            raise UsageError(f"the process of {self.system.name} ended before it was open")

    def ask_to_end(self) -> None:
        """No more requests; what is being answered is finished."""
        self._ending = True
        if self._pipe is not None:
            try:
                self._pipe.send(END)
            except OSError:
                self._let_go()

    async def until_ended(self, deadline: float) -> None:
        """Wait for it, and answer it until then; who does not end is ended, and at once who never opened."""
        if self._process is None:
            return
        while self.port and self._process.is_alive() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        if self._process.is_alive():
            self._process.kill()
        self._process.join(END_S)
        self._let_go()


def _told(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
