"""`pilotplant validate`: every document of the project, all problems at once."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.resources import Project

_FIRST_KEY = re.compile(r"^(\w+)\s*:", re.MULTILINE)


@guarded
def validate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENARIO|FILE…]",
            help="Scenarios and load profiles, or files of targets, estates or flows; all of the project if none.",
        ),
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Check the documents of the project: scenarios with all they name, targets, flows, estates, profiles."""
    from pilotplant.load.loading import validate_profiles
    from pilotplant.run.known import known_findings
    from pilotplant.scenario.loading import validate_all
    from pilotplant.sweep.planning import validate_studies

    found = open_project(project)
    settings = settings_of(found, format=format_)
    if names:
        checked = _named(found, names)
    else:
        checked = [*validate_all(found), *validate_profiles(found), *validate_studies(found, settings.target)]
        checked += [f"accepted/{entry.fingerprint}" for entry in known_findings(found)]
    if settings.format == "json":
        print_json({"valid": checked})
    else:
        print(f"{len(checked)} document{'s are' if len(checked) != 1 else ' is'} valid")
    return Exit.PASS


def _named(project: "Project", names: list[str]) -> list[str]:
    """Check these documents, each as what its first key says that it is; the problems of all at once."""
    from pilotplant.load.loading import load_profile
    from pilotplant.model.errors import DocumentError, Problem
    from pilotplant.scenario.loading import load_estate, load_scenario, load_target, read_flow

    loaders: dict[str, Callable[[str], str]] = {
        "scenario": lambda name: load_scenario(project, name).scenario.scenario,
        "target": lambda name: load_target(project, name).target,
        "estate": lambda name: load_estate(project, name).estate.estate,
        "flow": lambda name: read_flow(Path(name)).flow,
        "load": lambda name: load_profile(project, name).profile.load,
    }
    checked: list[str] = []
    problems: list[Problem] = []
    for name in names:
        load = loaders.get(_kind(project, name), loaders["scenario"])
        try:
            checked.append(load(name))
        except DocumentError as error:
            problems.extend(error.problems)
    if problems:
        raise DocumentError(problems)
    return checked


def _kind(project: "Project", name: str) -> str:
    """What a file says that it is. A name is that of a scenario, or of a load profile where no scenario has it."""
    if not name.endswith((".yaml", ".yml")):
        return "load" if name in project.names("loadtests") and name not in project.names("scenarios") else "scenario"
    try:
        found = _FIRST_KEY.search(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""
