"""Draws what a load result holds: quantities over time, and histograms of durations, as SVG that needs no script."""

from collections.abc import Sequence
from html import escape

from pilotplant.checks.load_result import Curve, Histogram

WIDTH, HEIGHT = 720, 180
_LEFT, _BOTTOM, _TOP, _RIGHT = 56, 24, 10, 8


def draw(curves: Sequence[Curve]) -> str:
    """Curves over the same time, in one drawing: with lines of different dashes, so that it reads without colour."""
    highest = max((value for curve in curves for value in curve.values), default=0.0) or 1.0
    length_s = max((len(curve.values) * curve.step_s for curve in curves), default=1.0) or 1.0
    title = ", ".join(curve.name for curve in curves)
    parts = [_open(f"{title} over {length_s:.0f} seconds, at most {highest:g}"), _axes(highest, length_s)]
    for number, curve in enumerate(curves):
        points = " ".join(
            f"{_x((place + 0.5) * curve.step_s / length_s):.1f},{_y(value / highest):.1f}"
            for place, value in enumerate(curve.values)
        )
        dash = ("", "6 4", "2 3", "10 3 2 3")[number % 4]
        parts.append(f'<polyline class="curve c{number % 4}" stroke-dasharray="{dash}" points="{points}"/>')
    parts.append("</svg>")
    return "".join(parts)


def bars(histogram: Histogram) -> str:
    """How many durations lie in each bucket; buckets double."""
    most = max((count for _upper, count in histogram.buckets), default=0)
    if not most:
        return ""
    told = "; ".join(f"up to {_short(upper)}: {count:,}" for upper, count in histogram.buckets)
    parts = [_open(f"{histogram.name}: {told}"), _axes(float(most), None)]
    room = (WIDTH - _LEFT - _RIGHT) / len(histogram.buckets)
    for place, (upper, count) in enumerate(histogram.buckets):
        left, top = _LEFT + place * room, _y(count / most)
        parts.append(
            f'<rect class="bar" x="{left + 2:.1f}" y="{top:.1f}" width="{room - 4:.1f}" '
            f'height="{HEIGHT - _BOTTOM - top:.1f}"/>'
            f'<text x="{left + room / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{_short(upper)}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _open(label: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'


def _axes(highest: float, length_s: float | None) -> str:
    base = HEIGHT - _BOTTOM
    lines = f'<path class="axis" d="M{_LEFT} {_TOP}V{base}H{WIDTH - _RIGHT}"/>'
    top = f'<text x="{_LEFT - 6}" y="{_TOP + 9}" text-anchor="end">{highest:,.4g}</text>'
    zero = f'<text x="{_LEFT - 6}" y="{base}" text-anchor="end">0</text>'
    if length_s is None:
        return lines + top + zero
    ends = f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{length_s:.0f} s</text>'
    return lines + top + zero + ends


def _x(share: float) -> float:
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP)


def _short(duration_s: float) -> str:
    return f"{1000 * duration_s:g} ms" if duration_s < 1 else f"{duration_s:.3g} s"
