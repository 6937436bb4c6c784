"""`pilotplant shrink`: the smallest scenario that still fails as a run did, written beside the run."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.commands.run import near
from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.explore.trial import Kind

LIVE_TRIES = 2
"""Runs on the real clock differ: a smaller scenario has passed only if it passed so often."""


@guarded
def shrink(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or a run's name. [the latest]")] = "",
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME|FILE", help="Its middleware. [the one it happened with]")
    ] = None,
    budget: Annotated[int, typer.Option("--budget", metavar="N", min=1, help="Runs at most.")] = 100,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Leave out of a run that failed whatever it does not need to fail: stimuli, then faults, then delays.

    The scenario that is left is written into the run's directory; `replay` runs it. Live runs are shrunk live.
    Exit codes: 0 done, 2 the run did not fail, 4 it did not fail a second time.
    """
    from pilotplant.cli.progress import Watcher
    from pilotplant.explore.replaying import of_run
    from pilotplant.explore.saving import save
    from pilotplant.explore.shrinking import shrunk
    from pilotplant.explore.trial import Trial, outcome_of
    from pilotplant.explore.unfolding import unfolded
    from pilotplant.model.errors import UsageError
    from pilotplant.run.again import judge_again
    from pilotplant.run.latest import run_directory
    from pilotplant.run.request import Progress
    from pilotplant.scenario.model import FoundSpec, ScenarioSpec

    found = open_project(project)
    settings = settings_of(found, format=format_)
    directory = run_directory(settings.out or found.runs_dir(), run)
    replay = of_run(found, directory, target)
    failed = outcome_of(judge_again(directory))
    if not failed.kinds:
        raise UsageError(f"run {directory.name} did not fail, so there is nothing to shrink")
    kind: Kind = failed.kinds[0]
    with TemporaryDirectory(prefix="pilotplant-", ignore_cleanup_errors=True) as folder:
        trial = Trial(found, replay.setup, replay.target, replay.mode, Path(folder))
        tries = LIVE_TRIES if replay.mode == "live" else 1

        def fails(scenario: ScenarioSpec) -> bool:
            return any(kind in trial(scenario, replay.seed).kinds for _ in range(tries))

        with Watcher(f"shrinking {directory.name}", quiet=quiet or settings.format == "json") as watcher:
            whole = unfolded(replay.setup.scenario, replay.seed)
            told = lambda runs: watcher(Progress(str(kind), runs, budget))  # noqa: E731
            smallest = shrunk(whole, fails, budget=budget, on_run=told)
    if not smallest.reproduced:
        print(f"{directory.name} did not fail a second time ({kind}); nothing was written")
        return Exit.UNKNOWN
    spec = FoundSpec(seed=replay.seed, mode=replay.mode, target=replay.target_named, check=kind.check, step=kind.step)
    left = smallest.scenario
    sentence = (
        f"{len(left.stimuli)} of {len(whole.stimuli)} stimuli and {len(left.faults)} of {len(whole.faults)} faults"
    )
    how = f"{sentence} are left of run {directory.name}; {smallest.runs} runs showed what can be left out."
    path = save(directory, left, spec, told=[f"FAIL {kind}.", how], by_name=False)
    if settings.format == "json":
        stimuli, faults = len(left.stimuli), len(left.faults)
        print_json(
            {"file": str(path), "check": kind.check, "stimuli": stimuli, "faults": faults, "runs": smallest.runs}
        )
    else:
        print(f"{kind}: {how}\n    replay: pilotplant replay {near(path)}")
    return Exit.PASS
