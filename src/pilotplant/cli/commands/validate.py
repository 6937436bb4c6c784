"""`pilotplant validate`: every document of the project, all problems at once."""

from typing import Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit


@guarded
def validate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO…]", help="Scenarios or files; all of the project if none.")
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Check the documents of the project: scenarios with all they name, targets, flows, estates, profiles."""
    from pilotplant.load.loading import validate_profiles
    from pilotplant.run.known import known_findings
    from pilotplant.scenario.loading import load_scenarios, validate_all
    from pilotplant.sweep.planning import validate_studies

    found = open_project(project)
    settings = settings_of(found, format=format_)
    if names:
        checked = [setup.scenario.scenario for setup in load_scenarios(found, names)]
    else:
        checked = [*validate_all(found), *validate_profiles(found), *validate_studies(found)]
        checked += [f"accepted/{entry.fingerprint}" for entry in known_findings(found)]
    if settings.format == "json":
        print_json({"valid": checked})
    else:
        print(f"{len(checked)} document{'s are' if len(checked) != 1 else ' is'} valid")
    return Exit.PASS
