"""Defects of launches, orders and master data: each in the scenario that it names; the reference passes there."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.applications import Starlette

from pilotplant.checks.finding import Severity
from pilotplant.model.verdict import Verdict
from pilotplant.reference.defects import find
from pilotplant.reference.parts import Parts
from tests.different.built import Transport, built
from tests.different.running import ran

SEED = 1


def accused(name: str, scenario: str, directory: Path, parts: Parts) -> tuple[Verdict, dict[str, str]]:
    """The verdict on a middleware of these parts, and the first thing that each check finds."""

    def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
        return built(environment, work, transport, parts)

    create.__module__ = f"tests.{name.replace('_', '-')}"
    result = ran(create, scenario, SEED, directory).result
    found: dict[str, str] = {}
    for finding in result.findings:
        if finding.severity is Severity.FAIL:
            found.setdefault(finding.check, finding.sentence)
    return result.verdict, found


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("d01_releases_a_launch_too_early", "before anybody had been told of work instructions"),
        ("d01_opens_the_gate_alone", "received production release of PRD-000002"),
        ("d05_older_row_overwrites_newer", "which overwrote a newer revision"),
        ("d07_dispatches_the_revision_of_today", "revision is F, intended is H"),
        ("d07_keeps_open_orders", "revision is B, intended is C"),
        ("d43_lot_of_another_unit", "lot_size is 2.0, 24.0 is meant"),
        ("d46_loses_leading_zeros", "`item` was `900000001`, `000000000900000001` expected"),
    ],
)
def test_its_check_says_what_is_wrong(name: str, says: str, tmp_path: Path) -> None:
    defect = find(name)
    verdict, found = accused(name, defect.scenario, tmp_path / "run", defect.parts)
    assert verdict is Verdict.FAIL
    assert says in found[defect.check]


@pytest.mark.parametrize("scenario", ["multi-plant-launch", "order-dispatch", "master-data-drift"])
def test_the_reference_is_not_accused(scenario: str, tmp_path: Path) -> None:
    assert accused("reference", scenario, tmp_path / "run", Parts()) == (Verdict.PASS, {})
