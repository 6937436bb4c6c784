"""A scenario against a target, live, from start to verdict."""

import asyncio
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from pilotplant.checks.judge import judge
from pilotplant.checks.result import Result
from pilotplant.contracts.openapi import documents
from pilotplant.drive.live.host import Host
from pilotplant.flows.expansion import Expander
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Crash, Quiesce, Restart
from pilotplant.model.errors import InternalError, PilotplantError, TargetError
from pilotplant.resources import Project, find_project
from pilotplant.run.comparison import compare
from pilotplant.run.ending import run_until_ended
from pilotplant.run.identity import RunInfo, git_revision, legible, new_directory, versions
from pilotplant.run.preparation import Data, Prepared, generate_data, prepare
from pilotplant.run.quiescence import Rest, until_quiet
from pilotplant.run.stimulation import Stimulation
from pilotplant.run.summary import limits_of_evidence, result_of
from pilotplant.scenario.loading import Setup, load_scenario, load_target
from pilotplant.target.addresses import environment
from pilotplant.target.model import TargetSpec, filled
from pilotplant.target.process import TargetProcess, free_port

_LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class Progress:
    """How far a run is, for whoever watches."""

    phase: str
    done: int = 0
    total: int = 0


def _silent(progress: Progress) -> None:
    del progress


@dataclass(frozen=True)
class RunRequest:
    """What is to be run."""

    project: Project
    setup: Setup
    target: TargetSpec
    seed: int
    elsewhere: Callable[[Prepared], ASGIApp]
    directory: Path | None = None
    argv: Sequence[str] = ()
    scenario_named: str = ""
    """How the user named the scenario: for the command that replays the run. Its own name if empty."""
    target_named: str = ""
    overrides: Sequence[str] = ()
    port: int = 0
    """Where the simulators listen; 0 takes a free one."""
    on_progress: Callable[[Progress], None] = _silent


@dataclass(frozen=True)
class Finished:
    """What a run left behind."""

    result: Result
    directory: Path
    crashed: tuple[str, ...] = ()


@dataclass
class _Trace:
    """What is learned while the run goes on."""

    stimuli_digest: str = ""
    rest: Rest | None = None
    notes: list[str] = field(default_factory=list)


def run_scenario(
    scenario: str,
    *,
    target: str = "reference",
    seed: int = 0,
    project: Path | None = None,
    out: Path | None = None,
) -> Result:
    """Run a scenario against a target and return the result. The same as `pilotplant run`, for Python."""
    from pilotplant.run.elsewhere import only_null_target

    found = find_project(str(project) if project else None, os.environ, Path.cwd())
    request = RunRequest(
        found, load_scenario(found, scenario), load_target(found, target), seed, only_null_target, directory=out
    )
    return run(request).result


def run(request: RunRequest) -> Finished:
    """Run, judge, and write `run.json`. Reports are made from the result by whoever wants them."""
    scenario = request.setup.scenario
    started = datetime.now(UTC)
    directory = request.directory or new_directory(request.project.runs_dir(), scenario.scenario, started)
    directory.mkdir(parents=True, exist_ok=True)
    request.on_progress(Progress("generating data"))
    data = generate_data(request.setup.setup, request.seed)
    info = _info(request, directory, started, data)
    info.write(directory)
    trace = _Trace()
    clock = time.monotonic()
    try:
        run_until_ended(_Live(request, directory, data, trace).run())
        info.ended = "at rest" if trace.rest and trace.rest.settled else "given up"
    except KeyboardInterrupt:
        info.ended = "interrupted"
        raise
    except PilotplantError as error:
        info.ended = legible(error.message)
        raise
    finally:
        info.stimuli_digest = trace.stimuli_digest
        info.write(directory)
    info.duration_s = round(time.monotonic() - clock, 3)
    info.notes = trace.notes
    info.write(directory)
    request.on_progress(Progress("judging"))
    judgement = judge(
        Ledger(directory),
        request.setup.flows,
        target=request.target.target,
        expressions=scenario.thresholds,
        declares=request.target.declares,
    )
    return Finished(result_of(info, scenario.about, judgement), directory, judgement.crashed)


