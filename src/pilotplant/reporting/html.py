"""Writes `report.html`: one file that opens from disk, asks nothing of a network, and reads without script or style."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from pilotplant.checks.finding import Finding, Severity
from pilotplant.checks.load_result import Histogram
from pilotplant.checks.result import Figure, Result
from pilotplant.model.verdict import Verdict
from pilotplant.reporting import charts as drawn
from pilotplant.reporting import lanes, wording
from pilotplant.reporting.board import tables

NAME = "html"
FILE = "report.html"
FINDINGS = 50
"""Findings told in full; the kinds of all of them are listed."""

NAME_MAX = 120
"""Characters of a name."""

UNIT_MAX = 20

LISTED = 200
"""Entries of any other list."""

_VERDICT_WORDS = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.UNKNOWN: "unknown"}


@dataclass(frozen=True)
class FindingView:
    """A finding as the page tells it."""

    finding: Finding
    warns: bool
    where: tuple[tuple[str, str], ...]
    drawing: Markup
    records: tuple[str, ...]
    more_records: int
    drawn_whole: bool


@dataclass(frozen=True)
class Kind:
    """How many findings there are of one kind."""

    check: str
    step: str
    severity: str
    number: int


@dataclass(frozen=True)
class FigureRow:
    """A figure: for the whole estate, and for each plant of the table."""

    title: str
    estate: str
    plants: tuple[str, ...]


def write(result: Result, directory: Path) -> Path:
    """Write the page."""
    path = directory / FILE
    path.write_text(render(result), encoding="utf-8")
    return path


def render(result: Result) -> str:
    """The page as text."""
    findings = wording.worst_first(result.findings)
    plants = list(islice(dict.fromkeys(figure.plant for figure in result.figures if figure.plant), LISTED))
    return _template().render(
        result=result,
        headline=wording.headline(result),
        findings=[_finding(finding) for finding in findings[:FINDINGS]],
        findings_left=max(len(findings) - FINDINGS, 0),
        kinds=list(_kinds(findings)),
        board=tables(result.board),
        plants=plants,
        figures=list(_figures(result.figures, plants)),
        thresholds=sorted(result.thresholds, key=lambda threshold: _order(threshold.verdict)),
        checks=sorted(result.checks, key=lambda check: _order(check.verdict)),
        doubts=wording.doubts_once(result.doubts),
        undecided=_undecided(result),
        listed=LISTED,
        load=result.load,
        latencies=_latencies(result),
        charts=list(_charts(result)),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pilotplant.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        count=wording.count,
        quantity=wording.quantity,
        shares=wording.shares,
        span=wording.span,
        name=partial(wording.printable, most=NAME_MAX),
        verdict_word=_VERDICT_WORDS.__getitem__,
    )
    return environment.get_template("report.html.j2")


def _finalize(value: object) -> object:
    """Every text that goes into the page is made printable, so that no place in the template can forget it."""
    return wording.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _latencies(result: Result) -> tuple[Histogram, ...]:
    load = result.load
    return (*load.latencies, load.delivery, load.lag) if load is not None else ()


def _charts(result: Result) -> Iterator[tuple[str, Markup]]:
    """Of a run under load: what arrived and was finished, what was open, what limits refused; and histograms."""
    load = result.load
    if load is None:
        return
    by_name = {curve.name: curve for curve in load.curves}
    rates = [by_name[name] for name in ("arrivals", "finished") if name in by_name]
    refused = [curve for curve in load.curves if curve.name.startswith("refused")]
    yield "Arrivals a second (whole line) and finished a second (dashes)", Markup(drawn.draw(rates))
    if "open" in by_name:
        yield "Flow instances that were open", Markup(drawn.draw([by_name["open"]]))
    if refused:
        yield ", ".join(curve.name for curve in refused) + ", a second", Markup(drawn.draw(refused))
    for histogram in load.latencies[:LISTED]:
        yield f"{histogram.name}: how many took up to so long", Markup(drawn.bars(histogram))


def _order(verdict: Verdict) -> int:
    return wording.WORST_FIRST.index(verdict)


def _undecided(result: Result) -> bool:
    judged = (result.verdict, *(c.verdict for c in result.checks), *(t.verdict for t in result.thresholds))
    return Verdict.UNKNOWN in judged or any(fault.bitten == 0 for fault in result.faults)


def _finding(finding: Finding) -> FindingView:
    shown = finding.proof[: lanes.ROWS]
    where = (("plant", finding.plant), ("instance", finding.instance), ("step", finding.step))
    return FindingView(
        finding=finding,
        warns=finding.severity is Severity.WARN,
        where=tuple((what, name) for what, name in where if name),
        drawing=Markup(lanes.draw(finding.proof)),
        records=tuple(map(wording.record, shown)),
        more_records=len(finding.proof) - len(shown),
        drawn_whole=lanes.complete(finding.proof),
    )


def _kinds(findings: Sequence[Finding]) -> Iterator[Kind]:
    for kind in wording.by_kind(findings)[:LISTED]:
        yield Kind(kind[0].check, kind[0].step, str(kind[0].severity), len(kind))


def _figures(figures: Sequence[Figure], plants: Sequence[str]) -> Iterator[FigureRow]:
    """Figures of the same name are a row; their order is that of the result."""
    named: dict[tuple[str, str, str], dict[str, str]] = {}
    for figure in figures:
        places = named.setdefault((figure.name, figure.title, figure.unit), {})
        places[figure.plant] = wording.quantity(figure.value, wording.printable(figure.unit, UNIT_MAX))
    for (_, title, _), places in islice(named.items(), LISTED):
        yield FigureRow(title, places.get("", "–"), tuple(places.get(plant, "–") for plant in plants))
