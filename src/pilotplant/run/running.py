"""A scenario against a target, from start to verdict, on whatever stage."""

import os
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pilotplant.checks.accepted import Known
from pilotplant.checks.judge import judge
from pilotplant.checks.result import Result
from pilotplant.dataset.marking import mark_of
from pilotplant.ledger.merging import MAIN, SEGMENTS, merge
from pilotplant.ledger.reader import Ledger
from pilotplant.model.errors import PilotplantError, UsageError
from pilotplant.resources import Project, find_project
from pilotplant.run.again import load_terms
from pilotplant.run.course import Act, Course
from pilotplant.run.crashing import at_every_await
from pilotplant.run.identity import RunInfo, git_revision, legible, new_directory, versions
from pilotplant.run.known import known_findings
from pilotplant.run.live import LiveStage
from pilotplant.run.preparation import Data, generate_data
from pilotplant.run.request import Finished, Progress, RunRequest
from pilotplant.run.stage import Stage
from pilotplant.run.summary import limits_of_evidence, result_of
from pilotplant.run.whatif import WhatIfCourse, with_modelled_flows
from pilotplant.scenario.loading import load_scenario, load_target
from pilotplant.scenario.model import Mode
from pilotplant.target.model import TargetSpec


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


def run(request: RunRequest, act: Act | None = None) -> Finished:
    """Run, judge, and write `run.json`. Reports are made from the result by whoever wants them.

    With `act`, that happens in place of the scenario's stimuli.
    """
    crash = request.setup.scenario.crash
    if crash is not None and crash.every is not None and request.mode == "inprocess":
        if act is not None:
            raise UsageError("a story cannot be told once for every await", help="Use `crash: {at: [N]}`.")
        return at_every_await(request, crash, _run)
    return _run(request, act)


def _run(request: RunRequest, act: Act | None = None) -> Finished:
    request = _with_mark(request)
    refuse_other_modes(request)
    stage = None if request.mode == "whatif" else _stage(request)
    if stage is None:
        request = with_modelled_flows(request)
    scenario = request.setup.scenario
    started = datetime.now(UTC)
    directory = request.directory or new_directory(request.project.runs_dir(), scenario.scenario, started)
    directory.mkdir(parents=True, exist_ok=True)
    request.on_progress(Progress("generating data"))
    data = request.data or generate_data(request.setup.setup, request.seed)
    accepted = [each for each in known_findings(request.project) if each.scenario in ("", scenario.scenario)]
    info = _info(request, directory, started, data)
    info.configuration["accepted"] = [each.model_dump(mode="json") for each in accepted]
    info.write(directory)
    course = Course(request, stage, directory, data, act) if stage else WhatIfCourse(request, directory, data)
    trace = course.trace
    clock = time.monotonic()
    try:
        with _one_ledger(request, directory, info.notes):
            course.perform()
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
    info.notes, info.model_figures = trace.notes, trace.figures
    info.write(directory)
    request.on_progress(Progress("judging"))
    judgement = judge(
        Ledger(directory),
        request.setup.flows,
        target=request.target.target,
        expressions=scenario.thresholds,
        declares=request.target.declares,
        known=Known(tuple(accepted), started.date()),
        under_load=load_terms(info.configuration),
    )
    settled = trace.rest is None or trace.rest.settled
    result = result_of(info, scenario.about, judgement)
    return Finished(result, directory, judgement.crashed, course.awaits, settled)


def refuse_other_modes(request: RunRequest) -> None:
    """A scenario may say which modes it is meant for."""
    modes = request.setup.scenario.modes
    if modes and request.mode not in modes:
        raise UsageError(
            f"{request.setup.scenario.scenario} is meant for {' and '.join(modes)}, not for {request.mode}",
            help=f"Add --mode {modes[0]}, or --set modes=[] if you mean it.",
        )


@contextmanager
def _one_ledger(request: RunRequest, directory: Path, notes: list[str]) -> Iterator[None]:
    """Put the segments of a run together when it is over. What broke a run is what is told of it; that its ledger broke
    as well is a note, since the first may be why."""
    try:
        yield
    except BaseException as error:
        try:
            _merge(request, directory)
        except Exception as another:
            notes.append(legible(f"the segments of its ledger could not be put together: {another}"))
            error.add_note(notes[-1])
        raise
    _merge(request, directory)


def _merge(request: RunRequest, directory: Path) -> None:
    if request.processes and (directory / SEGMENTS / MAIN / "ledger.msgpack").exists():
        merge(directory)


def _with_mark(request: RunRequest) -> RunRequest:
    """The mark of the numbers is given, or decided now: a new one for a target that may remember another run."""
    if request.mark is not None:
        return request
    remembers = request.mode == "live" and request.target.remembers
    return replace(request, mark=mark_of(time.time()) if remembers else "")


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


def _info(request: RunRequest, directory: Path, started: datetime, data: Data) -> RunInfo:
    setup, scenario = request.setup, request.setup.scenario
    configuration: Mapping[str, Any] = {
        "scenario": scenario.model_dump(mode="json", by_alias=True),
        "estate": setup.setup.estate.model_dump(mode="json"),
        "profiles": {kind: profile.model_dump(mode="json") for kind, profile in setup.setup.profiles.items()},
        "flows": [flow.model_dump(mode="json") for flow in setup.flows],
        "target": _without_secrets(request.target),
        **request.more,
    }
    return RunInfo(
        run=directory.name,
        scenario=scenario.scenario,
        target=request.target.target,
        mode=request.mode,
        seed=request.seed,
        argv=[legible(word) for word in request.argv],
        repro=_repro(request),
        mark=request.mark or "",
        started=started.isoformat(timespec="milliseconds"),
        versions=versions(),
        git=git_revision(request.project.root),
        configuration=dict(configuration),
        limits_of_evidence=limits_of_evidence(setup, request.target, modelled=request.mode == "whatif"),
        data_digest=data.digest,
    )


def _without_secrets(target: TargetSpec) -> dict[str, Any]:
    """A target as it may be kept: the values of its own environment may be secrets."""
    content = target.model_dump(mode="json")
    for way in ("start", "inprocess"):
        if content[way] is not None:
            content[way]["environment"] = dict.fromkeys(content[way]["environment"], "***")
    return content


def _repro(request: RunRequest) -> str:
    """The command that replays this run, called from the same folder."""
    project = elsewhere(request.project)
    if request.replayed:
        return legible(shlex.join(["pilotplant", "replay", request.replayed, *project]))
    scenario = request.scenario_named or request.setup.scenario.scenario
    target = request.target_named or request.target.target
    words = ["pilotplant", request.command, scenario, "--target", target, "--seed", str(request.seed)]
    if request.mode != "live":
        words += ["--mode", request.mode]
    if request.processes:
        words.append("--processes")
    words += request.words
    for override in request.overrides:
        words += ["--set", override]
    return legible(shlex.join([*words, *project]))


def elsewhere(project: Project) -> tuple[str, ...]:
    """What a command needs to be told of a project that it would not find by itself."""
    try:
        if find_project().root == project.root:
            return ()
    except UsageError:  # the environment names one that is not there
        pass
    return "--project", str(project.root)
