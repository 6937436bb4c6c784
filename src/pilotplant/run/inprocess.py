"""The stage within this process: a virtual clock, no sockets, and the middleware built by its factory."""

import asyncio
import io
import logging
import os
import sqlite3
import sys
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TextIO
from unittest.mock import patch
from urllib.parse import urlsplit

import respx

from pilotplant.contracts.openapi import documents
from pilotplant.drive.inprocess.host import InProcessHost
from pilotplant.drive.inprocess.life import Factory, Middleware
from pilotplant.drive.inprocess.loop import LIFE, NumberedTask, OutsideWorld, VirtualLoop
from pilotplant.drive.inprocess.outside import Outside as OutsideWatch
from pilotplant.drive.inprocess.outside import kept_out
from pilotplant.drive.inprocess.running import run_virtually
from pilotplant.drive.inprocess.transport import respond
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.records import FaultArmed, FaultBitten, Outside
from pilotplant.model.errors import UsageError
from pilotplant.run.connecting import connect
from pilotplant.run.files import Files
from pilotplant.run.mortal import INSTANCE, Instance, Mortal, has_company, refuse_model_alone, refuse_without_body
from pilotplant.run.preparation import Data, Prepared, prepare
from pilotplant.run.request import Progress, RunRequest
from pilotplant.run.stage import EPOCH
from pilotplant.target.addresses import environment
from pilotplant.target.model import TargetSpec
from pilotplant.target.words import filled

_PORT = 8000
"""Of the first instance; each further one has the next."""
_LIVES = 1_000_000
"""So far are the numbers of the lives of two instances apart."""