class _Live:
    """One live run."""

    def __init__(self, request: RunRequest, directory: Path, data: Data, trace: _Trace) -> None:
        self._request = request
        self._directory = directory
        self._data = data
        self._trace = trace
        self._process: TargetProcess | None = None

    async def run(self) -> None:
        request, scenario = self._request, self._request.setup.scenario
        prepared = prepare(
            request.setup.setup,
            self._data,
            run=self._directory.name,
            seed=request.seed,
            epoch=time.time(),
            speed=scenario.speed,
            directory=self._directory,
            elsewhere=request.elsewhere,
            documents=documents(request.setup.setup.profiles),
            flows=request.setup.flows,
            faults=scenario.faults,
            port=request.port,
        )
        expander = Expander(request.setup.flows, prepared.estate, prepared.ledger)
        for system in prepared.estate:
            system.listeners.append(expander.on_event)
        try:
            async with prepared.host as host:
                try:
                    await self._start_target(prepared)
                    await self._drive(prepared, expander)
                finally:
                    if self._process is not None:
                        await self._process.stop()
                self._raise_failure(host)
        finally:
            prepared.ledger.close()

    async def _start_target(self, prepared: Prepared) -> None:
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
            folder = self._request.project.root if self._request.project.writable else Path.cwd()
            log = self._directory / "target.log"
            self._process = TargetProcess(target.start, fill, told, folder=folder, log=log)
            await self._process.start()
            prepared.world.advance()
            host.ledger.write(Restart, host.world.env.now, host.incarnation)
        if target.deliver is not None:
            url = filled(target.deliver.url, fill)
            await _reachable(url)
            wanted = frozenset(target.deliver.events)
            host.subscribe(url, lambda event: not wanted or event in wanted)

    async def _drive(self, prepared: Prepared, expander: Expander) -> None:
        request, host = self._request, prepared.host
        stimulation = Stimulation(request.setup.scenario.stimuli, prepared.estate)
        host.begin()
        stimulation.start(host.world.env.now)
        while not stimulation.finished:
            request.on_progress(Progress("driving", stimulation.done, len(stimulation.plan)))
            await asyncio.sleep(_LOOK_EVERY_S)
            self._raise_failure(host)
            if self._died():
                break
        self._trace.stimuli_digest = stimulation.digest
        self._trace.notes.extend(stimulation.skipped)
        prepared.estate.stop()
        host.heal()
        request.on_progress(Progress("waiting for rest"))
        waiting = asyncio.create_task(
            until_quiet(host, request.setup.scenario.quiescence, request.target.declares, self._died)
        )
        failing = asyncio.create_task(host.failed.wait())
        try:
            await asyncio.wait({waiting, failing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failing.cancel()
            if not waiting.done():
                waiting.cancel()
        self._raise_failure(host)
        rest = self._trace.rest = waiting.result()
        if died := self._died():
            host.ledger.write(Crash, host.world.env.now, host.incarnation, died)
            self._trace.notes.append(died)
        host.world.advance()
        host.ledger.write(Quiesce, host.world.env.now, rest.settled, rest.note)
        unasked = (effect for system in prepared.estate for effect in system.changed())
        compare(prepared.estate, prepared.ledger, dict.fromkeys((*expander.effects, *unasked)))

    def _died(self) -> str:
        if self._process is not None and self._process.exit_code is not None:
            return f"the target ended by itself with exit code {self._process.exit_code}"
        return ""

    def _raise_failure(self, host: Host) -> None:
        error = host.failure
        if isinstance(error, PilotplantError):
            raise error
        if error is not None:
            raise InternalError(f"a simulator failed: {type(error).__name__}: {error}") from error


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


def _info(request: RunRequest, directory: Path, started: datetime, data: Data) -> RunInfo:
    setup, scenario = request.setup, request.setup.scenario
    configuration: Mapping[str, Any] = {
        "scenario": scenario.model_dump(mode="json", by_alias=True),
        "estate": setup.setup.estate.model_dump(mode="json"),
        "profiles": {kind: profile.model_dump(mode="json") for kind, profile in setup.setup.profiles.items()},
        "flows": [flow.model_dump(mode="json") for flow in setup.flows],
        "target": _without_secrets(request.target),
    }
    return RunInfo(
        run=directory.name,
        scenario=scenario.scenario,
        target=request.target.target,
        mode="live",
        seed=request.seed,
        argv=[legible(word) for word in request.argv],
        repro=_repro(request),
        started=started.isoformat(timespec="milliseconds"),
        versions=versions(),
        git=git_revision(request.project.root),
        configuration=dict(configuration),
        limits_of_evidence=limits_of_evidence(setup, request.target),
        data_digest=data.digest,
    )


def _without_secrets(target: TargetSpec) -> dict[str, Any]:
    """A target as it may be kept: the values of its own environment may be secrets."""
    content = target.model_dump(mode="json")
    if target.start is not None:
        content["start"]["environment"] = dict.fromkeys(target.start.environment, "***")
    return content


def _repro(request: RunRequest) -> str:
    """The command that replays this run."""
    scenario = request.scenario_named or request.setup.scenario.scenario
    target = request.target_named or request.target.target
    words = ["pilotplant", "run", scenario, "--target", target, "--seed", str(request.seed)]
    for override in request.overrides:
        words += ["--set", override]
    return legible(shlex.join(words))
