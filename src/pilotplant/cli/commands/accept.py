"""`pilotplant accept`: answer for a known finding until a day."""

from datetime import date
from typing import Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, settings_of
from pilotplant.model.verdict import Exit


@guarded
def accept(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory or its name, or `latest`.")],
    fingerprint: Annotated[str, typer.Argument(metavar="FINGERPRINT", help="Of the finding, as reports show it.")],
    owner: Annotated[str, typer.Option("--owner", metavar="WHO", help="Who answers for it.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is accepted.")],
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="Until when; then it fails again.")],
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Write a finding of a run into accepted.yaml: it is listed from now on, and does not fail until that day."""
    from pilotplant.checks.accepted import Acceptance
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import listed
    from pilotplant.run.again import judge_again
    from pilotplant.run.known import add, known_findings
    from pilotplant.run.latest import run_directory

    found = open_project(project)
    settings = settings_of(found, format=format_)
    if not found.writable:
        raise UsageError("there is no project that could accept anything", help="Make one with `pilotplant init`.")
    try:
        day = date.fromisoformat(until)
    except ValueError:
        raise UsageError(f"--until {until!r} is no date; write it like 2026-12-31") from None
    known = known_findings(found)
    result = judge_again(run_directory(settings.out or found.runs_dir(), "" if run == "latest" else run))
    there = {finding.fingerprint for finding in result.findings}
    if fingerprint not in there:
        has = f"It has {listed(there)}." if there else "It has none."
        raise UsageError(f"the run has no finding {fingerprint}", help=has)
    if any((entry.fingerprint, entry.scenario) == (fingerprint, result.scenario) for entry in known):
        raise UsageError(f"{fingerprint} is accepted already", help="Change its entry in accepted.yaml.")
    if not owner.strip() or not reason.strip():
        raise UsageError("--owner and --reason must say something")
    entry = Acceptance(fingerprint=fingerprint, owner=owner, reason=reason, until=day, scenario=result.scenario)
    print(f"{fingerprint} is accepted until {until}: {add(found, entry)}")
    return Exit.PASS
