"""`pilotplant run`: scenarios against a target, judged."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pilotplant.cli.frame import (
    FormatOption,
    ProjectOption,
    check_reports,
    guarded,
    open_project,
    print_json,
    settings_of,
)
from pilotplant.model.verdict import Exit, worst

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotplant.configuration import Settings
    from pilotplant.resources import Project
    from pilotplant.run.request import Finished, RunRequest
    from pilotplant.scenario.loading import Setup
    from pilotplant.target.model import TargetSpec


@guarded
def run(
    scenarios: Annotated[list[str], typer.Argument(metavar="SCENARIO…", help="Names of scenarios, or YAML files.")],
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME|FILE|URL", help="The middleware under test. [reference]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Replay this seed. [0]")] = None,
    mode: Annotated[
        Literal["live", "inprocess", "whatif"],
        typer.Option(
            "--mode",
            help="Over sockets; Python middleware in this process on a virtual clock; or a model in its place.",
        ),
    ] = "live",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override a field of the scenario.")
    ] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, help="Run so often, with consecutive seeds.")
    ] = 1,
    report: Annotated[
        str | None, typer.Option("--report", metavar="LIST", help="html,junit,json,md,github [json,junit,md,html]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where run directories go. [reports/runs]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", help="Where the simulators listen, for a target that runs already. [free]"),
    ] = None,
    mark: Annotated[str | None, typer.Option("--mark", metavar="TEXT", help="Repeat a run with its numbers.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, start nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Run scenarios against a middleware and judge what it did.

    Exit codes: 0 pass, 1 violation, 2 invalid input, 3 threshold missed, 4 unknown, 5 target unreachable, 70 internal
    error, 130 interrupted.
    """
    from dataclasses import replace

    from pilotplant.reporting.catalog import reporters
    from pilotplant.reporting.wording import count
    from pilotplant.scenario.loading import load_run

    found = open_project(project)
    settings = settings_of(found, seed=seed, target=target, reports=report, out=out, port=port, format=format_)
    check_reports(settings.reports, tuple(reporters()))
    _check_mark(mark)
    setups, chosen = load_run(found, scenarios, set_ or [], settings.target)
    if dry_run:
        for setup in setups:
            stimuli = count(len(setup.scenario.stimuli), "stimulus", "stimuli")
            print(f"{setup.scenario.scenario}: valid, {stimuli}, target {chosen.target}")
        return Exit.PASS
    codes: list[Exit] = []
    finished: list[Finished] = []
    first = settings.seed or 0
    for named, setup in zip(scenarios, setups, strict=True):
        for number in range(first, first + repeat):
            request = _request(found, settings, setup, chosen, number, set_ or [])
            request = replace(request, mode=mode, scenario_named=named, target_named=settings.target, mark=mark)
            done = run_one(request, settings, quiet or settings.format == "json")
            finished.append(done)
            codes.append(Exit(done.result.exit))
    if settings.format == "json":
        print_json([{"directory": str(done.directory), **brief(done)} for done in finished])
    return worst(codes)


def _check_mark(mark: str | None) -> None:
    from pilotplant.dataset.marking import MARK
    from pilotplant.model.errors import UsageError

    if mark and not MARK.fullmatch(mark):
        raise UsageError(f"--mark {mark!r} is not of the form R1A2B3C-", help="It stands in run.json as `mark`.")


def _request(
    found: "Project", settings: "Settings", setup: "Setup", chosen: "TargetSpec", seed: int, overrides: list[str]
) -> "RunRequest":
    from datetime import UTC, datetime

    from pilotplant.control.application import Control
    from pilotplant.run.identity import new_directory
    from pilotplant.run.request import RunRequest

    runs = settings.out or found.runs_dir()
    directory = new_directory(runs, setup.scenario.scenario, datetime.now(UTC))
    return RunRequest(
        found,
        setup,
        chosen,
        seed,
        lambda prepared: Control(prepared).application(),
        directory=directory,
        argv=sys.argv,
        overrides=overrides,
        port=settings.port,
    )


def run_one(request: "RunRequest", settings: "Settings", quiet: bool) -> "Finished":
    """Run, report and print."""
    from dataclasses import replace

    from pilotplant.cli.progress import Watcher
    from pilotplant.run.running import run as run_live

    title = f"{request.setup.scenario.scenario} · {request.target.target} · seed {request.seed}"
    directory = request.directory
    assert directory is not None
    with Watcher(title, quiet=quiet) as watcher:
        return report_on(lambda _: run_live(replace(request, on_progress=watcher)), directory, settings)


def report_on(running: "Callable[[Path], Finished]", directory: Path, settings: "Settings") -> "Finished":
    """Run something that leaves a directory, make its reports and print what it came to."""
    from pilotplant.reporting import text
    from pilotplant.reporting.catalog import reporters
    from pilotplant.run.latest import point_to

    try:
        finished = running(directory)
    except KeyboardInterrupt:
        point_to(directory)
        print(f"the ledger up to here: pilotplant ledger show {near(directory)}", file=sys.stderr)
        if (directory / "run.json").exists():
            print(f"what it says so far: pilotplant report {near(directory)}", file=sys.stderr)
        raise
    point_to(directory)
    written = {name: reporters()[name](finished.result, finished.directory) for name in settings.reports}
    if settings.format == "github":
        from pilotplant.reporting.github import annotations

        print(annotations(finished.result), end="")
    elif settings.format == "text":
        shown = written.get("html") or finished.directory
        print(text.render(finished.result, report=near(shown)))
    return finished


def near(path: Path) -> str:
    """A path as the reader would write it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def brief(done: "Finished") -> dict[str, object]:
    """A result for programs, in short."""
    result = done.result
    return {
        "scenario": result.scenario,
        "target": result.target,
        "seed": result.seed,
        "verdict": result.verdict,
        "exit": result.exit,
        "findings": len(result.findings),
        "summary": result.summary,
        "repro": result.repro,
    }
