"""`pilotplant schema`: the JSON Schema of a kind of document, for editors; or the contract documents of the
simulators."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pilotplant.cli.frame import ProjectOption, guarded, open_project, print_json
from pilotplant.model.verdict import Exit

KINDS = ("scenario", "target", "flow", "estate", "profile", "load")


@guarded
def schema(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="scenario target flow estate profile load, or: contracts")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="With `contracts`: write OpenAPI and AsyncAPI there.")
    ] = None,
    estate: Annotated[
        str, typer.Option("--estate", metavar="NAME", help="With `contracts`: whose profiles.")
    ] = "whole",
    project: ProjectOption = None,
) -> int:
    """Print the JSON Schema (draft-07) of a kind of document, or write the contract documents of an estate."""
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import did_you_mean

    if kind == "contracts":
        from pilotplant.contracts import committed
        from pilotplant.scenario.loading import load_estate

        setup = load_estate(open_project(project), estate)
        for path in committed.write(out or Path("contracts"), setup.profiles):
            print(path)
        return Exit.PASS
    if kind not in KINDS:
        raise UsageError(f"there is no kind `{kind}`{did_you_mean(kind, KINDS)}", help=f"Known: {', '.join(KINDS)}")
    print_json(_schema(kind))
    return Exit.PASS


def _schema(kind: str) -> dict[str, Any]:
    from pydantic import BaseModel

    from pilotplant.exchange.profile import ProfileSpec
    from pilotplant.flows.grammar import FlowSpec
    from pilotplant.load.model import LoadSpec
    from pilotplant.model.editor_schema import json_schema
    from pilotplant.scenario.model import ScenarioSpec
    from pilotplant.systems.estate import EstateSpec
    from pilotplant.target.model import TargetSpec

    models: dict[str, type[BaseModel]] = {
        "scenario": ScenarioSpec,
        "target": TargetSpec,
        "flow": FlowSpec,
        "estate": EstateSpec,
        "profile": ProfileSpec,
        "load": LoadSpec,
    }
    return json_schema(models[kind])
