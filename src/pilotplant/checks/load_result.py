"""What a run under load came to: the part of a result that its curves, histograms and shares are drawn from."""

import msgspec

WAITED = 0.2
"""Of a run. Measured on two processors, at 50 and at 400 arrivals a second: by itself the harness waits for a processor
for 1 to 7 % of the time, beside two busy processes for 15 to 36 %, beside six for 47 %. Who stands still for a fifth of
the time measures the queue at the processors as well, and a target on the same machine stands in it too."""
MACHINE_HELP = "end what else runs here, take more processors, or let other machines drive (--master)"


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
    job: str = ""
    """The operation whose accepted work took longest, and how long: from accepted to done, waiting included."""
    job_p50_s: float = 0.0
    job_p95_s: float = 0.0


class Used(msgspec.Struct, frozen=True):
    """What processes used while they were driven: processor seconds, and how many processors that is; -1: not known.

    `course` lists (seconds since the first sample, memory in bytes, handles). `waited_s` is how long their threads,
    added up, were ready and had no processor.
    """

    process: str
    cpu_s: float
    processors: float
    rss_max_bytes: int
    handles_max: int
    course: tuple[tuple[float, int, int], ...] = ()
    waited_s: float = -1.0
    waited: float = -1.0
    """The same as a share of the run."""


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
        """The same of the busiest of several that it consists of (`harness/estate`, `harness/erp`); -1 if not known."""
        return max((used.processors for used in self._parts(process)), default=-1.0)

    @property
    def kept_waiting(self) -> str:
        """That the machine kept harness or drivers waiting for a processor, if for so long that nothing is proven."""
        waited = [(used.waited, used.waited_s, who) for who in ("harness", "drivers") for used in self._parts(who)]
        share, seconds, who = max(waited, default=(-1.0, -1.0, ""))
        if share < WAITED:
            return ""
        return (
            f"this machine kept the {who} waiting for a processor for {100 * share:.0f} % of the run ({seconds:.1f} s)"
        )

    def _parts(self, process: str) -> list[Used]:
        parts = [used for used in self.used if used.process.startswith(f"{process}/")]
        return parts or [used for used in self.used if used.process == process]
