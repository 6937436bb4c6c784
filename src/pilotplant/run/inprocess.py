"""The stage within this process: a virtual clock, no sockets, and the middleware built by its factory."""

import asyncio
import io
import logging
import os
import sys
from collections.abc import Coroutine
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TextIO
from unittest.mock import patch

import respx

from pilotplant.contracts.openapi import documents
from pilotplant.drive.inprocess.host import InProcessHost
from pilotplant.drive.inprocess.life import Factory, Middleware
from pilotplant.drive.inprocess.loop import LIFE, OutsideWorld, VirtualLoop
from pilotplant.drive.inprocess.outside import Outside as OutsideWatch
from pilotplant.drive.inprocess.outside import kept_out
from pilotplant.drive.inprocess.running import run_virtually
from pilotplant.drive.inprocess.transport import respond
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.records import FaultArmed, FaultBitten, Outside
from pilotplant.model.errors import UsageError
from pilotplant.run.mortal import Mortal, refuse_without_body
from pilotplant.run.preparation import Data, Prepared, prepare
from pilotplant.run.request import Progress, RunRequest
from pilotplant.target.addresses import environment
from pilotplant.target.model import TargetSpec, filled

EPOCH = 1_772_431_200.0
"""A Monday, 2 March 2026, 06:00 UTC: always the same, so that the same seed gives the same bytes."""
_PORT = "8000"


class InProcessStage:
    """A run under a virtual clock."""

    def __init__(self, request: RunRequest) -> None:
        target = request.target
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
        draws = Draws(request.seed)
        self._loop = VirtualLoop(draws.stream("scheduling"))
        self._chance = draws.stream("network")
        self._outer = draws.stream("outside")
        self._outside: OutsideWatch
        self._directory = Path()
        self._prepared: Prepared
        self._middleware: Middleware | None = None
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
        if self._middleware is None or not self._middleware.alive:
            raise error
        self._middleware.give_up(f"the target ended by itself with exit code {error.code or 0}")

    def _bury(self) -> None:
        if self._middleware is not None:
            self._middleware.bury()

    def prepare(self, request: RunRequest, data: Data, directory: Path) -> Prepared:
        self._directory = directory
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
        )
        return self._prepared

    async def start_target(self, prepared: Prepared) -> None:
        request, host = self._request, prepared.host
        assert isinstance(host, InProcessHost)
        target = request.target
        request.on_progress(Progress(f"starting {target.target}"))
        fill = {"python": "", "port": _PORT, "work": str(self._directory.absolute()), "estate": host.url}
        self._log()
        factory = self._factory()
        if factory is not None:
            told = environment(prepared.addresses(), prepared.events_secret, prepared.estate.spec.plants)
            told = {**os.environ, **told}
            if target.inprocess is not None:
                told |= {name: filled(value, fill) for name, value in target.inprocess.environment.items()}
            router = respx.mock(assert_all_called=False, using="httpcore")
            router.route().mock(side_effect=respond(host.network))
            self._stack.enter_context(router)
            middleware = Middleware(
                factory, host.network, environment=told, work=self._directory.absolute(), loop=self._loop
            )
            self._middleware = host.middleware = middleware
            self._outside.on_connect = middleware.connected
            for moment in self._moments:
                prepared.ledger.write(FaultArmed, 0.0, _crash_label(moment))
            self._loop.on_spin = self._spins
            await middleware.start()
            self._mortal = Mortal(middleware, host)
            self._mortal.note_start()
            self._loop.awaits = 0  # counted from here, so that no await of the start is meant
            middleware.on_start = self._arm
            self._arm()
        if target.deliver is not None:
            host.subscribe(filled(target.deliver.url, fill), target.deliver.wants)

    def _factory(self) -> Factory | None:
        request = self._request
        if request.factory is not None:
            return Factory(request.factory)
        spec = request.target.inprocess
        if spec is None:
            return None
        project = request.project
        root = project.root if project.writable else Path.cwd()
        return Factory(spec.factory, root / spec.directory)

    def _spins(self, tasks: list[asyncio.Task[Any]]) -> None:
        """It keeps the loop busy: no time passes any more, for nobody."""
        if self._middleware is None or not tasks:
            raise OutsideWorld("the harness spins: no time passes any more")
        for task in tasks:
            self._outside.note_task(task, "spins: it never waits, so no time passes")
        self._middleware.give_up("the target spun without waiting, and was ended")

    def _arm(self, spent: int = 0) -> None:
        """Prepare the next crash. The `spent` awaits of a start do not count."""
        self._loop.awaits -= spent
        self._loop.at_await = self._kill
        later = [moment for moment in self._moments if moment > self._loop.awaits]
        self._loop.awaits_until = later[0] if later else 0

    def _kill(self) -> None:
        """In the middle of a turn of the loop, between two steps of the middleware."""
        assert self._middleware is not None and self._mortal is not None and self._crash is not None
        if self._middleware.alive and not self._prepared.host.away:
            self._middleware.crash()
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
        if self._middleware is not None and self._middleware.life:
            await self._middleware.stop()

    @property
    def target_process(self) -> int:
        return 0

    def died(self) -> str:
        return self._middleware.ended if self._middleware is not None else ""

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
    return target.deliver is not None and "{estate}" in target.deliver.url


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
