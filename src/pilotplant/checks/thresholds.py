"""Judges thresholds against what was measured."""

from pilotplant.checks.folds.figures import Figures
from pilotplant.checks.result import ThresholdResult
from pilotplant.model.threshold import COUNTS, LATENCIES, Threshold
from pilotplant.model.verdict import Verdict

COUNTED_BY = {"facts.lost": "completeness", "facts.doubled": "once"}
"""The check that counts a metric. One that could not decide has not counted nothing."""

_COMPARE = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def judge(threshold: Threshold, figures: Figures, counted: dict[str, float]) -> ThresholdResult:
    """Whether a threshold was kept; unknown where nothing was measured."""
    value = _measured(threshold, figures, counted)
    if value is None:
        counting = COUNTED_BY.get(threshold.metric)
        sentence = (
            f"{counting} could not decide everything, so {threshold.metric} is not known"
            if counting
            else f"nothing was measured for {threshold.metric}"
        )
        return ThresholdResult(threshold.expression, None, Verdict.UNKNOWN, sentence)
    kept = _COMPARE[threshold.operator](value, threshold.value)
    shown = f"{value:.3f} s" if threshold.metric in LATENCIES else f"{value:g}"
    return ThresholdResult(
        threshold.expression, value, Verdict.PASS if kept else Verdict.FAIL, f"{threshold.metric} is {shown}"
    )


def _measured(threshold: Threshold, figures: Figures, counted: dict[str, float]) -> float | None:
    if threshold.metric in LATENCIES:
        return figures.seconds(threshold.metric, threshold.stat, threshold.plant)
    if threshold.metric in COUNTS:
        return counted.get(threshold.metric)
    for figure in figures.all():
        if figure.name == threshold.metric and figure.plant == threshold.plant:
            return figure.value
    return None
