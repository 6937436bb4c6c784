"""`pilotplant replay`: run again what `explore` saved or what a run directory holds, with the same seed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.commands.explore import explored_folder
from pilotplant.cli.commands.run import brief, run_one
from pilotplant.cli.frame import (
    FormatOption,
    ProjectOption,
    check_reports,
    guarded,
    open_project,
    print_json,
    settings_of,
)
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.explore.replaying import Replay
    from pilotplant.resources import Project


@guarded
def replay(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="A scenario that `explore` saved, a run directory, or a run's name.")
    ],
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="NAME|FILE|URL", help="Another middleware. [the one it happened with]"),
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="LIST", help="html,junit,json,md,github [json,junit,md,html]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the run directory goes. [reports/runs]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", help="Where the simulators listen, for a target that runs already. [free]"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Run something again as it was: the same scenario, seed, mode and target. Exit codes are those of `run`."""
    from datetime import UTC, datetime

    from pilotplant.control.application import Control
    from pilotplant.reporting.catalog import reporters
    from pilotplant.run.identity import new_directory
    from pilotplant.run.request import RunRequest

    found = open_project(project)
    settings = settings_of(found, reports=report, out=out, port=port, format=format_)
    check_reports(settings.reports, tuple(reporters()))
    runs = settings.out or found.runs_dir()
    chosen = _chosen(found, settings_of(found).out or found.runs_dir(), what, target)
    request = RunRequest(
        found,
        chosen.setup,
        chosen.target,
        chosen.seed,
        lambda prepared: Control(prepared).application(),
        directory=new_directory(runs, chosen.setup.scenario.scenario, datetime.now(UTC)),
        argv=sys.argv,
        target_named=chosen.target_named,
        port=settings.port,
        mode=chosen.mode,
        replayed=what,
    )
    done = run_one(request, settings, quiet or settings.format == "json")
    if settings.format == "json":
        print_json([{"directory": str(done.directory), **brief(done)}])
    return Exit(done.result.exit)


def _chosen(project: "Project", runs: Path, what: str, target: str | None) -> "Replay":
    from pilotplant.explore.replaying import of_run, of_scenario
    from pilotplant.resources import SUFFIXES
    from pilotplant.run.latest import run_directory

    if what.endswith(SUFFIXES):
        saved = explored_folder(project) / what
        return of_scenario(project, str(saved) if saved.is_file() and not Path(what).is_file() else what, target)
    saved = explored_folder(project) / f"{Path(what).name}.yaml"
    if saved.is_file():
        return of_scenario(project, str(saved), target)
    return of_run(project, run_directory(runs, what), target)
