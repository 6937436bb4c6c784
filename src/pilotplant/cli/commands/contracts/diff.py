"""`pilotplant contracts diff`: two versions of contracts, and whom the differences break."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.contracts.evolution.change import Side


@guarded
def diff(
    old: Annotated[
        Path, typer.Argument(metavar="OLD", help="The old version: a folder such as contracts/, or a file.")
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The new version.")],
    breaks: Annotated[
        Literal["consumer", "producer", "both"],
        typer.Option("--breaks", help="Whose breaking makes the exit code 1: middlewares, or systems. [consumer]"),
    ] = "consumer",
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Compare two versions of OpenAPI documents, event schemas and flows: what breaks consumers or producers, and why.

    A consumer is broken if, written for OLD, it may fail against NEW; a producer, if keeping OLD is not keeping NEW.
    Exit codes: 0 nothing breaks, 1 something does, 2 invalid input, 70 internal error.
    """
    from pilotplant.contracts.evolution.comparing import compare
    from pilotplant.reporting import evolution as report
    from pilotplant.scenario.loading import read_flow

    settings = settings_of(open_project(project), format=format_)
    compared = compare(old, new, read_flow)
    sides: tuple[Side, ...] = ("consumer", "producer") if breaks == "both" else (breaks,)
    code = Exit.VIOLATION if compared.breaking(*sides) else Exit.PASS
    if settings.format == "json":
        print_json({"exit": code, "breaks": sides, "compared": compared})
    else:
        print(report.text(compared, sides, int(code)))
    return code
