"""Draws the records that prove a finding: a lane per system, time downward, as SVG that needs no style and no script.

What the records say stands in a column of its own to the right of the lanes, so that no label can cover another.
Colours are `currentColor` in attributes: the drawing follows its surroundings, light or dark, styled or not.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from pilotplant.checks.finding import Proof
from pilotplant.reporting.wording import moment, printable

ROWS = 40
"""Records drawn of one finding; proofs have three to eight."""

LINES = 4
"""Lines of a record's text."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_SIZE_PX = 13
_LINE_PX = 18
_ROW_GAP_PX = 14
_HEAD_PX = 44
_LANE_NAME_PX = 132
_TEXT_PX = 460
_PAD_PX = 12
_HEADING = 'text-anchor="middle" font-weight="600"'
_BROAD = frozenset("mwMW@%—…")


@dataclass(frozen=True)
class _Text:
    """A text broken into lines, and whether all of it is there."""

    lines: tuple[str, ...]
    whole: str
    complete: bool

    @property
    def width_px(self) -> float:
        return max(map(_width_px, self.lines), default=0.0)


@dataclass(frozen=True)
class _Row:
    """A record with its place in the drawing."""

    proof: Proof
    seq: str
    time: str
    text: _Text
    y: float


def draw(proof: Sequence[Proof]) -> str:
    """The drawing as an `<svg>` element; empty without records."""
    if not proof:
        return ""
    shown = proof[:ROWS]
    names = lanes(shown)
    rows, height = _rows(shown)
    gutter = max(_width_px(row.seq) for row in rows) + max(_width_px(row.time) for row in rows) + 3 * _PAD_PX
    titles = [_broken(name, _LANE_NAME_PX, lines=2) for name in names]
    step = max(84.0, max(title.width_px for title in titles) + 2 * _PAD_PX)
    places = {name: gutter + step * (number + 0.5) for number, name in enumerate(names)}
    said_at = gutter + step * len(names) + _PAD_PX
    width = said_at + max(row.text.width_px for row in rows) + _PAD_PX
    parts = [_lane(places[name], title, height) for name, title in zip(names, titles, strict=True)]
    parts += [_record(row, places, gutter, said_at, width) for row in rows]
    label = escape(_spoken(shown, names))
    return (
        f'<svg class="lanes" role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="{escape(_FONT)}" font-size="{_SIZE_PX}" fill="currentColor">{"".join(parts)}</svg>'
    )


def complete(proof: Sequence[Proof]) -> bool:
    """Whether the drawing leaves nothing out, so that the same as text is needed only by those who cannot see it."""
    return len(proof) <= ROWS and all(_broken(each.text, _TEXT_PX, LINES).complete for each in proof)


def lanes(proof: Sequence[Proof]) -> list[str]:
    """The lanes in the order in which they first appear."""
    return list(dict.fromkeys(lane for each in proof for lane in (each.lane, each.towards) if lane))


def _spoken(proof: Sequence[Proof], names: Sequence[str]) -> str:
    among = ", ".join(printable(name, 60) for name in names)
    return (
        f"Lane diagram of {len(proof)} records among {among}, from {moment(proof[0].t)} to {moment(proof[-1].t)}. "
        "The list that follows says the same."
    )


def _rows(proof: Sequence[Proof]) -> tuple[list[_Row], float]:
    rows = []
    y = float(_HEAD_PX + _ROW_GAP_PX)
    for each in proof:
        text = _broken(each.text, _TEXT_PX, LINES)
        rows.append(_Row(each, f"#{each.seq}", moment(each.t), text, y + _LINE_PX / 2))
        y += _LINE_PX * len(text.lines) + _ROW_GAP_PX
    return rows, y


def _lane(x: float, title: _Text, height: float) -> str:
    top = (_HEAD_PX - _LINE_PX * len(title.lines)) / 2 + _SIZE_PX
    return (
        f'<line class="lifeline" x1="{x:.1f}" y1="{_HEAD_PX}" x2="{x:.1f}" y2="{height:.0f}" '
        'stroke="currentColor" stroke-opacity="0.28"/>'
        f"{_written(x, top, title, _HEADING)}"
    )


def _record(row: _Row, places: dict[str, float], gutter: float, said_at: float, width: float) -> str:
    base = row.y + _SIZE_PX * 0.36
    time_at = gutter - _PAD_PX
    here = places.get(row.proof.lane, said_at - _PAD_PX)
    there = places.get(row.proof.towards)
    mark = _dot(here, row.y) if there is None or there == here else _arrow(here, there, row.y)
    leader_from = max(here, there if there is not None else here) + 8
    return (
        f'<line class="leader" x1="{leader_from:.1f}" y1="{row.y:.1f}" x2="{said_at - 6:.1f}" y2="{row.y:.1f}" '
        'stroke="currentColor" stroke-opacity="0.22" stroke-dasharray="1 4" stroke-linecap="round"/>'
        f'<text class="seq" x="0" y="{base:.1f}" font-weight="600">{row.seq}</text>'
        f'<text class="time" x="{time_at:.1f}" y="{base:.1f}" text-anchor="end" fill-opacity="0.66">{row.time}</text>'
        f"{mark}{_written(said_at, base, row.text, '')}"
    )


def _dot(x: float, y: float) -> str:
    return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def _arrow(start: float, end: float, y: float) -> str:
    back = -9 if end > start else 9
    head = f"{end:.1f},{y:.1f} {end + back:.1f},{y - 4.5:.1f} {end + back:.1f},{y + 4.5:.1f}"
    return (
        f'<circle class="mark" cx="{start:.1f}" cy="{y:.1f}" r="3"/>'
        f'<line class="shaft" x1="{start:.1f}" y1="{y:.1f}" x2="{end + back:.1f}" y2="{y:.1f}" '
        'stroke="currentColor" stroke-width="1.8"/>'
        f'<polygon class="mark" points="{head}"/>'
    )


def _written(x: float, y: float, text: _Text, attributes: str) -> str:
    title = "" if text.complete else f"<title>{escape(text.whole)}</title>"
    lines = "".join(
        f'<tspan x="{x:.1f}" y="{y + number * _LINE_PX:.1f}">{escape(line)}</tspan>'
        for number, line in enumerate(text.lines)
    )
    return f"<text {attributes}>{title}{lines}</text>"


def _broken(text: str, width_px: float, lines: int) -> _Text:
    """Break a text into lines that fit; a word that is too long is broken where it must be."""
    whole = printable(text) or "–"
    found: list[str] = []
    for piece in _pieces(whole, width_px):
        if found and _width_px(f"{found[-1]} {piece}") <= width_px:
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    if len(found) <= lines:
        return _Text(tuple(found), whole, complete=True)
    return _Text((*found[: lines - 1], found[lines - 1][:-1] + "…"), whole, complete=False)


def _pieces(text: str, width_px: float) -> Iterator[str]:
    """The words, and the parts of those that are broader than a line: such a part fills its line alone."""
    for word in text.split():
        piece = ""
        for character in word:
            if _width_px(piece + character) > width_px:
                yield piece
                piece = ""
            piece += character
        yield piece


def _width_px(text: str) -> float:
    """About how wide a text is. Fonts differ between machines: every character gets what a broad font needs."""
    return sum(map(_ems, text)) * _SIZE_PX


def _ems(character: str) -> float:
    if character in _BROAD or unicodedata.east_asian_width(character) in "WF":
        return 1.05
    return 0.75 if character.isupper() else 0.64
