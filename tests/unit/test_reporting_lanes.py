"""The lane diagram: where its parts stand, that no text covers another, and that data can do it no harm."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from pilotplant.checks.finding import Proof
from pilotplant.reporting.lanes import LINES, ROWS, complete, draw
from tests.unit.test_reporting import EARLY, HOSTILE, TWICE

SVG = "{http://www.w3.org/2000/svg}"


def drawn(proof: tuple[Proof, ...]) -> ElementTree.Element:
    """The drawing, parsed: so it is well-formed too."""
    return ElementTree.fromstring(draw(proof))


def place(element: ElementTree.Element, name: str) -> float:
    """A coordinate of an element."""
    return float(element.get(name, "nan"))


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw(()) == ""


def test_a_lane_for_each_system_in_order_of_appearance() -> None:
    spans = [span.text for span in drawn(TWICE.proof).iter(f"{SVG}tspan")]
    assert spans[:3] == ["mes@DE01", "target", "erp@DE01"]
    lifelines = [place(line, "x1") for line in drawn(TWICE.proof).iter(f"{SVG}line") if line.get("class") == "lifeline"]
    assert len(lifelines) == 3 and lifelines == sorted(lifelines)


def test_an_arrow_points_from_lane_to_lane_and_a_dot_stays() -> None:
    drawing = drawn(TWICE.proof)
    shafts = [line for line in drawing.iter(f"{SVG}line") if line.get("class") == "shaft"]
    assert [place(shaft, "x1") < place(shaft, "x2") for shaft in shafts] == [True, True, True, False]
    assert [circle.get("r") for circle in drawing.iter(f"{SVG}circle")].count("5") == 1


def test_a_message_to_itself_is_a_dot() -> None:
    drawing = drawn((Proof(1, 0.0, "erp@DE01", "runs a job", towards="erp@DE01"),))
    assert [circle.get("r") for circle in drawing.iter(f"{SVG}circle")] == ["5"]


@pytest.mark.parametrize("proof", [TWICE.proof, EARLY.proof, (Proof(1, 0, HOSTILE, HOSTILE, HOSTILE[::-1]),) * 3])
def test_time_runs_downward_and_lines_of_text_never_share_a_place(proof: tuple[Proof, ...]) -> None:
    drawing = drawn(proof)
    width, height = place(drawing, "width"), place(drawing, "height")
    columns: dict[float, list[float]] = {}
    for span in drawing.iter(f"{SVG}tspan"):
        columns.setdefault(place(span, "x"), []).append(place(span, "y"))
    for ys in columns.values():
        assert all(lower - upper >= 18 for upper, lower in pairwise(ys)), ys
        assert max(ys) < height
    assert max(columns) < width
    assert len([text for text in drawing.iter(f"{SVG}text") if text.get("class") == "seq"]) == len(proof)


def test_a_long_text_is_wrapped_then_cut_with_all_of_it_as_title() -> None:
    wraps = Proof(1, 0.0, "erp@DE01", "refuses the bill of material because a component is unknown at the plant " * 2)
    cut = Proof(2, 0.0, "erp@DE01", "W" * 300)
    assert complete((wraps,)) and not complete((cut,))
    titles = [title.text for title in drawn((wraps, cut)).iter(f"{SVG}title")]
    assert titles == ["W" * 300]
    said = list(drawn((cut,)).iter(f"{SVG}text"))[-1].findall(f"{SVG}tspan")
    assert len(said) == LINES and (said[-1].text or "").endswith("…")


def test_a_broad_script_gets_the_room_it_needs() -> None:
    narrow = drawn((Proof(1, 0.0, "erp", "i" * 20),))
    broad = drawn((Proof(1, 0.0, "erp", "料" * 20),))
    assert place(broad, "width") > place(narrow, "width") + 20 * 4


def test_a_proof_without_end_is_cut() -> None:
    proof = tuple(Proof(number, float(number), "erp", "booked") for number in range(1_000))
    assert draw(proof).count('class="seq"') == ROWS
    assert not complete(proof)


def test_it_speaks_and_needs_no_style() -> None:
    drawing = drawn(EARLY.proof)
    assert drawing.get("role") == "img"
    assert drawing.get("aria-label") == (
        "Lane diagram of 4 records among target, erp@DE01, mes@DE01, from 5.110 s to 7.900 s. "
        "The list that follows says the same."
    )
    assert drawing.get("fill") == "currentColor"
    assert not any(element.get("style") or element.get("id") for element in drawing.iter())
