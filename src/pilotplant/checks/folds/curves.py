"""A run under load, over time: what arrived, what was finished, what was open, what was refused, and who used how much.

Latencies count from the moment that was intended for an arrival, not from when it was told: a driver or a simulator
that falls behind cannot hide what it left waiting. Percentiles come from one histogram over the whole run; they are
never averaged.
"""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from pilotplant.checks.case import Case
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.intended import Intended
from pilotplant.checks.folds.level import Level
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.folds.spread import Spread, milliseconds
from pilotplant.checks.load_result import Curve, Histogram, LoadResult, SystemLoad, Used
from pilotplant.ledger.records import (
    Ack,
    Commit,
    Deliver,
    Driven,
    Emit,
    Obligation,
    Reject,
    Request,
    ResponseEnd,
    Sample,
    Stimulus,
)

POINTS_MAX = 600
"""A curve of a long run is coarser."""
_STEP_S = 0.25
LATE_S = 0.5
"""A harness that is so late proves nothing of whoever waits for it."""
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


class _Open(NamedTuple):
    since_s: float
    system: int


class Curves:
    """Collects as the records go by. Memory: a number for each quarter of a second, and what is open.

    What is open counts in instances, begun and finished: one trigger may begin several, of a plant each, or none.
    """

    def __init__(self, case: Case, promises: Promises, intended: Intended) -> None:
        self._case = case
        self._intended = intended
        self.driven: Driven | None = None
        self._triggers = {trigger for flow in case.flows for trigger in flow.triggers}
        self._arrived: Counter[int] = Counter()
        self._begun: Counter[int] = Counter()
        self._unfinished: set[tuple[int, str]] = set()
        self._finished: Counter[int] = Counter()
        self._refused: dict[str, Counter[int]] = defaultdict(Counter)
        self._latencies: dict[int, Spread] = {}
        self._lag = Spread()
        self._delivery = Spread()
        self._emitted: dict[int, float] = {}
        self._samples: dict[str, list[Sample]] = defaultdict(list)
        self._open: dict[int, _Open] = {}
        self._being_answered: dict[int, Level] = defaultdict(Level)
        self._at_work: dict[int, Level] = defaultdict(Level)
        self._busy_s: Counter[int] = Counter()
        self._asked: Counter[int] = Counter()
        self._limited: Counter[int] = Counter()
        self._jobs: dict[str, Commit] = {}
        self._last_job: dict[int, Commit] = {}
        """By system: what is announced at once, perhaps under another name, never was a job."""
        self._took: dict[tuple[int, int], Spread] = {}
        """How long jobs took, by system and operation."""
        self._began_t = self._ended_t = 0.0
        """When the first and the last of what arrived were told."""
        self._first_s: float | None = None
        self._last_s = 0.0
        promises.on_finish.append(self._on_finish)

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        triggers = self._triggers
        names = {named.name for named in self._case.header.operations if not named.event}
        events = {named.name for named in self._case.header.operations if named.event}
        return {
            Stimulus: (None, self.on_stimulus),
            Obligation: (None, self.on_obligation),
            Emit: (lambda named: named.name in triggers or named.name.removesuffix("d") in names, self.on_emit),
            Deliver: (None, self.on_deliver),
            Ack: (None, self.on_ack),
            Request: (None, self.on_request),
            ResponseEnd: (None, self.on_response),
            Reject: (None, self.on_reject),
            Commit: (lambda named: f"{named.name}d" in events, self.on_job),
            Sample: (None, self.on_sample),
            Driven: (None, self.on_driven),
        }

    def on_stimulus(self, record: Stimulus) -> None:
        """Something happened, perhaps later than intended."""
        first = self._first_s is None
        self._ended_t = record.t
        for level in (*self._being_answered.values(), *self._at_work.values()):
            level.mark(record.t, first=first)
        if record.part:
            return  # of something that has arrived
        if self._first_s is None:
            self._first_s, self._began_t = record.planned, record.t
        self._last_s = max(self._last_s, record.planned)
        self._arrived[int(record.planned / _STEP_S)] += 1
        self._lag.add(milliseconds(record.t - record.planned))

    def on_obligation(self, record: Obligation) -> None:
        """An instance begins with the first promise that has to be kept."""
        key = record.flow, record.instance
        if record.must and key not in self._unfinished:
            self._unfinished.add(key)
            self._begun[int(record.t / _STEP_S)] += 1

    def on_emit(self, record: Emit) -> None:
        """A flow was triggered, or a job is done: by convention `activate` is accepted, and later it is `activated`."""
        name, _, keys = record.effect.partition("|")
        job = f"{name.removesuffix('d')}|{keys}"
        last = self._last_job.get(record.system)
        if last is not None and last.seq == record.cause:
            job = last.effect
        accepted = self._jobs.pop(job, None)
        if accepted is not None:
            self._at_work[record.system].step(-1, record.t)
            if record.t > accepted.t:
                self._note_job(accepted, record.t)
        if name in self._triggers:
            self._emitted[record.seq] = record.t

    def _note_job(self, accepted: Commit, t: float) -> None:
        key = accepted.system, accepted.operation
        spread = self._took.get(key)
        if spread is None:
            spread = self._took[key] = Spread()
        spread.add(milliseconds(t - accepted.t))

    def on_job(self, record: Commit) -> None:
        """Work was accepted that is announced when it is done."""
        self._last_job[record.system] = record
        if record.effect not in self._jobs:
            self._jobs[record.effect] = record
            self._at_work[record.system].step(1, record.t)

    def on_deliver(self, record: Deliver) -> None:
        """The first attempt shows how long an event waited for a connection to the target."""
        since_s = self._emitted.pop(record.emit, None)
        if since_s is not None:
            self._delivery.add(milliseconds(record.t - since_s))

    def on_ack(self, record: Ack) -> None:
        """A target that does not take an event is one that limits, too."""
        if record.status in (429, 503):
            self._refused["target"][int(record.t / _STEP_S)] += 1

    def on_request(self, record: Request) -> None:
        """Somebody asks a system."""
        system = record.system
        self._open[record.seq] = _Open(record.t, system)
        self._asked[system] += 1
        self._being_answered[system].step(1, record.t)

    def on_response(self, record: ResponseEnd) -> None:
        """And is answered."""
        opened = self._open.pop(record.exchange, None)
        if opened is not None:
            self._busy_s[opened.system] += record.t - opened.since_s  # type: ignore[assignment]
            self._being_answered[opened.system].step(-1, record.t)

    def on_reject(self, record: Reject) -> None:
        """Limits show as refusals."""
        if record.status == 429 or record.code == "rate-limited":
            self._limited[record.system] += 1
            self._refused[self._case.system(record.system)][int(record.t / _STEP_S)] += 1

    def on_sample(self, record: Sample) -> None:
        """What a process had used."""
        self._samples[record.process].append(record)

    def on_driven(self, record: Driven) -> None:
        """The drivers have ended."""
        self.driven = record

    def _on_finish(self, instance: Instance, t: float) -> None:
        self._unfinished.discard((instance.flow, instance.name))
        self._finished[int(t / _STEP_S)] += 1
        spread = self._latencies.get(instance.flow)
        if spread is None:
            spread = self._latencies[instance.flow] = Spread()
        spread.add(milliseconds(t - instance.due + self._intended.lag(instance.trigger)))

    @property
    def late(self) -> str:
        """How late the harness itself told arrivals, where that is too late to say anything of a target."""
        if not self._lag.count or self._lag.at(99.0) < LATE_S:
            return ""
        return f"one arrival of a hundred was told {self._lag.at(99.0):.2f} s after its moment, or later"

    @property
    def samples(self) -> dict[str, list[Sample]]:
        """What processes had used, in order."""
        return self._samples

    def result(self, begun: int) -> LoadResult | None:
        """What it came to; nothing if nobody drove from outside. `begun`: how many instances there were."""
        if self.driven is None or self._first_s is None:
            return None
        first = int(self._first_s / _STEP_S)
        last = max((*self._arrived, *self._finished), default=first)
        arrived = sum(self._arrived.values())
        # From the first to the last there is one gap fewer than there are arrivals.
        window_s = max((self._last_s - self._first_s) * arrived / max(arrived - 1, 1), _STEP_S)
        return LoadResult(
            planned=self.driven.planned,
            happened=self.driven.happened,
            impossible=self.driven.impossible,
            undriven="" if self.driven.target_died else self.driven.note,
            target_died=self.driven.note if self.driven.target_died else "",
            window_s=round(window_s, 3),
            arrivals_per_s=round(arrived / window_s, 3),
            begun=begun,
            finished=sum(self._finished.values()),
            finished_in_window_per_s=round(self._within(first) / window_s, 3),
            drained_s=round(max(0.0, (max(self._finished, default=first) + 1) * _STEP_S - self._last_s), 3),
            latencies=tuple(
                _histogram(self._case.flows[flow].flow, spread) for flow, spread in sorted(self._latencies.items())
            ),
            lag=_histogram("told after its moment", self._lag),
            delivery=_histogram("stated, until its first byte left", self._delivery),
            curves=tuple(self._curves(first, last)),
            systems=tuple(self._systems()),
            used=tuple(
                _used(name, samples, self._first_s, self._last_s) for name, samples in sorted(self._samples.items())
            ),
        )

    def _within(self, first: int) -> int:
        """How much was finished while it still arrived."""
        last = int(self._last_s / _STEP_S)
        return sum(times for slot, times in self._finished.items() if first <= slot <= last)

    def _curves(self, first: int, last: int) -> list[Curve]:
        each = max(1, -(-(last - first + 1) // POINTS_MAX))
        slots = range(first, last + 1, each)
        step_s = each * _STEP_S

        def rates(counted: Counter[int]) -> tuple[float, ...]:
            return tuple(round(sum(counted[slot + more] for more in range(each)) / step_s, 3) for slot in slots)

        waiting, backlog = 0, []
        for slot in slots:
            for more in range(each):
                waiting += self._begun[slot + more] - self._finished[slot + more]
            backlog.append(float(waiting))
        curves = [
            Curve("arrivals", "1/s", step_s, rates(self._arrived)),
            Curve("finished", "1/s", step_s, rates(self._finished)),
            Curve("open", "", step_s, tuple(backlog)),
        ]
        refused = sorted(self._refused.items())
        return curves + [Curve(f"refused: {who}", "1/s", step_s, rates(counted)) for who, counted in refused]

    def _systems(self) -> list[SystemLoad]:
        """What piled up after the last arrival is the drain's: means are those of the time in which it arrived."""
        span_s = max(self._ended_t - self._began_t, _STEP_S)
        return [
            SystemLoad(
                self._case.header.systems[system],
                asked,
                self._limited[system],
                self._being_answered[system].most,
                round(self._being_answered[system].mean(span_s), 3),
                round(1000 * self._busy_s[system] / asked, 3),
                round(self._at_work[system].mean(span_s), 3),
                *self._longest_job(system),
            )
            for system, asked in sorted(self._asked.items())
        ]

    def _longest_job(self, system: int) -> tuple[str, float, float]:
        """The operation whose jobs take longest there, with p50 and p95."""
        operations = self._case.header.operations
        took = [(spread.at(95.0), spread.at(50.0), job) for (at, job), spread in self._took.items() if at == system]
        p95_s, p50_s, job = max(took, default=(0.0, 0.0, -1))
        return (operations[job].name, p50_s, p95_s) if p95_s else ("", 0.0, 0.0)


def _histogram(name: str, spread: Spread) -> Histogram:
    return Histogram(
        name,
        spread.count,
        tuple((percentile, spread.at(percentile)) for percentile in PERCENTILES),
        spread.seconds("max") if spread.count else 0.0,
        spread.buckets(),
    )


def _used(name: str, samples: list[Sample], since_s: float, until_s: float) -> Used:
    """Processor time counts while it arrives; before and after, processes start and wait."""
    within = [sample for sample in samples if since_s - 0.5 <= sample.t <= until_s + 0.5]
    first, last = (within[0], within[-1]) if len(within) > 1 else (samples[0], samples[-1])
    wall_s = max(last.t - first.t, 1e-9)
    cpu_s = last.cpu_s - first.cpu_s if first.cpu_s >= 0 else -1.0
    # A thread that has ended waits no more: what all have waited for together may have become less.
    waited_s = max(0.0, last.waited_s - first.waited_s) if first.waited_s >= 0 else -1.0
    each = max(1, -(-len(samples) // POINTS_MAX))
    return Used(
        name,
        round(cpu_s, 3),
        round(cpu_s / wall_s, 4) if cpu_s >= 0 else -1.0,
        max(sample.rss_bytes for sample in samples),
        max(sample.handles for sample in samples),
        tuple((round(s.t - first.t, 2), s.rss_bytes, s.handles) for s in samples[::each]),
        round(waited_s, 3),
        round(waited_s / wall_s, 4) if waited_s >= 0 else -1.0,
    )
