"""The page as a browser reads it: whole without style, script or network, and safe with any data."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest

from pilotplant.checks.result import Result
from pilotplant.model.verdict import Exit, Verdict
from pilotplant.reporting.html import FINDINGS, render
from pilotplant.reporting.wording import record
from tests.unit.test_reporting import BOARD, PASSED, RESULT, TWICE, again, poisoned

VOID = {"meta", "br", "hr", "img", "input", "link"}
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav", "section", "article"),
    *("a", "p", "div", "span", "strong", "code", "bdi", "h1", "h2", "h3", "ul", "ol", "li", "dl", "dt", "dd", "figure"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "line", "circle", "polygon", "text", "tspan"),
}
"""Elements that the page is made of. None of them fetches or runs anything."""


@dataclass
class Element:
    """An element of the page."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def walk(self) -> Iterator["Element"]:
        """This element and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag: str) -> list["Element"]:
        """The elements of a kind, in the order of the page."""
        return [element for element in self.walk() if element.tag == tag]

    def text(self) -> str:
        """What it says."""
        parts = (child if isinstance(child, str) else child.text() for child in self.children)
        return "" if self.tag == "style" else re.sub(r"\s+", " ", "".join(parts))


class Page(HTMLParser):
    """Builds the tree, and refuses a page whose elements do not close in the order in which they open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(text)
        self.close()
        assert self._open == [self.root], f"left open: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def page(result: Result) -> Element:
    """The page of a result, parsed."""
    return Page(render(result)).root


def section(root: Element, name: str) -> Element:
    """The part of the page under a heading."""
    return next(element for element in root.all("section") if element.attributes["aria-labelledby"] == name)


MANY = msgspec.structs.replace(RESULT, findings=(*RESULT.findings, *again(TWICE, 10_000)), board=BOARD * 400)
EVERY_KIND = pytest.mark.parametrize(
    "result", [RESULT, PASSED, MANY, poisoned(RESULT)], ids=["failed", "passed", "many", "hostile"]
)


