"""The stage within this process: a virtual clock, no sockets, and the middleware built by its factory."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

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
from pilotplant.ledger.records import Outside
from pilotplant.model.errors import UsageError
from pilotplant.run.mortal import Mortal, refuse_without_body
from pilotplant.run.preparation import Data, Prepared, prepare
from pilotplant.run.request import Progress, RunRequest
from pilotplant.target.addresses import environment
from pilotplant.target.model import filled

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

    @property
    def awaits(self) -> int:
        """How often the middleware has waited since it was started: so many places there are to kill it."""
        return self._loop.awaits

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        with kept_out(self._loop, epoch=EPOCH, chance=self._outer) as self._outside:
            run_virtually(self._loop, work, self._bury)

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
            told = dict(environment(prepared.addresses(), prepared.events_secret, prepared.estate.spec.plants))
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
            self._mortal.note_death(f"killed at await {self._loop.awaits_until}", self._crash.restart_after)
        self._loop.awaits_until = 0

    async def revive_target(self) -> None:
        if self._mortal is not None:
            await self._mortal.revive()

    async def stop_target(self) -> None:
        self._loop.awaits_until = 0
        ledger, world = self._prepared.ledger, self._prepared.world
        for wanted in self._outside.wanted:
            ledger.write(Outside, world.env.now, wanted)
        if self._mortal is not None:
            self._mortal.leave()
        if self._middleware is not None and self._middleware.life:
            await self._middleware.stop()
        self._stack.close()

    def died(self) -> str:
        return self._middleware.ended if self._middleware is not None else ""

    def _log(self) -> None:
        """What the middleware logs goes to target.log, as it would from a process."""
        handler = logging.FileHandler(self._directory / "target.log", delay=True, encoding="utf-8")
        handler.addFilter(lambda _record: LIFE.get() != 0)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        root.addHandler(handler)
        self._stack.callback(handler.close)
        self._stack.callback(root.removeHandler, handler)
