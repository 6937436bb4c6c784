"""`pilotplant contracts coverage`: what the last runs have exercised, of all that there is."""

import os
from typing import Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit, worst


@guarded
def coverage(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]…", help="Run directories or their names; the last ones if none."),
    ] = None,
    last: Annotated[
        int, typer.Option("--last", metavar="N", min=1, help="Without RUN: so many of the last runs.")
    ] = 20,
    at_least: Annotated[
        list[str] | None,
        typer.Option(
            "--at-least", metavar="PART=PERCENT", help="operations, events, refusals, steps, pacts; repeatable."
        ),
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Name what was not exercised.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Show which operations, events, refusals and steps of flows the last runs exercised, and what pacts expect.

    Recorded pacts count for nothing. Exit codes: 0, 2 invalid input, 3 less than asked for, 4 there is no run.
    """
    from pilotplant.conformance.coverage import coverage as coverage_of
    from pilotplant.contracts.pacts import own_pacts, read_folder
    from pilotplant.gate.asking import thresholds
    from pilotplant.reporting import coverage as report
    from pilotplant.run.latest import run_directory
    from pilotplant.scenario.loading import read_flow

    found = open_project(project)
    settings = settings_of(found, format=format_)
    wanted = thresholds(at_least or [])
    folder = settings.out or found.runs_dir()
    directories = (
        [run_directory(folder, run) for run in runs]
        if runs
        else sorted(path.parent for path in folder.glob("*/ledger.msgpack"))[-last:]
    )
    pacts = own_pacts(found.root, settings.gate_pacts)
    flows = [read_flow(path) for path in found.names("flows").values()]
    covered = coverage_of(directories, flows, read_folder(pacts) if pacts.exists() else ())
    missed = {name: percent for name, percent in wanted.items() if covered[name].percent < percent}
    code = worst([Exit.THRESHOLD] * bool(missed) + [Exit.PASS if directories else Exit.UNKNOWN])
    if settings.format == "json":
        print_json({"exit": code, "runs": covered.runs, "parts": report.for_programs(covered)})
    else:
        print(report.text(covered, wanted, missing=missing, exit=int(code)))
        if not pacts.exists():
            print(f"this project has no pacts: {os.path.relpath(pacts)} is not there")
        if not directories:
            print(f"there is no run in {os.path.relpath(folder)}: pilotplant run SCENARIO makes one")
    return code
