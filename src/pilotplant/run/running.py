"""A scenario against a target, from start to verdict, on whatever stage."""

import asyncio
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pilotplant.checks.judge import judge
from pilotplant.checks.result import Result
from pilotplant.drive.host import Host
from pilotplant.flows.expansion import Expander
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Crash, Quiesce
from pilotplant.model.errors import InternalError, PilotplantError, UsageError
from pilotplant.resources import find_project
from pilotplant.run.comparison import compare
from pilotplant.run.crashing import at_every_await
from pilotplant.run.identity import RunInfo, git_revision, legible, new_directory, versions
from pilotplant.run.live import LiveStage
from pilotplant.run.preparation import Data, Prepared, generate_data
from pilotplant.run.quiescence import Rest, until_quiet
from pilotplant.run.request import Mode, Progress, RunRequest
from pilotplant.run.stage import Stage
from pilotplant.run.stimulation import Stimulation
from pilotplant.run.summary import limits_of_evidence, result_of
from pilotplant.scenario.loading import load_scenario, load_target
from pilotplant.target.model import TargetSpec

_LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class Finished:
    """What a run left behind."""

    result: Result
    directory: Path
    crashed: tuple[str, ...] = ()
    awaits: int = 0
    """In-process: how often the middleware waited, and so could have been killed."""


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
    mode: Mode = "live",
    project: Path | None = None,
    out: Path | None = None,
) -> Result:
    """Run a scenario against a target and return the result. The same as `pilotplant run`, for Python."""
    from pilotplant.run.elsewhere import only_null_target

    found = find_project(str(project) if project else None, os.environ, Path.cwd())
    setup, spec = load_scenario(found, scenario), load_target(found, target)
    request = RunRequest(found, setup, spec, seed, only_null_target, mode, directory=out)
    return run(request).result


def run(request: RunRequest) -> Finished:
    """Run, judge, and write `run.json`. Reports are made from the result by whoever wants them."""
    crash = request.setup.scenario.crash
    if crash is not None and crash.every is not None and request.mode == "inprocess":
        return at_every_await(request, crash, _run)
    return _run(request)


def _run(request: RunRequest) -> Finished:
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
    stage = _stage(request)
    try:
        stage.perform(_Course(request, stage, directory, data, trace).run())
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
        Ledger(directory), request.setup.flows, target=request.target.target, expressions=scenario.thresholds
    )
    return Finished(result_of(info, scenario.about, judgement), directory, judgement.crashed, stage.awaits)


def _stage(request: RunRequest) -> Stage:
    if request.mode == "live":
        return LiveStage(request)
    try:
        from pilotplant.run.inprocess import InProcessStage
    except ImportError as error:
        raise UsageError(
            f"in-process runs need the package {error.name}", help="pip install 'pilotplant[inprocess]'"
        ) from None
    return InProcessStage(request)


class _Course:
    """The course of one run."""

    def __init__(self, request: RunRequest, stage: Stage, directory: Path, data: Data, trace: _Trace) -> None:
        self._request = request
        self._stage = stage
        self._directory = directory
        self._data = data
        self._trace = trace

    async def run(self) -> None:
        stage = self._stage
        prepared = stage.prepare(self._request, self._data, self._directory)
        expander = Expander(self._request.setup.flows, prepared.estate, prepared.ledger)
        for system in prepared.estate:
            system.listeners.append(expander.on_event)
        try:
            async with prepared.host as host:
                try:
                    await stage.start_target(prepared)
                    await self._drive(prepared, expander)
                finally:
                    await stage.stop_target()
                self._raise_failure(host)
        finally:
            prepared.ledger.close()

    async def _drive(self, prepared: Prepared, expander: Expander) -> None:
        request, host = self._request, prepared.host
        stimulation = Stimulation(request.setup.scenario.stimuli, prepared.estate)
        host.begin()
        stimulation.start(host.world.env.now)
        while not stimulation.finished:
            request.on_progress(Progress("driving", stimulation.done, len(stimulation.plan)))
            await asyncio.sleep(_LOOK_EVERY_S)
            self._raise_failure(host)
            if self._stage.died():
                break
        self._trace.stimuli_digest = stimulation.digest
        self._trace.notes.extend(stimulation.skipped)
        prepared.estate.stop()
        await self._stage.revive_target()
        host.heal()
        request.on_progress(Progress("waiting for rest"))
        waiting = asyncio.create_task(
            until_quiet(host, request.setup.scenario.quiescence, request.target.declares, self._stage.died)
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
        if died := self._stage.died():
            host.ledger.write(Crash, host.world.env.now, host.incarnation, died)
            self._trace.notes.append(died)
        host.world.advance()
        host.ledger.write(Quiesce, host.world.env.now, rest.settled, rest.note)
        unasked = (effect for system in prepared.estate for effect in system.changed())
        compare(prepared.estate, prepared.ledger, dict.fromkeys((*expander.effects, *unasked)))

    def _raise_failure(self, host: Host) -> None:
        error = host.failure
        if isinstance(error, PilotplantError):
            raise error
        if error is not None:
            raise InternalError(f"a simulator failed: {type(error).__name__}: {error}") from error


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
        mode=request.mode,
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
    if request.mode != "live":
        words += ["--mode", request.mode]
    for override in request.overrides:
        words += ["--set", override]
    return legible(shlex.join(words))
