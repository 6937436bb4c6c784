"""Draws the curves of an experiment as SVG: lines with their intervals, every point a link to its row."""

from dataclasses import dataclass
from math import floor, inf, log10

from pilotplant.reporting.wording import printable, quantity
from pilotplant.sweep.analysis import Chart, unit_of

WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 16, 14, 44


@dataclass(frozen=True)
class Dot:
    """A point as it is drawn."""

    x: float
    y: float
    point: int
    title: str
    mark: str


@dataclass(frozen=True)
class Line:
    """A curve as it is drawn."""

    name: str
    colour: int
    path: str
    band: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Drawing:
    """A chart, ready for a template."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    limits: tuple[Tick, ...]
    """Where a limit begins to bind."""
    notes: tuple[str, ...]


def draw(chart: Chart) -> Drawing:
    """Lay a chart out."""
    spots = [spot for curve in chart.curves for spot in curve.spots]
    xs = [spot.x for spot in spots]
    tops = [spot.estimate.high if spot.estimate.half < inf else spot.estimate.mean for spot in spots]
    bottoms = [spot.estimate.low if spot.estimate.half < inf else spot.estimate.mean for spot in spots]
    low, high = min(0.0, min(bottoms)), max(tops)
    step = _step((high - low) or 1.0)
    low = floor(low / step) * step
    high = (floor(high / step) + 1) * step

    def x(value: float) -> float:
        span = (max(xs) - min(xs)) or 1.0
        return round(_LEFT + (value - min(xs)) / span * (WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    unit = unit_of(chart.metric)
    lines: list[Line] = []
    limits: dict[float, Tick] = {}
    for number, curve in enumerate(chart.curves):
        dots: list[Dot] = []
        for place, spot in enumerate(curve.spots):
            marks = ["knee"] if place == curve.bend else []
            if place == curve.binds:
                marks.append("a limit binds")
                limits[x(spot.x)] = Tick(x(spot.x), "a limit binds")
            e = spot.estimate
            interval = f" ± {quantity(e.half, unit)}" if e.half < inf else ""
            title = f"{curve.name + ', ' if curve.name else ''}{spot.label}: {quantity(e.mean, unit)}{interval}"
            told = f"{title}{' — ' + ', '.join(marks) if marks else ''}"
            dots.append(Dot(x(spot.x), y(e.mean), spot.point, printable(told), "knee" if "knee" in marks else ""))
        path = " ".join(f"{dot.x},{dot.y}" for dot in dots)
        certain = [spot for spot in curve.spots if spot.estimate.half < inf]
        upper = [f"{x(spot.x)},{y(spot.estimate.high)}" for spot in certain]
        lower = [f"{x(spot.x)},{y(spot.estimate.low)}" for spot in reversed(certain)]
        lines.append(Line(printable(curve.name, 60), number, path, " ".join((*upper, *lower)), tuple(dots)))
    labels = {spot.x: spot.label for spot in spots}
    shown = sorted(labels)[:: max(1, -(-len(labels) // 10))]
    across = tuple(Tick(x(value), printable(labels[value], 12)) for value in shown)
    up = tuple(
        Tick(y(low + n * step), quantity(round(low + n * step, 9), unit)) for n in range(round((high - low) / step) + 1)
    )
    size = (WIDTH, HEIGHT, _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM)
    return Drawing(*size, tuple(lines), across, up, tuple(limits.values()), tuple(_notes(chart)))


def _notes(chart: Chart) -> list[str]:
    said: dict[str, list[str]] = {}
    for curve in chart.curves:
        if curve.bend is not None:
            said.setdefault(f"the curve bends at {curve.spots[curve.bend].label}", []).append(curve.name)
        if curve.binds is not None:
            where = curve.spots[curve.binds].label
            said.setdefault(f"a limit binds at {where}: it refuses more than 1 % of calls", []).append(curve.name)
        if curve.bound:
            said.setdefault("a limit binds everywhere: it refuses more than 1 % of calls", []).append(curve.name)
    notes = [f"{'; '.join(names)}: {note}" if any(names) else note for note, names in said.items()]
    if chart.left_out:
        notes.append(f"{chart.left_out} more curves are in the table only")
    return [printable(note) for note in notes]


def _step(span: float) -> float:
    """A round distance of about a fifth of the span."""
    raw = span / 5
    power = 10.0 ** floor(log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if raw <= power * factor)
