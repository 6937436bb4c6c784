"""The gate's answer as text, Markdown, JUnit and one page: a row for each thing that was asked, a column for each
middleware."""

import os
from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path

import msgspec
from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from pilotplant.gate.matrix import Cell, Gate, Kind
from pilotplant.model.verdict import Verdict
from pilotplant.reporting.wording import count, printable

_WORDS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.UNKNOWN: "unknown"}
_NOT_ASKED = "–"


def text(gate: Gate) -> str:
    """For a terminal: the matrix, what speaks against, and the answer."""
    rows = [("", *gate.targets), *(_row(gate, kind, name) for kind, name in gate.columns)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    spoken = [cell for cell in gate.cells if cell.speaks]
    lines += ["", *map(_against, spoken)] if spoken else []
    lines += ["", *(f"not asked: {printable(note)}" for note in gate.notes)] if gate.notes else []
    return "\n".join([*lines, "", headline(gate)])


def headline(gate: Gate) -> str:
    """The answer in one line."""
    passed = sum(cell.verdict is Verdict.PASS for cell in gate.cells)
    told = f"{passed} of {count(len(gate.cells), 'thing')} asked are as they should be"
    return f"{gate.answer.upper()} — version {printable(gate.version)}: {told}   exit {int(gate.exit)}"


def _row(gate: Gate, kind: Kind, name: str) -> tuple[str, ...]:
    return (f"{kind} {name}", *(_said(gate.cell(target, kind, name)) for target in gate.targets))


def _said(cell: Cell | None) -> str:
    if cell is None:
        return _NOT_ASKED
    return "accepted" if cell.kind == "accepted" and cell.verdict is Verdict.PASS else _WORDS[cell.verdict]


def _against(cell: Cell) -> str:
    where = f"   ({printable(cell.where)})" if cell.where else ""
    return f"{_said(cell) + ' ':<8}{cell.target}: {cell.kind} {cell.name}: {printable(cell.sentence, 300)}{where}"


def markdown(gate: Gate) -> str:
    """For the page of a pipeline."""
    head = ["asked", *gate.targets]
    lines = [f"## {_plain(headline(gate))}", "", _line(head), _line(["---"] * len(head))]
    lines += [_line([_plain(cell) for cell in _row(gate, kind, name)]) for kind, name in gate.columns]
    lines += ["", *(f"- {_plain(_against(cell))}" for cell in gate.cells if cell.speaks)]
    lines += ["", *(f"- not asked: {_plain(note)}" for note in gate.notes)] if gate.notes else []
    return "\n".join([*lines, ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(said: str) -> str:
    return escape(printable(said)).replace("|", "\\|").replace("`", "\\`").replace("*", "\\*").replace("_", "\\_")


def page(gate: Gate) -> str:
    """One page that opens from disk and needs no script."""
    colours = {"pass": "#1a7f37", "FAIL": "#cf222e", "unknown": "#9a6700", "accepted": "#9a6700", _NOT_ASKED: "#6e7781"}

    def cell(said: str) -> str:
        return f'<td style="color:{colours.get(said, "#1f2328")}">{escape(said)}</td>'

    rows = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(map(cell, row[1:]))}</tr>"
        for row in (_row(gate, kind, name) for kind, name in gate.columns)
    )
    heads = "".join(f"<th>{escape(target)}</th>" for target in gate.targets)
    against = "".join(f"<li>{escape(_against(c))}</li>" for c in gate.cells if c.speaks)
    against += "".join(f"<li>not asked: {escape(printable(note))}</li>" for note in gate.notes)
    style = "body{font:15px/1.5 system-ui;margin:2rem;max-width:70rem}td,th{text-align:left;padding:.2rem .9rem}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Gate: {gate.answer}</title>'
        f"<style>{style}</style><h1>{escape(headline(gate))}</h1>"
        f"<table><tr><th>asked</th>{heads}</tr>{rows}</table><ul>{against}</ul></html>\n"
    )


def junit(gate: Gate) -> bytes:
    """A suite for each middleware, a case for each thing that was asked; unknown is an error, so nothing shows it as
    passed."""
    document = JUnitXml("pilotplant gate")
    for target in gate.targets:
        suite = TestSuite(printable(f"{target} {gate.version}"))
        suite.add_testcases([_case(cell) for cell in gate.cells if cell.target == target])
        document.add_testsuite(suite)
    told: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return told


def _case(cell: Cell) -> TestCase:
    case = TestCase(name=printable(f"{cell.kind} {cell.name}"), classname=printable(cell.target), time=0.0)
    if cell.verdict is Verdict.FAIL:
        case.result = Failure(printable(cell.sentence), "violation")
    elif cell.verdict is Verdict.UNKNOWN:
        case.result = Error(f"unknown: {printable(cell.sentence)}", "unknown")
    return case


def annotations(gate: Gate) -> str:
    """Workflow commands for GitHub, at most ten, worst first."""
    return "".join(_annotations(gate))


def _annotations(gate: Gate) -> Iterator[str]:
    against = [cell for cell in gate.cells if cell.verdict is not Verdict.PASS]
    for cell in sorted(against, key=lambda cell: cell.verdict is not Verdict.FAIL)[:10]:
        level = "error" if cell.verdict is Verdict.FAIL else "warning"
        title = printable(f"{cell.target} {cell.kind} {cell.name}").replace(":", "%3A").replace(",", "%2C")
        yield f"::{level} title={title}::{printable(cell.sentence).replace('%', '%25')}\n"


def for_programs(gate: Gate) -> dict[str, object]:
    """What `--format json` prints."""
    told = {"answer": gate.answer, "exit": int(gate.exit), "version": gate.version}
    return {**told, "cells": gate.cells, "not_asked": gate.notes}


_FILES: Mapping[str, tuple[str, Callable[[Gate], bytes]]] = {
    "json": ("gate.json", lambda gate: msgspec.json.format(msgspec.json.encode(for_programs(gate)), indent=2)),
    "md": ("gate.md", lambda gate: markdown(gate).encode()),
    "html": ("gate.html", lambda gate: page(gate).encode()),
    "junit": ("gate.xml", junit),
    "github": ("annotations.txt", lambda gate: annotations(gate).encode()),
}


def write(gate: Gate, folder: Path, wanted: tuple[str, ...]) -> dict[str, Path]:
    """Write the reports that are wanted, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for name in wanted:
        file, make = _FILES[name]
        written[name] = folder / file
        written[name].write_bytes(make(gate))
    return written


def summarise(gate: Gate) -> None:
    """Add to the summary of the job that GitHub shows, where it asked for one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown(gate))
