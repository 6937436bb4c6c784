"""Systematic crashes: the same run again and again, each time with the middleware killed at another of its awaits."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from pilotplant.run.identity import RunInfo
from pilotplant.run.request import Finished, Progress, RunRequest
from pilotplant.scenario.model import CrashSpec


def at_every_await(request: RunRequest, crash: CrashSpec, run: Callable[[RunRequest], Finished]) -> Finished:
    """One run without a crash tells how many awaits there are; then one run for each. Returns the worst of them.

    Runs that passed leave nothing but a line in the notes.
    """
    calm = run(_killed(request, crash, ()))
    if calm.result.exit:
        return calm
    awaits = _spread(calm.awaits, crash.at_most)
    passed, worst, where = 0, calm, 0
    failed: list[int] = []
    for done, moment in enumerate(awaits, start=1):
        request.on_progress(Progress(f"killed at await {moment} of {calm.awaits}", done, len(awaits)))
        directory = calm.directory / f"await-{moment:06d}"
        again = run(replace(_killed(request, crash, (moment,)), directory=directory))
        if not again.result.exit:
            passed += 1
            shutil.rmtree(directory)
            continue
        failed.append(moment)
        if worst is calm or again.result.exit == 1 != worst.result.exit:
            worst, where = again, moment
    note = f"killed at {len(awaits)} of {calm.awaits} awaits, one run each: {passed} passed"
    if where:
        note += (
            f", not those at {', '.join(map(str, failed[:20]))}{' …' * (len(failed) > 20)}; this is the one at {where}"
        )
    _keep_whole(calm.directory, crash)
    result = worst.result
    summary = f"{note}. {result.summary}"
    return replace(worst, result=msgspec.structs.replace(result, summary=summary, notes=(note, *result.notes)))


def _keep_whole(directory: Path, crash: CrashSpec) -> None:
    """The first run's directory stands for all of them: to replay it is to kill the middleware everywhere again."""
    path = directory / "run.json"
    info = msgspec.json.decode(path.read_bytes(), type=RunInfo)
    info.configuration["scenario"]["crash"] = crash.model_dump(mode="json")
    info.write(directory)


def _killed(request: RunRequest, crash: CrashSpec, awaits: Sequence[int]) -> RunRequest:
    """The request for one run, with its own command to replay it."""
    spec = CrashSpec(at=list(awaits), restart_after=crash.restart_after) if awaits else None
    scenario = request.setup.scenario.model_copy(update={"crash": spec})
    written = f"{{at: [{', '.join(map(str, awaits))}], restart_after: {crash.restart_after:g}s}}" if awaits else "null"
    overrides = (*request.overrides, f"crash={written}")
    return replace(
        request,
        setup=replace(request.setup, scenario=scenario),
        overrides=overrides,
        on_progress=lambda _progress: None,
    )


def _spread(awaits: int, at_most: int | None) -> list[int]:
    """All of them, or so many at equal distances."""
    if at_most is None or at_most >= awaits:
        return list(range(1, awaits + 1))
    return sorted({1 + position * awaits // at_most for position in range(at_most)})
