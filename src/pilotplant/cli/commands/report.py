"""`pilotplant report`: judge a run again from its directory, and make its reports again."""

from pathlib import Path
from typing import Annotated

import typer

from pilotplant.cli.frame import (
    FormatOption,
    ProjectOption,
    RunArgument,
    check_reports,
    guarded,
    open_project,
    settings_of,
)
from pilotplant.model.verdict import Exit


@guarded
def report(
    run: RunArgument = "",
    reports: Annotated[
        str | None, typer.Option("--report", metavar="LIST", help="html,junit,json,md,github [json,junit,md,html]")
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Judge a run again from its ledger and make its reports again. The exit code is that of the verdict.

    Of a search for capacity, say again what it came to.
    """
    from pilotplant.reporting import capacity as told
    from pilotplant.reporting import text
    from pilotplant.reporting.catalog import reporters
    from pilotplant.run.again import judge_again
    from pilotplant.run.latest import SEARCH, run_or_search

    found = open_project(project)
    settings = settings_of(found, reports=reports, format=format_)
    check_reports(settings.reports, tuple(reporters()))
    directory = run_or_search(settings.out or found.runs_dir(), run)
    if (directory / SEARCH).is_file():
        capacity = told.read(directory)
        print(told.render(capacity, report=str(told.write(capacity, directory))))
        return capacity.exit
    result = judge_again(directory)
    written: dict[str, Path] = {name: reporters()[name](result, directory) for name in settings.reports}
    print(text.render(result, report=str(written.get("html") or directory)))
    return Exit(result.exit)
