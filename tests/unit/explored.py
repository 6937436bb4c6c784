"""Scenarios and outcomes for the tests of exploring, without any run."""

from pilotplant.checks.finding import Doubt, Finding, Severity
from pilotplant.checks.result import Counts, Result
from pilotplant.model.verdict import Verdict
from pilotplant.scenario.model import ScenarioSpec, StimulusSpec

SCENARIO = ScenarioSpec.model_validate(
    {
        "scenario": "storm",
        "about": "Changes and confirmations, some answers lost.",
        "estate": "three-plants",
        "stimuli": [
            {"do": "plm.change.release", "count": 8, "over": "4s", "with": {"again": 0.2, "affected_median": 2}},
            {"do": "mes.order.complete", "rate": "4/s", "for": "4s"},
            {"do": "plm.change.cancel", "at": "3s"},
        ],
        "faults": [
            {"fault": "response-lost", "match": {"operation": "erp.stock.post"}, "probability": 0.3},
            {"fault": "latency", "delay_s": 0.25, "window": {"from_s": 1, "to_s": 2}},
        ],
        "flows": ["engineering-change", "production-confirmation"],
        "thresholds": ["facts.doubled == 0"],
        "quiescence": {"quiet": "500ms"},
    }
)


def short_storm(occurrences: int) -> ScenarioSpec:
    """An unfolded scenario with so many orders that are finished, half a second after each other."""
    stimuli = [
        StimulusSpec(do="mes.order.complete", at=0.123 + 0.5 * number, key=f"0.{number}")
        for number in range(occurrences)
    ]
    return SCENARIO.model_copy(update={"stimuli": stimuli})


def result_with(*findings: Finding, doubts: tuple[Doubt, ...] = ()) -> Result:
    """What a run with these findings comes to."""
    return Result(
        scenario="storm",
        about="",
        target="reference",
        mode="live",
        seed=0,
        verdict=Verdict.FAIL if findings else Verdict.UNKNOWN if doubts else Verdict.PASS,
        exit=1 if findings else 0,
        summary="",
        started="",
        duration_s=0,
        counts=Counts(),
        checks=(),
        findings=findings,
        doubts=doubts,
        thresholds=(),
        figures=(),
        board=(),
        faults=(),
        untested=(),
        notes=(),
        data_digest="",
        stimuli_digest="",
        repro="pilotplant run storm",
    )


def finding(check: str, step: str = "receipt", severity: Severity = Severity.FAIL) -> Finding:
    """A violation."""
    return Finding(check, f"{check} was broken.", (), step=step, severity=severity)
