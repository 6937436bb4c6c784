"""The live stage: real sockets, the real clock, the target a process of its own or one that runs already."""

import asyncio
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pilotplant.contracts.openapi import documents
from pilotplant.model.errors import TargetError, UsageError
from pilotplant.run.ending import run_until_ended
from pilotplant.run.mortal import Mortal, refuse_without_body
from pilotplant.run.preparation import Data, Prepared, prepare_live
from pilotplant.run.request import Progress, RunRequest
from pilotplant.target.addresses import environment
from pilotplant.target.model import filled
from pilotplant.target.process import TargetProcess, free_port


class LiveStage:
    """A run over sockets."""

    def __init__(self, request: RunRequest) -> None:
        if request.setup.scenario.crash is not None:
            raise UsageError("the scenario crashes its target between two awaits", help="Run it with --mode inprocess.")
        target = request.target
        built = target.inprocess is not None and target.start is None
        if built and (target.deliver is None or "{port}" in target.deliver.url):
            raise UsageError(
                f"target {target.target} can only be built within this process", help="Add --mode inprocess."
            )
        refuse_without_body(request, startable=request.target.start is not None)
        self._request = request
        self._directory = Path()
        self._process: TargetProcess | None = None
        self._mortal: Mortal | None = None

    @property
    def awaits(self) -> int:
        return 0

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        run_until_ended(work)

    def prepare(self, request: RunRequest, data: Data, directory: Path) -> Prepared:
        self._directory = directory
        scenario = request.setup.scenario
        return prepare_live(
            request.setup.setup,
            data,
            elsewhere=request.elsewhere,
            run=directory.name,
            seed=request.seed,
            epoch=time.time(),
            speed=scenario.speed,
            directory=directory,
            documents=documents(request.setup.setup.profiles),
            flows=request.setup.flows,
            faults=scenario.faults,
            port=request.port,
        )

    async def start_target(self, prepared: Prepared) -> None:
        target, host = self._request.target, prepared.host
        self._request.on_progress(Progress(f"starting {target.target}"))
        fill = {
            "python": sys.executable,
            "port": str(free_port()),
            "work": str(self._directory.absolute()),
            "estate": host.url,
        }
        if target.start is not None:
            told = environment(prepared.addresses(), prepared.events_secret, prepared.estate.spec.plants)
            project = self._request.project
            folder = project.root if project.writable else Path.cwd()
            log = self._directory / "target.log"
            self._process = TargetProcess(target.start, fill, told, folder=folder, log=log)
            await self._process.start()
            self._mortal = Mortal(self._process, host)
            self._mortal.note_start()
        if target.deliver is not None:
            url = filled(target.deliver.url, fill)
            await _reachable(url)
            host.subscribe(url, target.deliver.wants)

    async def revive_target(self) -> None:
        if self._mortal is not None:
            await self._mortal.revive()

    async def stop_target(self) -> None:
        if self._mortal is not None:
            self._mortal.leave()
        if self._process is not None:
            await self._process.stop()

    @property
    def target_process(self) -> int:
        return self._process.process_id if self._process is not None else 0

    def died(self) -> str:
        if self._process is not None and self._process.exit_code is not None:
            return f"the target ended by itself with exit code {self._process.exit_code}"
        return ""


async def _reachable(url: str) -> None:
    """See that somebody listens where the events are to go."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(3):
            _reader, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no answer within 3 s"
        raise TargetError(f"nothing can be delivered to {url}: {why}") from None
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
