"""The report of an experiment: in text, and as one page that opens from disk, readable without a script."""

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pilotplant.reporting.curves import Drawing, draw
from pilotplant.reporting.wording import count, printable, quantity
from pilotplant.run.identity import replace_file
from pilotplant.scenario.possible import cut_short
from pilotplant.sweep.analysis import Bar, Chart, Comparison, charts, comparisons, tornado, unit_of
from pilotplant.sweep.campaign import TRUSTED, Explored
from pilotplant.sweep.document import written
from pilotplant.sweep.measuring import Measurement
from pilotplant.sweep.statistics import Estimate

FILE = "report.html"
TEXT_POINTS = 20
TEXT_NOTES = 6
WARNED = 5
NOTES = 3
PAGE_POINTS = 2_000


class PointRow(NamedTuple):
    """A point as a row: its parameters, its figures, the command that runs it alone."""

    number: int
    alternative: str
    values: list[tuple[str, str]]
    metrics: list[str]
    replications: int
    kept: str
    lost: str
    """What was never carried out, if anything: figures of time leave it out."""
    notes: list[str]
    """What its runs noted."""
    command: str


class Drawn(NamedTuple):
    """A chart and what it says."""

    chart: Chart
    drawing: Drawing


class TornadoBar(NamedTuple):
    """A sensitivity with its place on the page, in percent of the widest."""

    bar: Bar
    left: float
    width: float


def told(value: Estimate | None, metric: str = "") -> str:
    """A mean with its interval."""
    if value is None:
        return "not measured"
    unit = unit_of(metric)
    interval = f" ± {quantity(value.half, unit)}" if value.half < inf else ""
    return f"{quantity(value.mean, unit)}{interval}"


def summary(explored: Explored) -> str:
    """The experiment in one sentence."""
    replications = [len(runs) for runs in explored.runs.values()]
    made = f"{explored.made:,} made, {explored.cached:,} known from before"
    often = (
        f"{min(replications)}"
        if min(replications) == max(replications)
        else f"{min(replications)} to {max(replications)}"
    )
    return f"{count(len(explored.runs), 'point')}, {often} replications each ({made})"


def text(explored: Explored) -> str:
    """For a terminal: the points with their figures, bends, alternatives."""
    spec = explored.plan.spec
    lines = [
        f"{spec.sweep} · {spec.scenario} · what-if · {modelled(explored)} · seeds from {spec.seed}",
        f"    {summary(explored)}",
        "",
    ]
    head = ["point", *(["alternative"] if spec.alternatives else []), *spec.vary, *spec.metrics]
    table = [head]
    for row in rows(explored)[:TEXT_POINTS]:
        named = [row.alternative] if spec.alternatives else []
        table.append([str(row.number), *named, *(value for _path, value in row.values), *row.metrics])
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    lines += [
        "    " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in table
    ]
    if len(explored.runs) > TEXT_POINTS:
        lines.append(f"    … {len(explored.runs) - TEXT_POINTS:,} more points in the tables and the report")
    lines.append("")
    lines += [f"    warning: {printable(warning, 300)}" for warning in warnings(explored, rows(explored))]
    drawn = [(chart, note) for chart in charts(explored) if chart.curves for note in draw(chart).notes]
    lines += [f"    {chart.metric} over {chart.path}: {note}" for chart, note in drawn[:TEXT_NOTES]]
    for each in comparisons(explored):
        lines.append(
            f"    {printable(each.alternative)}: {each.metric} {told(each.difference, each.metric)} ({each.told})"
        )
    if explored.uncertain:
        lines.append(
            f"    {count(len(explored.uncertain), 'point')} less certain than was asked for: raise replications.max"
        )
    return "\n".join(lines)


def rows(explored: Explored) -> list[PointRow]:
    """The points, in order."""
    plan, spec = explored.plan, explored.plan.spec
    found: list[PointRow] = []
    for planned in plan.points:
        point = planned.point
        runs = explored.runs[point.number]
        found.append(
            PointRow(
                point.number,
                printable(point.alternative, 40),
                [(path, printable(written(value), 60)) for path, value in point.values.items()],
                [told(explored.estimate(point.number, metric), metric) for metric in spec.metrics],
                len(runs),
                kept(planned.setup.scenario.thresholds, runs),
                lost(runs),
                noted(runs),
                printable(plan.command(point, spec.seed), 2000),
            )
        )
    return found


