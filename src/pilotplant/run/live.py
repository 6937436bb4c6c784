"""The live stage: real sockets, the real clock, the target a process of its own or one that runs already."""

import asyncio
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from pilotplant.contracts.openapi import documents
from pilotplant.model.errors import TargetError, UsageError
from pilotplant.run.connecting import connect
from pilotplant.run.ending import run_until_ended
from pilotplant.run.files import Files
from pilotplant.run.mortal import INSTANCE, Instance, Mortal, has_company, refuse_model_alone, refuse_without_body
from pilotplant.run.preparation import Data, Prepared, prepare_live
from pilotplant.run.request import Progress, RunRequest
from pilotplant.run.services import ExceptionEndpoint, Services
from pilotplant.target.addresses import environment
from pilotplant.target.model import Start
from pilotplant.target.process import TargetProcess, free_port


class LiveStage:
    """A run over sockets."""

    def __init__(self, request: RunRequest) -> None:
        if request.setup.scenario.crash is not None:
            raise UsageError("the scenario crashes its target between two awaits", help="Run it with --mode inprocess.")
        target = request.target
        if request.processes:
            _refuse_doors(request)
        refuse_model_alone(target)
        built = target.inprocess is not None and target.start is None
        if built and (not target.deliveries or any("{port}" in each.url for each in target.deliveries)):
            raise UsageError(
                f"target {target.target} can only be built within this process", help="Add --mode inprocess."
            )
        refuse_without_body(request, startable=request.target.start is not None)
        self._request = request
        project = request.project
        self._folder = project.root if project.writable else Path.cwd()
        self._connection = connect(target, request.seed, self._folder, request.mark or "", serves=True)
        self._directory = Path()
        self._instances: list[TargetProcess] = []
        """All that were made; at first there is one."""
        self._mortal: Mortal | None = None
        self._services: Services | None = None
        self._files = Files(Path())

    @property
    def awaits(self) -> int:
        return 0

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            run_until_ended(work)
        finally:
            self._connection.end()

    def prepare(self, request: RunRequest, data: Data, directory: Path) -> Prepared:
        self._directory = directory
        self._files = Files(directory)
        scenario = request.setup.scenario
        return prepare_live(
            request.setup.setup,
            data,
            elsewhere=self._elsewhere,
            run=directory.name,
            seed=request.seed,
            speed=scenario.speed,
            directory=directory,
            documents=documents(request.setup.setup.profiles),
            flows=request.setup.flows,
            faults=scenario.faults,
            connection=self._connection,
            address=request.address,
            port=request.port,
            processes=request.processes,
        )

    def _elsewhere(self, prepared: Prepared) -> ASGIApp:
        """What the port answers besides the systems, and where a target posts what it gives up."""
        inner = self._request.elsewhere(prepared)
        spec = self._request.target.exceptions
        return inner if spec is None or not spec.endpoint else ExceptionEndpoint(inner, lambda: self._services)

    async def start_target(self, prepared: Prepared) -> None:
        target, host = self._request.target, prepared.host
        self._request.on_progress(Progress(f"starting {target.target}"))
        fill = self._fill(host.url)
        urls = self._connection.addresses(fill)
        self._connection.open_folders(host, fill, self._directory / "drops")
        if target.start is not None:
            first = self._instance(target.start, fill, prepared, 1)
            await first.start()

            numbers = count(2)

            def another() -> Instance:
                assert target.start is not None
                fill = self._fill(host.url)
                urls = self._connection.addresses(fill)
                return Instance(self._instance(target.start, fill, prepared, next(numbers)), urls)

            self._mortal = Mortal(Instance(first, urls), host, another=another, clear=self._files.clear)
            self._mortal.note_start()
        told = self._told(prepared)
        services = self._services = Services(target, host, fill, self._folder, told)
        await services.before()
        for url in urls:
            await _reachable(url)
        self._connection.subscribe(host, fill)
        services.watch()
        host.nudge, host.look_again = services.nudge, services.collect_last

    def _fill(self, estate: str) -> dict[str, str]:
        return {
            "python": sys.executable,
            "port": str(free_port()),
            "work": str(self._files.make()),
            "estate": estate,
        }

    def _told(self, prepared: Prepared) -> dict[str, str]:
        """What the target learns in its environment."""
        told = environment(prepared.addresses(), prepared.events_secret, prepared.estate.spec.plants)
        return {**told, **self._connection.told()}

    def _instance(self, start: Start, fill: Mapping[str, str], prepared: Prepared, number: int) -> TargetProcess:
        told = self._told(prepared)
        if has_company(self._request):
            told = {**told, INSTANCE: str(number)}
        log = self._directory / ("target.log" if number == 1 else f"target-{number}.log")
        secrets = self._connection.secrets
        made = TargetProcess(start, fill, told, folder=self._folder, log=log, secrets=secrets.values())
        self._instances.append(made)
        return made

    async def revive_target(self) -> None:
        if self._mortal is not None:
            await self._mortal.revive()

    async def stop_target(self) -> None:
        if self._services is not None:
            await self._services.after()
        if self._mortal is not None:
            self._mortal.leave()
            await self._mortal.stop()
        else:
            for each in self._instances:
                await each.stop()

    @property
    def target_processes(self) -> Sequence[int]:
        return [each.process_id for each in self._instances if each.running]

    def died(self) -> str:
        return self._mortal.died() if self._mortal is not None else ""


def _refuse_doors(request: RunRequest) -> None:
    """What a system in a process of its own cannot do."""
    if sys.platform == "win32":
        raise UsageError("--processes needs a POSIX system")
    target = request.target
    given = {
        "the profile's faults": bool(request.setup.scenario.faults),
        "`identity` of the target": bool(target.identity),
        "`extensions` of the target": bool(target.extensions),
        "`tls` of the target": target.tls is not None,
        "`public_url` of the target": bool(target.public_url),
    }
    if named := [name for name, there in given.items() if there]:
        raise UsageError(
            f"--processes does not go with {' and '.join(named)}", help="Leave it out: a single process can."
        )


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
