"""The defects as a collection: complete, found by their folder, each told in one file and one test."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from pilotplant.reference.defects import UnknownDefect, defects, find
from pilotplant.reference.flows import flows
from pilotplant.reference.parts import Parts

NOT_PLANTED: dict[int, str] = {}
"""Classes that cannot exist in the present estate."""

CHECKS = {
    "sequencing",
    "once",
    "convergence",
    "completeness",
    "atomicity",
    "manners",
    "recovery",
    "data",
    "traceability",
    "security",
    "thresholds",
}


def test_every_class_of_defect_is_planted_or_cannot_exist_here() -> None:
    """A class may be planted several times: the same mistake in another flow is another file."""
    planted = {defect.number for defect in defects().values()}
    assert sorted([*planted, *NOT_PLANTED]) == list(range(1, 61))


@pytest.mark.parametrize("name", defects())
def test_a_defect_says_what_it_is(name: str) -> None:
    defect = find(name)
    assert name.startswith(f"d{defect.number:02d}_")
    assert defect.about.endswith(".")
    assert "\n" not in defect.about
    assert defect.name
    assert defect.check in CHECKS
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", defect.scenario)


@pytest.mark.parametrize("name", defects())
def test_a_defect_replaces_one_policy_by_a_variation_of_it(name: str) -> None:
    parts, original = find(name).parts, Parts()
    replaced = [part.name for part in fields(Parts) if getattr(parts, part.name) is not getattr(original, part.name)]
    assert 1 <= len(replaced) <= 2
    policies = (part for part in replaced if part != "flows")
    assert all(issubclass(getattr(parts, part), getattr(original, part)) for part in policies)
    shipped = {flow.kind: flow for flow in flows(())}
    assert all(issubclass(flow, shipped[flow.kind]) for flow in parts.flows)


def test_every_defect_is_shown_by_a_test() -> None:
    told = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_defects_*.py"))
    assert [name for name in defects() if f'"{name}"' not in told] == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("d10_repeats_after_timeuot", "did you mean d10_repeats_after_timeout?"),
        ("d10", "did you mean d10_repeats_after_timeout?"),
        ("nonsense", "see --list-defects"),
        ("", "see --list-defects"),
    ],
)
def test_a_name_that_is_none_is_answered_with_what_may_have_been_meant(given: str, says: str) -> None:
    with pytest.raises(UnknownDefect, match=re.escape(says)):
        find(given)