def kept(thresholds: Sequence[str], runs: Sequence[Measurement]) -> str:
    """In how many runs of a point all thresholds were kept, and which were not, or could not be measured."""
    if not thresholds:
        return "none are set"
    told = f"{sum(not run.missed and not run.unknown for run in runs)} of {count(len(runs), 'run')}"
    missed = sorted({expression for run in runs for expression in run.missed})
    unknown = sorted({expression for run in runs for expression in run.unknown})
    told += f"; missed in {sum(bool(run.missed) for run in runs)}: {', '.join(missed[:3])}" if missed else ""
    told += f"; unknown in {sum(bool(run.unknown) for run in runs)}: {', '.join(unknown[:3])}" if unknown else ""
    return told


def lost(runs: Sequence[Measurement]) -> str:
    """What was never carried out in the runs of a point: a mean per run, and in how many of them."""
    told: list[str] = []
    for metric, words in (("facts_lost", "facts lost"), ("calls_given_up", "calls given up")):
        found = [run.metrics.get(metric, 0.0) for run in runs]
        if any(found):
            often = f"in {sum(map(bool, found))} of {count(len(found), 'run')}"
            told.append(f"{quantity(sum(found) / len(found), '')} {words} per run ({often})")
    unsettled = sum(not run.metrics.get("settled", 1.0) for run in runs)
    if unsettled:
        told.append(f"{unsettled} of {count(len(runs), 'run')} did not come to rest")
    return ", ".join(told)


def noted(runs: Sequence[Measurement]) -> list[str]:
    """What the runs of a point noted, and how many of them."""
    times = Counter(note for run in runs for note in dict.fromkeys(run.notes))
    told = [f"{note} (in {often} of {count(len(runs), 'run')})" for note, often in times.most_common(NOTES)]
    return [printable(note, 300) for note in told] + ([f"… {len(times) - NOTES} more"] if len(times) > NOTES else [])


def modelled(explored: Explored) -> str:
    """Whose model was at work. A target that describes none was not: the model was one of defaults."""
    spec = explored.plan.spec
    if all(planned.target.model is None for planned in explored.plan.points):
        return f"the default model ({spec.target} describes none)"
    return f"model of {spec.target}"


def warnings(explored: Explored, all_rows: Sequence[PointRow]) -> list[str]:
    """What must be known before a figure is believed."""
    found = [
        f"point {row.number} does not carry out everything: {row.lost}; its figures of time are of the rest alone"
        for row in all_rows
        if row.lost
    ]
    if len(found) > WARNED:
        found[WARNED:] = [f"{len(found) - WARNED:,} more points do not carry out everything: see the points"]
    left_out = list(dict.fromkeys(step for planned in explored.plan.points for step in planned.left_out))
    if left_out:
        more = f"; {len(left_out) - WARNED:,} more" if len(left_out) > WARNED else ""
        found.append(f"not carried out, and in no figure: {'; '.join(left_out[:WARNED])}{more}")
    limits = dict.fromkeys(said for planned in explored.plan.points for said in cut_short(planned.setup.scenario))
    found += list(limits)[:WARNED]
    if any(path.startswith("estate.") for path in explored.plan.spec.vary):
        found.append(
            "a field of the estate is varied: its data are drawn anew at each value, and stimuli that are counted "
            "for the whole estate stay as many"
        )
    return found


def write(explored: Explored, directory: Path, command: str) -> Path:
    """Write the page."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    replace_file(path, page(explored, command).encode())
    return path


def page(explored: Explored, command: str) -> str:
    """The page as text."""
    spec = explored.plan.spec
    script = _script()
    digest = b64encode(sha256(script.encode()).digest()).decode()
    drawn = [Drawn(chart, draw(chart)) for chart in charts(explored) if chart.curves]
    all_rows = rows(explored)
    return _template().render(
        spec=spec,
        summary=summary(explored),
        command=printable(command, 2000),
        drawn=drawn,
        bars=_bars(tornado(explored, spec.metrics[0])),
        comparisons=comparisons(explored),
        rows=all_rows[:PAGE_POINTS],
        warnings=warnings(explored, all_rows),
        model=modelled(explored),
        trusted=TRUSTED,
        left_out=max(0, len(all_rows) - PAGE_POINTS),
        uncertain=explored.uncertain,
        script=script,
        script_hash=digest,
        told=told,
        quantity=quantity,
        unit_of=unit_of,
    )


def _bars(bars: list[Bar]) -> list[TornadoBar]:
    if not bars:
        return []
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    span = (high - low) or 1.0
    return [TornadoBar(b, round(100 * (b.low - low) / span, 1), round(100 * (b.high - b.low) / span, 1)) for b in bars]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pilotplant.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=partial(printable, most=500))
    return environment


def _template() -> Template:
    return _environment().get_template("sweep.html.j2")


def _script() -> str:
    return _environment().get_template("sweep.js.j2").render()


__all__ = ["Comparison", "page", "summary", "text", "write"]
