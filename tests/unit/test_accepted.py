"""Known findings: accepted until a day, told when they are over or not there, and recognised in every run."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pilotplant.checks.accepted import Acceptance, Known, accept
from pilotplant.checks.finding import Finding, Severity
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.resources import Project
from pilotplant.run.known import add, known_findings

FINDING = Finding("once", "ERP booked it twice.", (), instance="CNF-0000001@DE01", step="repeat", effect="e|1")


def known(until: str, fingerprint: str = FINDING.fingerprint) -> Known:
    entry = Acceptance(fingerprint=fingerprint, owner="planning", reason="known", until=date.fromisoformat(until))
    return Known((entry,), date(2026, 3, 2))


def accepted(entries: Known) -> tuple[Finding, list[str]]:
    check: Any = SimpleNamespace(findings=[FINDING])
    notes = accept([check], entries)
    return check.findings[0], notes


@pytest.mark.parametrize("until", ["2026-03-02", "2027-01-01"])
def test_an_accepted_finding_warns_and_says_who_answers_for_it(until: str) -> None:
    finding, notes = accepted(known(until))
    assert finding.severity is Severity.WARN and finding.accepted == f"planning until {until}: known"
    assert notes == [f"the finding {FINDING.fingerprint} is accepted by planning until {until}: known"]


def test_after_its_day_it_fails_again() -> None:
    finding, notes = accepted(known("2026-03-01"))
    assert finding.severity is Severity.FAIL and not finding.accepted
    assert "and that is over" in notes[0]


@pytest.mark.parametrize("order", [1, -1])
def test_the_entry_that_still_holds_decides_and_then_the_one_for_this_scenario(order: int) -> None:
    (everywhere,), today = known("2027-01-01")
    here = everywhere.model_copy(update={"scenario": "s", "owner": "quality", "until": date(2026, 3, 1)})
    finding, _notes = accepted(Known((everywhere, here)[::order], today))
    assert finding.accepted.startswith("planning until 2027-01-01")
    here = here.model_copy(update={"until": date(2026, 3, 2)})
    finding, _notes = accepted(Known((everywhere, here)[::order], today))
    assert finding.accepted.startswith("quality until 2026-03-02")


def test_what_is_accepted_and_not_found_is_told() -> None:
    finding, notes = accepted(known("2027-01-01", "00000000"))
    assert finding == FINDING
    assert "no finding of this run has the fingerprint 00000000" in notes[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("erp.stock.post|DE01|?4900000012|receipt|A|", "erp.stock.post|DE01|?4900000345|receipt|A|"),
        ("dropped|4711", "dropped|815"),
        ("erp.stock.post|DE01|CNF-R1A2B3C-0000001|receipt|A|", "erp.stock.post|DE01|CNF-R9Z8Y7X-0000001|receipt|A|"),
    ],
)
def test_what_tells_only_when_it_happened_is_no_part_of_a_fingerprint(one: str, other: str) -> None:
    first, second = (Finding("once", "", (), effect=effect) for effect in (one, other))
    assert first.fingerprint == second.fingerprint
    assert (
        first.fingerprint
        != Finding("once", "", (), effect=one.replace("DE01", "US01").replace("4711", "x")).fingerprint
    )


def test_the_list_is_written_and_read_and_kept_as_it_was(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path, writable=True)
    assert known_findings(project) == []
    entry = Acceptance(
        fingerprint="12345678", owner="a: b", reason='"quoted" # not a comment', until=date(2027, 1, 1), scenario="s"
    )
    path = add(project, entry)
    path.write_text(path.read_text("utf-8") + "  # a remark of ours\n", "utf-8")
    second = entry.model_copy(update={"fingerprint": "87654321"})
    add(project, second)
    assert known_findings(project) == [entry, second]
    assert "# a remark of ours" in path.read_text("utf-8")


OTHER = "{fingerprint: 11aa11aa, owner: a, reason: b, until: 2027-01-01}"


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("accepted: []\n", 0),
        ("accepted: [ ]  # none yet\n", 0),
        ("accepted:\n- OTHER\n", 1),
        ("accepted:\n    - OTHER\n\n", 1),
        ("accepted:\n  - OTHER", 1),
        ("accepted:\n  - fingerprint: 11aa11aa\n    owner: a\n    reason: |-\n      - x\n    until: 2027-01-01\n", 1),
        ("\ufeffaccepted:\r\n  - OTHER\r\n", 1),
    ],
)
def test_an_entry_is_added_to_whatever_the_list_looks_like(tmp_path: Path, text: str, before: int) -> None:
    project = Project(tmp_path, tmp_path, writable=True)
    path = tmp_path / "accepted.yaml"
    path.write_bytes(text.replace("OTHER", OTHER).encode())
    entry = Acceptance(fingerprint="12345678", owner="x", reason="y", until=date(2027, 1, 1))
    assert len(known_findings(project)) == before
    add(project, entry)
    assert len(known_findings(project)) == before + 1 and known_findings(project)[-1] == entry
    assert [each.name for each in tmp_path.iterdir()] == ["accepted.yaml"]


def test_a_list_that_cannot_be_added_to_stays_as_it_is(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path, writable=True)
    path = tmp_path / "accepted.yaml"
    path.write_text(f"accepted: [{OTHER}]\n", "utf-8")
    entry = Acceptance(fingerprint="12345678", owner="x", reason="y", until=date(2027, 1, 1))
    with pytest.raises(UsageError) as caught:
        add(project, entry)
    assert "- {fingerprint: " in caught.value.help and len(known_findings(project)) == 1


def test_everything_that_is_wrong_with_the_list_is_told(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path, writable=True)
    row = "{fingerprint: abcdef01, owner: x, reason: y, until: 2027-01-01}"
    (tmp_path / "accepted.yaml").write_text(f"accepted:\n  - {row}\n  - {row}\n", "utf-8")
    with pytest.raises(DocumentError) as caught:
        known_findings(project)
    assert [(p.line, p.message) for p in caught.value.problems] == [(3, "abcdef01 is accepted twice")]
    (tmp_path / "accepted.yaml").write_text("accepted:\n  - {fingerprint: XYZ, owner: '', until: soon}\n", "utf-8")
    with pytest.raises(DocumentError) as caught:
        known_findings(project)
    assert len(caught.value.problems) == 4
