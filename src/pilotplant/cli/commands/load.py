"""`pilotplant load`: how much a middleware carries, and whether it stays correct while it does."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.commands.run import brief, report_on
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
    from pilotplant.configuration import Settings
    from pilotplant.load.loading import LoadSetup
    from pilotplant.load.running import Where
    from pilotplant.resources import Project
    from pilotplant.run.request import Finished
    from pilotplant.target.model import TargetSpec


@guarded
def load(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="The name of a load profile, or a YAML file.")],
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME|FILE|URL", help="The middleware under test. [reference]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of data and arrivals. [0]")] = None,
    scale: Annotated[
        float, typer.Option("--scale", metavar="X", help="So many times as many arrivals as the profile says.")
    ] = 1.0,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes of Locust here. [as the profile says]")
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="LIST", help="html,junit,json,md,github [json,junit,md,html]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where run directories go. [reports/runs]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, start nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Drive the sources of an estate as an open model and judge the middleware under that load.

    Arrivals do not wait for answers; latency counts from the moment that was intended for each. Exit codes are those
    of `pilotplant run`.
    """
    from pilotplant.load.loading import load_profile_and_target
    from pilotplant.load.running import Where
    from pilotplant.model.errors import UsageError
    from pilotplant.reporting.catalog import reporters

    found = open_project(project)
    settings = settings_of(found, seed=seed, target=target, reports=report, out=out, format=format_)
    check_reports(settings.reports, tuple(reporters()))
    if not 0 < scale <= 10_000:
        raise UsageError(f"--scale {scale:g} must be more than 0 and at most 10000")
    setup, chosen = load_profile_and_target(found, profile, settings.target)
    if scale != 1.0:
        setup = setup.with_profile(setup.profile.scaled(scale))
    if dry_run:
        print(f"{setup.profile.load}: valid, {setup.profile.rate:.1f} arrivals a second, target {chosen.target}")
        return Exit.PASS
    where = Where(workers or setup.profile.workers)
    done = _run(found, settings, setup, chosen, where, named=profile, quiet=quiet)
    if settings.format == "json":
        print_json([{"directory": str(done.directory), **brief(done)}])
    return done.result.exit


def _run(
    found: "Project",
    settings: "Settings",
    setup: "LoadSetup",
    chosen: "TargetSpec",
    where: "Where",
    *,
    named: str,
    quiet: bool,
) -> "Finished":
    from datetime import UTC, datetime

    from pilotplant.cli.progress import Watcher
    from pilotplant.control.application import Control
    from pilotplant.load.running import driving_of, locusts, run_load
    from pilotplant.run.identity import new_directory
    from pilotplant.run.request import RunRequest

    directory = new_directory(settings.out or found.runs_dir(), setup.profile.load, datetime.now(UTC))
    drivers = locusts(where, directory)
    seed = settings.seed or 0
    title = f"{setup.profile.load} · {chosen.target} · seed {seed}"
    with Watcher(title, quiet=quiet or settings.format == "json") as watcher:
        request = RunRequest(
            found,
            setup.setup,
            chosen,
            seed,
            lambda prepared: Control(prepared, where.token, driving).application(),
            directory=directory,
            argv=sys.argv,
            scenario_named=named,
            target_named=settings.target,
            on_progress=watcher,
        )
        driving = driving_of(request, setup, drivers)
        return report_on(lambda: run_load(request, setup, driving), directory, settings)