class InProcessStage:
    """A run under a virtual clock."""

    def __init__(self, request: RunRequest) -> None:
        target = request.target
        refuse_model_alone(target)
        if target.inprocess is None and request.factory is None and target.start is not None:
            raise UsageError(
                f"target {target.target} says nothing of how to build it within this process",
                help="Give it `inprocess: {factory: package.module:name}`, or use --mode live.",
            )
        if target.inprocess is None and request.factory is None and not _goes_to_estate(target):
            raise UsageError(
                f"target {target.target} runs already, and cannot be reached from within a run without sockets",
                help="Name a target with `inprocess`, or use --mode live.",
            )
        refuse_without_body(request, startable=target.inprocess is not None or request.factory is not None)
        self._request = request
        project = request.project
        self._folder = project.root if project.writable else Path.cwd()
        self._connection = connect(target, request.seed, self._folder, request.mark or "")
        draws = Draws(request.seed)
        self._loop = VirtualLoop(draws.stream("scheduling"))
        self._chance = draws.stream("network")
        self._outer = draws.stream("outside")
        self._outside: OutsideWatch
        self._directory = Path()
        self._prepared: Prepared
        self._middleware: Middleware | None = None
        self._instances: list[Middleware] = []
        """All that were ever built: the dead are buried when the run is over."""
        self._files = Files(Path())
        self._crash = request.setup.scenario.crash
        self._moments = sorted(set(self._crash.at)) if self._crash else []
        self._stack = ExitStack()
        self._mortal: Mortal | None = None
        self._awaits = 0

    @property
    def awaits(self) -> int:
        """How often the middleware has waited since it was started: so many places there are to kill it."""
        return self._awaits

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        if asyncio._get_running_loop() is not None:
            work.close()
            raise UsageError(
                "an in-process run needs an event loop of its own, and one is running here",
                help="Call it from code that is not asynchronous; from a notebook, in a process of its own.",
            )
        with kept_out(self._loop, epoch=EPOCH, chance=self._outer) as self._outside, self._stack:
            run_virtually(self._loop, work, self._bury, self._exits)

    def _exits(self, error: SystemExit) -> None:
        # Of two it may have been the other: the run is over either way, and for the same reason.
        alive = next((each for each in self._instances if each.alive), None)
        if alive is None:
            raise error
        alive.give_up(f"the target ended by itself with exit code {error.code or 0}")

    def _bury(self) -> None:
        for each in self._instances:
            each.bury()

    def prepare(self, request: RunRequest, data: Data, directory: Path) -> Prepared:
        self._directory = directory
        self._files = Files(directory)
        scenario = request.setup.scenario
        self._prepared = prepare(
            request.setup.setup,
            data,
            mode="inprocess",
            run=f"{scenario.scenario}-{request.seed}",
            seed=request.seed,
            epoch=EPOCH,
            speed=scenario.speed,
            directory=directory,
            build=partial(InProcessHost, chance=self._chance, outside=self._outside),
            documents=documents(request.setup.setup.profiles),
            flows=request.setup.flows,
            faults=scenario.faults,
            connection=self._connection,
        )
        return self._prepared

    async def start_target(self, prepared: Prepared) -> None:
        request, host = self._request, prepared.host
        assert isinstance(host, InProcessHost)
        target = request.target
        request.on_progress(Progress(f"starting {target.target}"))
        self._log()
        factory = self._factory()
        self._connection.open_folders(host, self._fill(host, 1), self._directory / "drops")
        urls = self._deliver_urls(host, 1)
        if factory is not None:
            router = respx.mock(assert_all_called=False, using="httpcore")
            router.route().mock(side_effect=respond(host.network))
            self._stack.enter_context(router)
            middleware = self._middleware = host.middleware = self._instance(factory, prepared, 1)
            self._instances.append(middleware)
            self._outside.on_connect = self._connected
            for moment in self._moments:
                prepared.ledger.write(FaultArmed, 0.0, _crash_label(moment))
            self._loop.on_spin = self._spins
            await middleware.start()

            def another() -> Instance:
                number = len(self._instances) + 1
                second, places = self._instance(factory, prepared, number), self._deliver_urls(host, number)
                self._instances.append(second)
                host.others.update((urlsplit(place).netloc, second) for place in places)
                return Instance(second, places)

            first = Instance(middleware, urls)
            self._mortal = Mortal(first, host, another=another, clear=self._files.clear)
            self._mortal.note_start()
            self._loop.awaits = 0  # counted from here, so that no await of the start is meant
            middleware.on_start = self._arm
            self._arm()
        self._connection.subscribe(host, self._fill(host, 1))

    def _fill(self, host: InProcessHost, number: int) -> dict[str, str]:
        return {"python": "", "port": str(_PORT + number - 1), "work": str(self._files.work), "estate": host.url}

    def _deliver_urls(self, host: InProcessHost, number: int) -> list[str]:
        return self._connection.addresses(self._fill(host, number))

    def _instance(self, factory: Factory, prepared: Prepared, number: int) -> Middleware:
        host, target = prepared.host, self._request.target
        assert isinstance(host, InProcessHost)
        told = environment(prepared.addresses(), prepared.events_secret, prepared.estate.spec.plants)
        told = {**os.environ, **told, **self._connection.secrets}
        if has_company(self._request):
            told[INSTANCE] = str(number)
        if target.inprocess is not None:
            fill = self._fill(host, number)
            told |= {name: filled(value, fill) for name, value in target.inprocess.environment.items()}
        lived = _LIVES * (number - 1)
        work = self._files.make()
        return Middleware(factory, host.network, environment=told, work=work, loop=self._loop, lived=lived)

    def _connected(self, connection: sqlite3.Connection) -> None:
        """It is closed when the life ends that opened it."""
        life = LIFE.get()
        next(each for each in self._instances if each.life == life).connected(connection)

    def _factory(self) -> Factory | None:
        request = self._request
        if request.factory is not None:
            return Factory(request.factory)
        spec = request.target.inprocess
        if spec is None:
            return None
        return Factory(spec.factory, self._folder / spec.directory)

    def _spins(self, tasks: list[asyncio.Task[Any]]) -> None:
        """It keeps the loop busy: no time passes any more, for nobody."""
        lives = {task.life for task in tasks if isinstance(task, NumberedTask)}
        spinning = [each for each in self._instances if each.life in lives]
        if not spinning:
            raise OutsideWorld("the harness spins: no time passes any more")
        for task in tasks:
            self._outside.note_task(task, "spins: it never waits, so no time passes")
        for each in spinning:
            each.give_up("the target spun without waiting, and was ended")

    def _arm(self, spent: int = 0) -> None:
        """Prepare the next crash. The `spent` awaits of a start do not count."""
        self._loop.awaits -= spent
        self._loop.at_await = self._kill
        later = [moment for moment in self._moments if moment > self._loop.awaits]
        self._loop.awaits_until = later[0] if later else 0

    def _kill(self) -> None:
        """In the middle of a turn of the loop, between two steps of the middleware."""
        assert self._mortal is not None and self._crash is not None
        present = self._mortal.instances[0].body
        assert isinstance(present, Middleware)
        if present.alive and not self._mortal.busy:
            present.crash()
            ledger, at = self._prepared.ledger, self._loop.awaits_until
            ledger.write(FaultBitten, self._prepared.world.env.now, _crash_label(at), 0, 0)
            self._mortal.note_death(f"killed at await {at}", self._crash.restart_after)
        self._loop.awaits_until = 0

    async def revive_target(self) -> None:
        if self._mortal is not None:
            await self._mortal.revive()

    async def stop_target(self) -> None:
        self._loop.awaits_until = 0
        self._awaits = self._loop.awaits
        ledger, world = self._prepared.ledger, self._prepared.world
        for wanted in self._outside.wanted:
            ledger.write(Outside, world.env.now, wanted)
        if self._mortal is not None:
            self._mortal.leave()
            await self._mortal.stop()
        elif self._middleware is not None and self._middleware.life:
            await self._middleware.stop()

    @property
    def target_processes(self) -> Sequence[int]:
        return ()

    def died(self) -> str:
        return self._mortal.died() if self._mortal is not None else ""

    def _log(self) -> None:
        """What the middleware logs goes to target.log, as it would from a process."""
        handler = logging.FileHandler(self._directory / "target.log", delay=True, encoding="utf-8")
        handler.addFilter(lambda _record: LIFE.get() != 0)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        root.addHandler(handler)
        for name in ("stdout", "stderr"):
            divided = _Divided(getattr(sys, name), self._directory / "target.log")
            self._stack.enter_context(patch.object(sys, name, divided))
        self._stack.callback(handler.close)
        self._stack.callback(root.removeHandler, handler)


def _goes_to_estate(target: TargetSpec) -> bool:
    """Whether its events go to the estate itself, as those of the null target."""
    return any("{estate}" in each.url for each in target.deliveries)


def _crash_label(at: int) -> str:
    """A crash in ledger and reports: one that never came leaves the run undecided, as every fault that never bit."""
    return f"crash at await {at}"


class _Divided(io.TextIOBase):
    """A stream of the process that sends what the middleware prints to its log."""

    def __init__(self, stream: TextIO, log: Path) -> None:
        self._stream = stream
        self._log = log

    def write(self, text: str) -> int:
        """Print it where it belongs."""
        if not LIFE.get():
            return self._stream.write(text)
        with self._log.open("a", encoding="utf-8", errors="backslashreplace") as log:
            return log.write(text)

    def flush(self) -> None:
        """Nothing is held back here."""
        self._stream.flush()
