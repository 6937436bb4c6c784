"""`pilotplant prove`: the harness judged, by a middleware that is right and by defects planted in it."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of

if TYPE_CHECKING:
    from pilotplant.prove.campaign import Campaign
    from pilotplant.prove.matrix import Matrix
    from pilotplant.prove.planted import Planted
    from pilotplant.prove.running import Runner
    from pilotplant.resources import Project

SEEDS = 5
QUICK_SEEDS = 1
SEEDS_MAX = 20
"""How many seeds a defect has to hide."""


@guarded
def prove(
    quick: Annotated[bool, typer.Option("--quick", help="Every second defect; one seed for the reference.")] = False,
    live: Annotated[bool, typer.Option("--live", help="With real processes: defects that show when one dies.")] = False,
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", min=1, help="Seeds for the reference on each scenario. [5]")
    ] = None,
    defect: Annotated[
        list[str] | None, typer.Option("--defect", metavar="NAME", help="Only this one; may be given again.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", metavar="N", min=1, help="Processes. [one per core]")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Prove the harness: the reference has to pass, and every planted defect has to be caught by its own check.

    A defect is given up to 20 seeds. Exit codes: 0 all caught and no false alarm, 1 otherwise, 2 invalid input, 4
    something about the reference could not be decided, 70 internal error, 130 interrupted.
    """
    from pilotplant.prove.matrix import for_programs
    from pilotplant.prove.running import Runner
    from pilotplant.reporting import matrix as report

    found = open_project(project)
    settings = settings_of(found, format=format_)
    wanted = _defects(defect or [], live=live, quick=quick)
    campaign = _campaign(found, wanted, seeds or (QUICK_SEEDS if quick else SEEDS), whole=not defect and not live)
    with TemporaryDirectory(prefix="pilotplant-") as folder:
        runner = Runner(found, "live" if live else "inprocess", Path(folder))
        matrix = _prove(campaign, runner, jobs or os.cpu_count() or 1, quiet=quiet or settings.format == "json")
    if settings.format == "json":
        print_json(for_programs(matrix))
        return matrix.exit
    page = report.write(matrix, found.runs_dir().parent / "proven")
    print(report.text(matrix))
    print(f"\nmatrix: {os.path.relpath(page)}   exit {int(matrix.exit)}")
    return matrix.exit


def _defects(named: list[str], *, live: bool, quick: bool) -> "list[Planted]":
    """The defects that are wanted: those that are named, else all that can be shown in this way."""
    from pilotplant.prove.planted import chosen, planted

    known = planted()
    if named:
        return chosen(known, named)
    found = [defect for defect in known.values() if defect.live or not live]
    return found[::2] if quick else found


def _campaign(project: "Project", wanted: "list[Planted]", seeds: int, *, whole: bool) -> "Campaign":
    """The reference has to pass wherever the defects are looked for, and in a whole campaign on all scenarios."""
    from pilotplant.prove.campaign import Campaign
    from pilotplant.scenario.loading import meant_for

    known = frozenset(meant_for(project, "inprocess"))
    scenarios = sorted(known if whole else known & {defect.scenario for defect in wanted})
    return Campaign(scenarios, range(1, seeds + 1), wanted, SEEDS_MAX, known)


def _prove(campaign: "Campaign", runner: "Runner", jobs: int, *, quiet: bool) -> "Matrix":
    from pilotplant.cli.progress import Watcher
    from pilotplant.explore.processes import processes
    from pilotplant.prove.campaign import prove as make_proof

    title = f"{len(campaign.defects)} defects · {len(campaign.scenarios)} scenarios"
    with processes(jobs) as pool, Watcher(title, quiet=quiet) as watcher:
        return make_proof(campaign, runner, pool, jobs, on_progress=watcher)
