"""Durations in a histogram with three digits (HDR): memory stays flat, and percentiles are those of all of them."""

from collections import Counter

from hdrh.histogram import HdrHistogram

_MAX_MS = 31 * 24 * 3600 * 1000
_RECENT_MAX = 4096


class Spread:
    """Durations in milliseconds. A histogram keeps memory flat; feeding it equal durations at once keeps it fast."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _MAX_MS, 3)
        self._recent: Counter[int] = Counter()
        self.count = 0

    def add(self, duration_ms: int) -> None:
        """Take in a duration."""
        self.count += 1
        self._recent[duration_ms] += 1
        if len(self._recent) > _RECENT_MAX:
            self._settle()

    def _settle(self) -> None:
        for duration_ms, times in self._recent.items():
            self._histogram.record_value(duration_ms, times)
        self._recent.clear()

    def seconds(self, stat: str) -> float:
        """A statistic: `p95`, `med`, `avg` or `max`."""
        self._settle()
        histogram = self._histogram
        if stat == "max":
            return float(histogram.get_max_value()) / 1000
        if stat == "avg":
            return float(histogram.get_mean_value()) / 1000
        return self.at(50.0 if stat == "med" else float(stat[1:]))

    def at(self, percentile: float) -> float:
        """The duration that so many percent do not exceed."""
        self._settle()
        return float(self._histogram.get_value_at_percentile(percentile)) / 1000

    def buckets(self) -> tuple[tuple[float, int], ...]:
        """How many durations lie in buckets that double: (upper end in seconds, how many), as far as there are any."""
        self._settle()
        counted: Counter[int] = Counter()
        for step in self._histogram.get_recorded_iterator():
            counted[max(0, int(step.value_iterated_to) - 1).bit_length()] += int(step.count_added_in_this_iter_step)
        if not counted:
            return ()
        return tuple((2**power / 1000, counted[power]) for power in range(min(counted), max(counted) + 1))


def milliseconds(duration_s: float) -> int:
    """A duration as a histogram takes it."""
    return min(_MAX_MS, max(1, round(duration_s * 1000)))
