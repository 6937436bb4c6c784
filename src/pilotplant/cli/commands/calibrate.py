"""`pilotplant calibrate`: service times for a profile, from what a real system was measured to take."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pilotplant.cli.frame import guarded
from pilotplant.model.verdict import Exit


@guarded
def calibrate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A HAR, or a CSV with the columns operation and ms.")],
    system: Annotated[str, typer.Option("--system", metavar="KIND", help="Which kind of system was measured.")] = "erp",
) -> int:
    """Print the `latency` of a profile from measured times; a knee found with such a profile is not relative."""
    from pilotplant.load.calibration import FEW, as_profile, calibrate

    found = calibrate(file, system)
    print(as_profile(found, file.name, datetime.now(UTC).date()), end="")
    for each in found.measured:
        if each.samples < FEW:
            print(f"{each.operation}: only {each.samples} samples; its p95 is a guess", file=sys.stderr)
    for name, times in found.unmatched[:10]:
        print(f"no operation of {system}: {name} ({times} times)", file=sys.stderr)
    return Exit.PASS
