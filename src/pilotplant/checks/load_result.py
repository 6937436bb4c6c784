"""What a run under load came to: the part of a result that its curves, histograms and shares are drawn from."""

import msgspec


class Soak(msgspec.Struct, frozen=True):
    """What a long run is held to: after the first share of it memory and handles may grow by so much."""

    warm_up: float = 0.3
    growth_max_mb: float = 32.0
    handles_max: int = 50


class LoadTerms(msgspec.Struct, frozen=True):
    """That a run was under load, and what it is held to besides its flows."""

    soak: Soak | None = None


class Curve(msgspec.Struct, frozen=True):
    """A quantity over time, from the first intended moment on, a value for each step."""

    name: str
    unit: str
    step_s: float
    values: tuple[float, ...]


class Histogram(msgspec.Struct, frozen=True):
    """Durations in seconds: how many, percentiles, the longest, and (upper end, count) of buckets."""

    name: str
    count: int
    percentiles: tuple[tuple[float, float], ...]
    max_s: float
    buckets: tuple[tuple[float, int], ...]

    def at(self, percentile: float) -> float:
        """The duration at one of the percentiles that are told; 0 if nothing was measured."""
        return dict(self.percentiles).get(percentile, 0.0)


class SystemLoad(msgspec.Struct, frozen=True):
    """What a system was asked. `open_mean` is how many requests were open at it on average."""

    system: str
    exchanges: int
    limited: int
    open_max: int
    open_mean: float
    answer_ms_mean: float
    jobs_mean: float = 0.0
    """Accepted work that had not been finished, on average."""


class Used(msgspec.Struct, frozen=True):
    """What processes used while they were driven: processor seconds, and how many processors that is; -1: not known.

    `course` lists (seconds since the first sample, memory in bytes, handles).
    """

    process: str
    cpu_s: float
    processors: float
    rss_max_bytes: int
    handles_max: int
    course: tuple[tuple[float, int, int], ...] = ()


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """A run under load. `drained_s`: how long after the last arrival the last instance was finished."""

    planned: int
    happened: int
    window_s: float
    arrivals_per_s: float
    begun: int
    finished: int
    finished_in_window_per_s: float
    drained_s: float
    latencies: tuple[Histogram, ...]
    lag: Histogram
    delivery: Histogram
    curves: tuple[Curve, ...]
    systems: tuple[SystemLoad, ...]
    used: tuple[Used, ...]
    impossible: int = 0
    """How many of those that happened came to nothing: there was nothing to do, or the system of record refused."""
    undriven: str = ""
    """What became of the drivers or of the harness before their time."""
    target_died: str = ""
    """How the target ended by itself while it arrived."""

    def curve(self, name: str) -> tuple[float, ...]:
        """A curve by name; empty where there is none."""
        return next((curve.values for curve in self.curves if curve.name == name), ())

    def share(self, process: str) -> float:
        """How many processors a process used; -1 where that is not known."""
        return next((used.processors for used in self.used if used.process == process), -1.0)

    def busiest(self, process: str) -> float:
        """The same of the busiest of several that it consists of (`harness/0`, `harness/1`); -1 if not known."""
        parts = [used.processors for used in self.used if used.process.startswith(f"{process}/")]
        return max(parts, default=self.share(process))
