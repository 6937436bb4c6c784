"""Whether processes leak: their memory and handles after a warm-up, compared early and late in a long run.

Medians of the first and the last third are compared, so that one garbage collection proves nothing. The harness really
holds what was committed; it is held to so many bytes for each fact.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from pilotplant.checks.load_result import Soak
from pilotplant.checks.result import ThresholdResult
from pilotplant.ledger.records import Sample
from pilotplant.model.verdict import Verdict

SAMPLES_MIN = 12
"""With fewer after the warm-up nothing can be said."""
BYTES_PER_FACT = 400
_NOT_SEEN = "there were too few samples, or none: only a target that was started here can be watched"
_MB = 1024 * 1024


def leaks(soak: Soak, samples: Mapping[str, Sequence[Sample]], facts: int) -> tuple[ThresholdResult, ...]:
    """What the samples say, as thresholds."""
    target = _after(soak, samples.get("target", ()))
    harness = _after(soak, samples.get("harness", ()))
    allowed_mb = soak.growth_max_mb + facts * BYTES_PER_FACT / _MB
    return (
        _judged("harness: memory", "MB", _growth([s.rss_bytes / _MB for s in harness]), allowed_mb),
        _judged("target: memory", "MB", _growth([s.rss_bytes / _MB for s in target]), soak.growth_max_mb),
        _judged("target: handles", "handles", _growth([float(s.handles) for s in target]), float(soak.handles_max)),
    )


def _after(soak: Soak, samples: Sequence[Sample]) -> Sequence[Sample]:
    if not samples:
        return ()
    start = samples[0].t + soak.warm_up * (samples[-1].t - samples[0].t)
    return [sample for sample in samples if sample.t >= start]


def _growth(values: Sequence[float]) -> float | None:
    """By how much the last third lies above the first; nothing where too little was seen."""
    if len(values) < SAMPLES_MIN or min(values) < 0:
        return None
    third = len(values) // 3
    return median(values[-third:]) - median(values[:third])


def _judged(what: str, unit: str, growth: float | None, allowed: float) -> ThresholdResult:
    expression = f"soak: {what} grows by less than {allowed:.0f} {unit} after the warm-up"
    if growth is None:
        return ThresholdResult(expression, None, Verdict.UNKNOWN, _NOT_SEEN)
    verdict = Verdict.PASS if growth < allowed else Verdict.FAIL
    return ThresholdResult(expression, round(growth, 2), verdict, f"it grew by {growth:.1f} {unit}")
