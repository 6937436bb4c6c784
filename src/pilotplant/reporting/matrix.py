"""The matrix of a campaign as a table in text, and as one page that opens from disk."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pilotplant.prove.matrix import Caught, Matrix
from pilotplant.reporting.wording import count, printable, span

FILE = "matrix.html"
LISTED = 10
"""False alarms and doubts of the reference that are told."""
_TITLES = ("defect", "", "check", "scenario", "seeds", "also")


def text(matrix: Matrix) -> str:
    """For a terminal: what was missed with the reason, and the verdict at the end."""
    rows = [_TITLES, *(_row(defect) for defect in matrix.defects)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for defect in matrix.missed:
        lines.append(f"missed {defect.id}: {printable(defect.why) or why_missed(defect)}")
    lines += [f"false alarm on {printable(alarm)}" for alarm in matrix.alarms[:LISTED]]
    lines += [f"undecided on {printable(doubt)}" for doubt in matrix.doubts[:LISTED]]
    return "\n".join([*lines, "", headline(matrix)])


def headline(matrix: Matrix) -> str:
    """The certificate in one sentence."""
    reference, number = matrix.reference, len(matrix.defects)
    caught = number - len(matrix.missed)
    return (
        f"{caught} of {count(number, 'defect')} caught by their own check; the reference: "
        f"{count(reference.runs, 'run')}, {count(reference.false_alarms, 'false alarm')}, "
        f"{reference.unknown} undecided ({span(matrix.elapsed_s)})"
    )


def why_missed(defect: Caught) -> str:
    """Why a defect does not count as caught."""
    if defect.also:
        return f"only {' and '.join(defect.also)} found something, {defect.check} did not"
    return f"nothing was found in {count(defect.seeds, 'run')}"


def write(matrix: Matrix, directory: Path) -> Path:
    """Write the page."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    path.write_text(page(matrix), encoding="utf-8")
    return path


def page(matrix: Matrix) -> str:
    """The page as text."""
    return _template().render(matrix=matrix, headline=headline(matrix), listed=LISTED)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pilotplant.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=partial(printable, most=500), why_missed=why_missed)
    return environment.get_template("matrix.html.j2")


def _row(defect: Caught) -> Sequence[str]:
    caught = "caught" if defect.caught else "MISSED"
    return (defect.id, caught, defect.check, defect.scenario, str(defect.seeds), ", ".join(defect.also))
