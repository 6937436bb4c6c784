"""The process of one system: its door. It takes requests, answers them, and writes its own segment of the ledger.

Limits, tokens, idempotency keys and service times are here; what the system holds stays in the process that has the
estate, because relations and what is intended read several systems at once. So a command is carried out there: the door
asks through a pipe and waits. When the pipe closes, whoever had the other end is gone, and so is the door.
"""

import asyncio
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from starlette.responses import PlainTextResponse

from pilotplant.dialects.rest import Rest
from pilotplant.drive.front import Front
from pilotplant.drive.live.application import Application
from pilotplant.drive.live.wire import Server
from pilotplant.exchange.authentication import Credentials
from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.pacer import Pacer
from pilotplant.kernel.world import World
from pilotplant.ledger.header import Header
from pilotplant.ledger.merging import TICK_S, base_of, seal, segment_in
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import Operation
from pilotplant.model.outcome import Outcome
from pilotplant.model.script import Step
from pilotplant.model.signals import ENDING
from pilotplant.systems.catalog import SystemKind, kinds
from pilotplant.systems.system import System

_TELL_EVERY_S = 0.02
_FLUSH_EVERY = 5
END = "end"
HERE = "here"


@dataclass(frozen=True)
class Sign:
    """What a process has to know to be the door of a system."""

    system: str
    kind: str
    segment: int
    plants: tuple[str, ...]
    profile: ProfileSpec
    credentials: Credentials
    header: Header
    secrets: tuple[str, ...]
    mark: str
    directory: Path
    address: str
    document: bytes
    incarnation: int
    clock: float
    """The monotonic moment from which wire time counts, the same for all processes of a machine."""


class State(NamedTuple):
    """How things stand at the door: what rest has to wait for."""

    open_exchanges: int = 0
    longest_retry_gap_s: float = 0.0
    told_to_wait_until_s: float = 0.0


class Ask(NamedTuple):
    """A command to be carried out, or (`tag`) a question for the tag of what it would change."""

    t: float
    operation: str
    command: Any
    exchange: int
    tag: bool = False


class Answer(NamedTuple):
    """What came of it; `outcome` is an error where the simulator failed."""

    t: float
    outcome: Any


class Distant(System):
    """A system whose state is in another process."""

    def __init__(self, sign: Sign, kind: SystemKind, world: World, ledger: LedgerWriter, ask: "_Pipe") -> None:
        self.kind, self.name, self.plants = kind, sign.system, sign.plants
        self.world, self.ledger, self.number = world, ledger, ledger.systems[sign.system]
        self.operations = {name: self._tagged(operation) for name, operation in kind.operations.items()}
        self.identified = None
        self.state = None
        self._effects = {}
        self._ask = ask

    def _tagged(self, operation: Operation) -> Operation:
        if operation.etag is None:
            return operation
        return replace(operation, etag=lambda _state, command: self._ask(operation.name, command, 0, tag=True))

    def apply(self, operation: Operation, command: Any, exchange: int = 0) -> Outcome:
        """Let it be carried out where the state is."""
        outcome: Outcome = self._ask(operation.name, command, exchange)
        return outcome


class _Pipe:
    """The way to the process that has the estate."""

    def __init__(self, pipe: Connection, world: World, on_end: Callable[[], None]) -> None:
        self._pipe = pipe
        self._world = world
        self._on_end = on_end
        self.pacer: Pacer | None = None

    def __call__(self, operation: str, command: Any, exchange: int, *, tag: bool = False) -> Any:
        """Ask, and wait for the answer: nothing else happens at this door meanwhile."""
        assert self.pacer is not None
        self._pipe.send(Ask(self._world.env.now, operation, command, exchange, tag))
        answers: deque[Answer] = deque()
        while not answers:
            self._take(self._pipe.recv(), answers)
        self.pacer.advance(answers[0].t + TICK_S)
        if isinstance(answers[0].outcome, Exception):
            raise answers[0].outcome
        return answers[0].outcome

    def _take(self, message: Any, answers: deque[Answer]) -> None:
        if message == END:
            self._on_end()
        else:
            answers.append(message)

    def look(self) -> None:
        """Something came unasked: the end."""
        try:
            while self._pipe.poll():
                self._take(self._pipe.recv(), deque())
        except (EOFError, OSError):
            self._on_end()

    def tell(self, message: Any) -> None:
        """Say something that needs no answer."""
        try:
            self._pipe.send(message)
        except OSError:
            self._on_end()


def be_a_door(pipe: Connection) -> None:
    """What the process does, from its beginning to its end. Ctrl-C is for the process that has the estate."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        pipe.send(HERE)
        sign: Sign = pipe.recv()
    except (EOFError, OSError):
        return
    if not isinstance(sign, Sign):
        return  # it is over before it has begun
    asyncio.run(_serve(pipe, sign))  # asyncio's own loop tells the time exactly, uvloop only now and then


async def _serve(pipe: Connection, sign: Sign) -> None:
    header = sign.header
    world = World(seed=header.seed, epoch=header.epoch, speed=header.speed, mark=sign.mark)
    folder = segment_in(sign.directory, sign.system)
    ledger = LedgerWriter(folder, header, secrets=sign.secrets, first=base_of(sign.segment))
    ended = asyncio.Event()
    way = _Pipe(pipe, world, ended.set)
    system = Distant(sign, kinds()[sign.kind], world, ledger, way)

    def fail(error: BaseException) -> None:
        way.tell(repr(error))

    boundary = Boundary(
        system, sign.profile, sign.credentials, Rest(system.operations), FaultPlan((), world.draws), fail
    )
    front = Front(
        {sign.system: boundary}, world=world, hold=_no_fault, strike=_no_strike, documents={sign.system: sign.document}
    )
    nothing = PlainTextResponse("here is one system only", 404)
    application = Application(front, elsewhere=nothing, incarnation=lambda: sign.incarnation)
    loop = asyncio.get_running_loop()
    way.pacer = Pacer(world, fail, start=sign.clock)
    loop.add_reader(pipe.fileno(), way.look)
    try:
        async with Server(application, sign.address, 0) as server:
            way.tell(server.port)
            await _tell(ended, way, boundary, ledger)
    finally:
        loop.remove_reader(pipe.fileno())
        way.pacer.stop()
        ledger.close()
        seal(folder)


async def _tell(ended: asyncio.Event, way: _Pipe, boundary: Boundary, ledger: LedgerWriter) -> None:
    """Say how things stand when that has changed, and let the ledger be written."""
    told, times = State(), 0
    while not ended.is_set():
        patience = boundary.patience
        state = State(boundary.open_exchanges, patience.longest_retry_gap_s, patience.told_to_wait_until_s)
        if state != told:
            way.tell(state)
            told = state
        times += 1
        if times % _FLUSH_EVERY == 0:
            ledger.flush()
        try:
            async with asyncio.timeout(_TELL_EVERY_S):
                await ended.wait()
        except TimeoutError:
            continue


async def _no_fault(_until: float) -> None:
    raise AssertionError("a door knows no faults")


async def _no_strike(_step: Step, _bite: Callable[[], None]) -> None:
    raise AssertionError("a door knows no faults")
