"""`pilotplant contracts record`: pacts from the ledger of a run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import (
    FormatOption,
    ProjectOption,
    RunArgument,
    guarded,
    open_project,
    print_json,
    settings_of,
)
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.conformance.recording import Recorded
    from pilotplant.resources import Project


@guarded
def record(
    run: RunArgument = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the pacts go. [reports/recorded-pacts]")
    ] = None,
    consumer: Annotated[
        str | None, typer.Option("--consumer", metavar="NAME", help="What the consumer is called. [the run's target]")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Record pacts from a run: what the middleware asked, was answered and was told, with matchers, without secrets.

    Each interaction is tried out against the simulators; what does not come about again is left out and named. What is
    recorded says what was and not what anybody relies on, so nothing counts as covered by it. `contracts verify --pacts
    DIR` tells later whether simulators still answer like that.

    Exit codes: 0 recorded, 2 invalid input, 4 nothing to record, 70 internal error, 130 interrupted.
    """
    from pilotplant.conformance.recording import record as record_run
    from pilotplant.reporting.wording import count, printable
    from pilotplant.run.latest import run_directory

    found = open_project(project)
    settings = settings_of(found, format=format_)
    recorded = record_run(run_directory(settings.out or found.runs_dir(), run), consumer or "")
    tried = _try_out(found, recorded, quiet=quiet or settings.format == "json")
    written = recorded.write(out or found.runs_dir().parent / "recorded-pacts")
    code = Exit.PASS if recorded.interactions else Exit.UNKNOWN
    if settings.format == "json":
        files = [str(path) for path in written]
        told = {"exit": code, "interactions": recorded.interactions, "files": files, "tried_out": tried}
        print_json({**told, "left_out": recorded.left_out})
        return code
    for path, interactions in written.items():
        print(f"{os.path.relpath(path)}: {count(interactions, 'interaction')}")
    for reason, times in sorted(recorded.left_out.items()):
        print(f"left out {times:,} ×: {printable(reason, 400)}")
    if not tried:
        print("not tried out against the simulators: that needs pip install 'pilotplant[contracts]'")
    made = f"{count(recorded.interactions, 'interaction')} from {recorded.seen:,} exchanges and events"
    print(f"{made}   exit {int(code)}")
    return code


def _try_out(project: "Project", recorded: "Recorded", *, quiet: bool) -> bool:
    """Leave out what the simulators do not do again in the states that are declared; whether it could be tried."""
    import asyncio
    import time
    from importlib.util import find_spec

    from pilotplant.cli.progress import Watcher
    from pilotplant.conformance.stage import Sceneries
    from pilotplant.conformance.verifying import verify

    if find_spec("pact") is None:
        return False
    pacts = recorded.taken_apart()
    with Watcher(f"{len(pacts)} interactions", quiet=quiet) as watcher:
        tried = asyncio.run(verify(pacts, Sceneries(project, "whole", time.time()), "the simulators", {}, watcher))
    recorded.leave_out(tried.checked)
    return True
