"""`pilotplant gate`: everything that the project's configuration asks for, and one answer."""

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pilotplant.cli.commands.contracts.verify import aliases_of
from pilotplant.cli.frame import (
    FormatOption,
    ProjectOption,
    check_reports,
    guarded,
    open_project,
    print_json,
    settings_of,
)

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.conformance.coverage import Coverage
    from pilotplant.conformance.verification import Verification
    from pilotplant.contracts.pacts import Interaction
    from pilotplant.gate.asking import Ask
    from pilotplant.resources import Project
    from pilotplant.run.request import Finished


@guarded
def gate(
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="NAME", help="Only this middleware; repeatable.")
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", metavar="NAME", help="Only this scenario; repeatable.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="TEXT", help="Which version it is about. [the git revision]")
    ] = None,
    mode: Annotated[
        Literal["live", "inprocess"] | None,
        typer.Option("--mode", help="Over sockets, or Python middleware in this process on a virtual clock. [live]"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the runs. [0]")] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="LIST", help="html,junit,json,md,github [json,junit,md,html]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the gate's reports go. [reports/gate]")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Ask everything that the project's configuration asks for, and answer whether this version may go.

    The table `[gate]` of pilotplant.toml (or `[tool.pilotplant.gate]`) names `scenarios`, `targets`, `mode`, `pacts`,
    `estate`, `aliases` and `coverage`; without it: every scenario for the mode and every target of the project, and its
    pacts. Findings that accepted.yaml lists have a row of their own.

    Exit codes: 0 yes; 1, 3 or 5 no; 4 unknown; 2 invalid input, 70 internal error, 130 interrupted.
    """
    from pilotplant.gate.asking import ask
    from pilotplant.gate.matrix import Gate
    from pilotplant.reporting import gate as reporting
    from pilotplant.reporting.catalog import reporters
    from pilotplant.run.identity import git_revision
    from pilotplant.run.known import known_findings
    from pilotplant.scenario.loading import load_run

    found = open_project(project)
    settings = settings_of(
        found,
        seed=seed,
        reports=report,
        format=format_,
        gate_targets=tuple(target) if target else None,
        gate_scenarios=tuple(scenario) if scenario else None,
        gate_mode=mode,
    )
    check_reports(settings.reports, tuple(reporters()))
    scenarios, notes = _scenarios(found, settings)
    pacts, without = _pacts(found, settings)
    targets = settings.gate_targets or tuple(name for name in found.names("targets") if name != "null")
    known = {name: load_run(found, scenarios, [], name)[1].target for name in targets}
    asking = _ask(found, settings, quiet=quiet or settings.format == "json")
    cells = tuple(ask(known, scenarios, pacts, settings.gate_coverage, asking, known_findings(found)))
    answered = Gate(version or git_revision(found.root)[:12] or "unversioned", cells, notes + without)
    written = reporting.write(answered, out or found.runs_dir().parent / "gate", settings.reports)
    if settings.format == "json":
        print_json(reporting.for_programs(answered))
        return answered.exit
    if settings.format == "github":
        print(reporting.annotations(answered), end="")
        reporting.summarise(answered)
    print(reporting.text(answered))
    for path in written.values():
        print(f"  {os.path.relpath(path)}")
    return answered.exit


def _pacts(project: "Project", settings: "Settings") -> "tuple[Sequence[Interaction] | None, tuple[str, ...]]":
    """The pacts that are asked for: those that are named; else the project's own, if it has any, and else that it has
    none."""
    from pilotplant.contracts.pacts import own_pacts, read_folder
    from pilotplant.model.errors import UsageError

    folder = own_pacts(project.root, settings.gate_pacts)
    if settings.gate_pacts and not folder.exists():
        raise UsageError(f"`gate.pacts` names `{settings.gate_pacts}`, which is not there")
    if not folder.exists():
        return None, (f"pacts: this project has none, {os.path.relpath(folder)} is not there",)
    return read_folder(folder), ()


def _scenarios(project: "Project", settings: "Settings") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The scenarios that are asked for, and what is said of those that cannot be run in this mode."""
    from pilotplant.scenario.loading import meant_for

    if settings.gate_scenarios:
        return settings.gate_scenarios, ()
    every, meant = project.names("scenarios"), meant_for(project, settings.gate_mode)
    others = [name for name in every if name not in meant]
    notes = (f"scenarios that are not for the mode {settings.gate_mode}: {', '.join(others)}",) if others else ()
    return tuple(meant), notes


def _ask(project: "Project", settings: "Settings", *, quiet: bool) -> "Ask":
    from pilotplant.cli.progress import Watcher
    from pilotplant.gate.asking import Ask

    aliases = aliases_of(settings.gate_aliases, "gate.aliases")

    def run(scenario: str, target: str) -> "Finished":
        from dataclasses import replace

        from pilotplant.reporting.catalog import reporters
        from pilotplant.run.elsewhere import only_null_target
        from pilotplant.run.identity import new_directory
        from pilotplant.run.request import RunRequest
        from pilotplant.run.running import run as run_scenario
        from pilotplant.scenario.loading import load_run

        (setup,), chosen = load_run(project, [scenario], [], target)
        directory = new_directory(settings.out or project.runs_dir(), setup.scenario.scenario, datetime.now(UTC))
        request = RunRequest(
            project, setup, chosen, settings.seed or 0, only_null_target, directory=directory, argv=sys.argv
        )
        request = replace(request, mode=settings.gate_mode, scenario_named=scenario, target_named=target)
        with Watcher(f"{target} · {scenario}", quiet=quiet) as watcher:
            finished = run_scenario(replace(request, on_progress=watcher))
        for name in {*settings.reports, "json"}:
            reporters()[name](finished.result, finished.directory)
        return finished

    def verify(pacts: "Sequence[Interaction]") -> "Verification":
        import asyncio

        from pilotplant.conformance.stage import Sceneries
        from pilotplant.conformance.verifying import verify as put_to_the_test

        sceneries = Sceneries(project, settings.gate_estate, time.time())
        with Watcher(f"{len(pacts)} interactions", quiet=quiet) as watcher:
            return asyncio.run(put_to_the_test(pacts, sceneries, "the simulators", aliases, watcher))

    def cover(directories: Sequence[Path]) -> "Coverage":
        from pilotplant.conformance.coverage import coverage
        from pilotplant.scenario.loading import read_flow

        flows = [read_flow(path) for path in project.names("flows").values()]
        return coverage(directories, flows, _pacts(project, settings)[0] or ())

    return Ask(run, verify, cover, datetime.now(UTC).date())