@EVERY_KIND
def test_the_page_is_made_of_nothing_that_fetches_or_runs(result: Result) -> None:
    root = page(result)
    assert {element.tag for element in root.walk()} - {""} <= OURS | {"title"}
    for element in root.walk():
        names = set(element.attributes)
        assert not {name for name in names if name.startswith("on")} | names & {"src", "srcset", "style", "action"}
        assert element.attributes.get("href", "#").startswith("#")
    (style,) = root.all("style")
    assert not re.search(r"url\(|@import|https?:", "".join(str(child) for child in style.children))
    policy = next(m for m in root.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none';")


@EVERY_KIND
def test_headings_form_an_outline_and_links_lead_somewhere(result: Result) -> None:
    root = page(result)
    levels = [int(element.tag[1]) for element in root.walk() if element.tag in ("h1", "h2", "h3")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [element.attributes["id"] for element in root.walk() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    assert {link.attributes["href"][1:] for link in root.all("a")} <= set(ids)
    assert {part.attributes["aria-labelledby"] for part in root.all("section")} <= set(ids)


def test_the_verdict_comes_first_and_then_what_led_to_it() -> None:
    root = page(RESULT)
    assert root.all("h1")[0].text() == "Failed: 4 violations proven"
    assert [heading.text() for heading in root.all("h2")] == [
        "Findings",
        "Flow board",
        "Figures",
        "Thresholds",
        "Checks",
        "Faults",
        "Not known, not tested",
        "This run",
    ]


def test_without_style_everything_is_there_as_text() -> None:
    said = page(RESULT).text()
    told = [RESULT.summary, RESULT.about, RESULT.repro, RESULT.data_digest, RESULT.stimuli_digest, *RESULT.notes]
    told += [finding.sentence for finding in RESULT.findings]
    told += [finding.fingerprint for finding in RESULT.findings]
    told += [record(proof) for finding in RESULT.findings for proof in finding.proof]
    told += [text for check in RESULT.checks for text in (check.check, check.about, check.sentence)]
    told += [text for threshold in RESULT.thresholds for text in (threshold.expression, threshold.sentence)]
    told += [text for doubt in RESULT.doubts for text in (doubt.sentence, doubt.would_help)]
    told += [figure.title for figure in RESULT.figures] + [fault.fault for fault in RESULT.faults]
    told += [*RESULT.untested, "41.3 s", "38.1 s", "61 times", "never", "12,345 records", "2 of 2, after 2 s", "47.8 s"]
    assert [text for text in told if text not in said] == []


def test_a_finding_has_its_diagram_and_the_same_as_a_list() -> None:
    for article in page(RESULT).all("article"):
        (drawing,) = article.all("svg")
        (records,) = article.all("ol")
        assert drawing.attributes["role"] == "img" and drawing.attributes["aria-label"]
        assert len(records.all("li")) == len([t for t in drawing.all("text") if t.attributes.get("class") == "seq"])


def test_a_status_is_said_and_not_only_coloured() -> None:
    cells = [cell for cell in section(page(RESULT), "board").all("td") if "status-" in cell.attributes.get("class", "")]
    assert [cell.text().split(",")[0].strip() for cell in cells] == [
        *("done 2 of 2", "open 1 of 2", "open 0 of 2"),
        *("excused 0 of 2", "not tested"),
        *("done 1 of 1", "superseded 0 of 1"),
        *("done 3 of 3", "done 3 of 3"),
        "done 1 of 1",
    ]


@EVERY_KIND
def test_every_table_scrolls_by_keyboard_in_its_own_frame_and_has_headings(result: Result) -> None:
    root = page(result)
    frames = [frame for frame in root.all("div") if frame.attributes.get("class") == "scroll"]
    assert all(frame.attributes["tabindex"] == "0" and frame.attributes["aria-label"] for frame in frames)
    tables = root.all("table")
    assert len([table for frame in frames for table in frame.all("table")]) == len(tables) > 0
    for table in tables:
        width = len(table.all("thead")[0].all("th"))
        rows = table.all("tbody")[0].all("tr")
        assert rows and {len(row.all("th")) + len(row.all("td")) for row in rows} == {width}
        assert all(head.attributes.get("scope") in ("row", "col") for head in table.all("th"))


def test_ten_thousand_findings_are_counted_and_the_first_are_told() -> None:
    findings = section(page(MANY), "findings")
    assert len(findings.all("article")) == FINDINGS
    assert "9,955 more findings are in result.json" in findings.text()
    assert [row.text().strip() for row in findings.all("tbody")[0].all("tr")] == [
        "oncereceiptviolation10,003",
        "sequencingmes-routingviolation1",
        "manners–warning1",
    ]


def test_two_thousand_rows_are_counted_and_the_worst_are_shown() -> None:
    board = section(page(MANY), "board")
    assert sum(len(table.all("tbody")[0].all("tr")) for table in board.all("table")) == 500
    assert "500 of 1,600 instances" in board.text() and "1,500 more are in result.json" in board.text()
    assert "production-confirmation: 400 instances, not shown here." in board.text()


def test_hostile_data_is_text_and_bounded() -> None:
    endless = msgspec.structs.replace(TWICE, sentence="x" * 1_000_000, proof=TWICE.proof * 10_000)
    text = render(msgspec.structs.replace(poisoned(RESULT), findings=(endless,) * 60))
    assert len(text) < 3_000_000
    said = page(poisoned(RESULT)).text()
    assert "</script><img src=x onerror=alert(1)>" in said
    assert not {"\x00", "\x1b", "\u202e", "\ufffe"} & set(said)


def test_unknown_is_said_and_never_looks_like_passed() -> None:
    unknown = msgspec.structs.replace(
        RESULT, verdict=Verdict.UNKNOWN, exit=Exit.UNKNOWN, findings=(), checks=RESULT.checks[3:4]
    )
    root = page(unknown)
    assert root.all("h1")[0].text() == "Unknown: the evidence does not decide it"
    assert "not everything could be decided" in section(root, "findings").text()
    assert root.all("title")[0].text() == "Unknown: ambiguous-timeouts · acme-hub"


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict.UNKNOWN},
        {"checks": RESULT.checks},
        {"thresholds": RESULT.thresholds},
        {"faults": RESULT.faults},
    ],
    ids=["run", "check", "threshold", "fault"],
)
def test_what_is_undecided_is_admitted_even_where_no_doubt_was_noted(changes: dict[str, object]) -> None:
    said = section(page(msgspec.structs.replace(PASSED, **changes)), "unknown").text()
    assert "not everything was decided or tested" in said and "Nothing was left open" not in said


def test_a_passed_run_says_so_and_leaves_out_what_is_empty() -> None:
    bare = msgspec.structs.replace(PASSED, board=(), figures=(), thresholds=(), faults=(), notes=())
    root = page(bare)
    assert root.all("h1")[0].text() == "Passed: every promise was kept"
    assert [heading.text() for heading in root.all("h2")] == ["Findings", "Checks", "Not known, not tested", "This run"]
    assert "No record of this run contradicts" in root.text() and "Nothing was left open" in root.text()
