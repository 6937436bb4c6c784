"""Coverage as a table: how much of each part was exercised, and what was not."""

from collections.abc import Mapping

from pilotplant.conformance.coverage import Coverage
from pilotplant.reporting.wording import count

_ABOUT = {
    "operations": "operations that were carried out or answered",
    "events": "events that were delivered",
    "refusals": "refusals that were met",
    "steps": "steps of flows that were done",
    "pacts": "operations and events that a consumer's own pact is about",
}


def text(coverage: Coverage, wanted: Mapping[str, float], *, missing: bool, exit: int) -> str:
    """For a terminal."""
    lines = []
    for part in coverage.parts:
        share = f"{part.reached:>4} of {len(part.covered):<4} {part.percent:>5.0f} %"
        asked = f"   at least {wanted[part.part]:g} %" if part.part in wanted else ""
        short = " MISSED" if part.part in wanted and part.percent < wanted[part.part] else ""
        lines.append(f"{part.part:<11}{share}   {_ABOUT[part.part]}{asked}{short}")
        if missing:
            lines += [f"             {each.name}" for each in part.covered if not each.times]
    return "\n".join([*lines, "", f"seen in {count(len(coverage.runs), 'run')}   exit {exit}"])


def for_programs(coverage: Coverage) -> dict[str, object]:
    """What `--format json` prints."""
    return {
        part.part: {
            "reached": part.reached,
            "of": len(part.covered),
            "percent": round(part.percent, 1),
            "times": {each.name: each.times for each in part.covered},
        }
        for part in coverage.parts
    }
