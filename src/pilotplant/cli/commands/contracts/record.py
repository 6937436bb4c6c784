"""`pilotplant contracts record`: pacts from the ledger of a run."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit


@guarded
def record(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run directory or its name; the latest if none.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the pacts go. [reports/recorded-pacts]")
    ] = None,
    consumer: Annotated[
        str | None, typer.Option("--consumer", metavar="NAME", help="What the consumer is called. [the run's target]")
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Record pacts from a run: what the middleware asked, was answered and was told, with matchers, without secrets.

    They say what was and not what anybody relies on, so nothing counts as covered by them. `contracts verify --pacts
    DIR` tells whether simulators still answer like that. Exit codes: 0 recorded, 2 invalid input, 4 nothing to record.
    """
    from pilotplant.conformance.recording import record as record_run
    from pilotplant.run.latest import run_directory

    found = open_project(project)
    settings = settings_of(found, format=format_)
    recorded = record_run(run_directory(found.runs_dir(), run), consumer or "")
    folder = out or found.runs_dir().parent / "recorded-pacts"
    written = recorded.write(folder)
    code = Exit.PASS if recorded.interactions else Exit.UNKNOWN
    if settings.format == "json":
        files = [str(path) for path in written]
        print_json({"exit": code, "interactions": recorded.interactions, "files": files, "left_out": recorded.left_out})
        return code
    for path in written:
        print(
            f"{os.path.relpath(path)}: {len(recorded.pacts[path.stem.rpartition('-')[2]]['interactions'])} interactions"
        )
    for reason, times in sorted(recorded.left_out.items()):
        print(f"left out {times:,} times: {reason}")
    print(f"{recorded.interactions} interactions from {recorded.seen:,} exchanges and events   exit {int(code)}")
    return code
