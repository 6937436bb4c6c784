"""A model fitted to a middleware: from the ledger of a run, or from latencies that were measured; and how well it fits.

What is fitted: how long a piece of work takes to begin, and each of its steps to follow; how many calls are open at
once; pauses before repetitions. Systems are not fitted: their profiles say how they behave. After that the model runs
the same scenario, and what is left of the difference in the medians goes into the time to begin. How good the model is,
only a run tells that was not used.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
from pydantic import ValidationError

from pilotplant.checks.result import Result
from pilotplant.drive.whatif.model import ModelSpec, RetrySpec
from pilotplant.drive.whatif.times import TimeSpec, measured
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Deliver, Emit, Ending, Obligation, Request, ResponseEnd, ResponseFirst
from pilotplant.model.errors import LedgerError, UsageError
from pilotplant.resources import Project
from pilotplant.run.again import judge_again
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.identity import RunInfo
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import EstateSetup, Setup
from pilotplant.scenario.model import ScenarioSpec
from pilotplant.systems.estate import EstateSpec
from pilotplant.target.model import TargetSpec

SAMPLES_MIN = 3
NOTHING_S = 0.0005
"""Figures have milliseconds: less is none."""
_ROUNDS = 3
_FAR = 10.0
"""So many times the median is no time to begin any more, but a wait."""


Known = tuple[str, int]
"""An effect and its version."""


@dataclass
class Samples:
    """What was seen of a middleware in one or several runs, in seconds."""

    mapping: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By flow: from an event's delivery to the first call that it leads to."""
    handling: list[float] = field(default_factory=list)
    """From an answer, or a fact that was waited for, to the next call."""
    pauses: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By how often a call had failed: the pause before it was made again."""
    at_once: list[int] = field(default_factory=list)
    """Calls that one piece of work had open."""
    open_max: int = 1
    """Calls that were open at one system."""


@dataclass(frozen=True)
class Fit:
    """One figure of a run, and what the model says of it."""

    figure: str
    observed: float
    predicted: float
    run: str = ""
    """Whose figure it is."""

    @property
    def error(self) -> float:
        """The relative error. What was observed to take no time at all is met, or missed by any factor."""
        apart = abs(self.predicted - self.observed)
        if not self.observed:
            return inf if apart > NOTHING_S else 0.0
        return apart / self.observed


@dataclass(frozen=True)
class PastRun:
    """A run that a middleware made, from its directory."""

    directory: Path
    info: RunInfo
    setup: Setup
    result: Result


def past_run(directory: Path) -> PastRun:
    """Read a run and judge it again."""
    path = directory / "run.json"
    try:
        info = msgspec.json.decode(path.read_bytes(), type=RunInfo)
        told = info.configuration
        scenario = ScenarioSpec.model_validate(told["scenario"])
        estate = EstateSpec.model_validate(told["estate"])
        profiles = {name: ProfileSpec.model_validate(profile) for name, profile in told["profiles"].items()}
        flows = [FlowSpec.model_validate(flow) for flow in told["flows"]]
    except (OSError, KeyError, msgspec.MsgspecError, ValidationError) as error:
        raise LedgerError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if info.mode == "whatif":
        raise UsageError(f"{directory} is a run of a model", help="Calibrate with runs of the middleware itself.")
    return PastRun(directory, info, Setup(scenario, EstateSetup(estate, profiles), flows), judge_again(directory))


def runs_in(path: Path) -> list[Path]:
    """The run that a directory is, or those that it holds."""
    held = [] if (path / "run.json").is_file() else sorted(path.glob("*/run.json"))
    return [each.parent for each in held] or [path]


def same_run(one: PastRun, other: PastRun) -> bool:
    """Whether two directories hold the same run: one and the same, a copy, or the seed again on a virtual clock."""
    if one.directory.resolve() == other.directory.resolve():
        return True
    if (one.info.run, one.info.started) == (other.info.run, other.info.started):
        return True
    again = one.info.mode == other.info.mode == "inprocess" and one.info.seed == other.info.seed
    return again and one.info.configuration == other.info.configuration and one.info.target == other.info.target


class _Reader:
    """Goes through a ledger and gathers samples."""

    def __init__(self, ledger: Ledger, samples: Samples) -> None:
        self._ledger = ledger
        self._samples = samples
        self._requested: dict[int, Request] = {}
        self._answered: dict[int, float] = {}
        self._told: dict[int, float] = {}
        self._promised: dict[Known, Obligation] = {}
        self._emitted: dict[int, Known] = {}
        self._known: dict[Known, float] = {}
        self._calls: dict[str, list[int]] = defaultdict(list)
        self._failed: dict[tuple[int, int], tuple[int, float]] = {}
        self._open: dict[int, int] = defaultdict(int)

    def read(self) -> None:
        """Everything."""
        for record in self._ledger:
            match record:
                case Obligation():
                    self._promised.setdefault((record.effect, record.version), record)
                case Emit():
                    self._emitted[record.seq] = (record.effect, record.version)
                case Deliver() if not record.bent:
                    self._told.setdefault(record.emit, record.t)
                    if record.emit in self._emitted:
                        self._known.setdefault(self._emitted[record.emit], record.t)
                case Request():
                    self._note_request(record)
                case Commit() if record.exchange in self._requested:
                    self._note_commit(record)
                case ResponseFirst():
                    self._answered[record.exchange] = record.t
                    self._note_outcome(record.exchange, record.status, record.t)
                case ResponseEnd():
                    self._open[record.system] -= 1
                    if record.ending is not Ending.SENT and record.ending != Ending.SENT:
                        self._note_outcome(record.exchange, 0, record.t)
        for calls in self._calls.values():
            self._note_calls(sorted(set(calls)))

    def _note_request(self, record: Request) -> None:
        self._requested[record.seq] = record
        self._open[record.system] += 1
        self._samples.open_max = max(self._samples.open_max, self._open[record.system])
        failed = self._failed.get((record.operation, record.fingerprint)) if record.fingerprint else None
        if failed is not None:
            times, since = failed
            self._samples.pauses[times].append(record.t - since)

    def _note_outcome(self, exchange: int, status: int, t: float) -> None:
        record = self._requested.get(exchange)
        if record is None or not record.fingerprint:
            return
        name = (record.operation, record.fingerprint)
        if status == 0 or status == 429 or status >= 500:
            self._failed[name] = (self._failed.get(name, (0, 0.0))[0] + 1, t)
        else:
            self._failed.pop(name, None)

    def _note_commit(self, record: Commit) -> None:
        promise = self._promised.get((record.effect, record.version))
        if promise is None:
            return
        calls = self._calls[f"{promise.flow}|{promise.instance}"]
        sent = self._requested[record.exchange].t
        if not calls and promise.trigger in self._told:
            flow = self._ledger.header.flows[promise.flow]
            self._samples.mapping[flow].append(max(0.0, sent - max(self._told[promise.trigger], promise.due)))
        waited = [self._known.get((effect, version)) for _step, effect, version in promise.after]
        known = [moment for moment in waited if moment is not None]
        if waited and len(known) == len(waited) and max(known) <= sent:
            self._samples.handling.append(sent - max(known))
        self._known.setdefault((record.effect, record.version), record.t)
        calls.append(record.exchange)

    def _note_calls(self, exchanges: list[int]) -> None:
        """How many calls of one piece of work were open at once."""
        spans = [(self._requested[e].t, self._answered.get(e, self._requested[e].t)) for e in exchanges]
        most = max(sum(begin <= start <= end for begin, end in spans) for start, _end in spans)
        self._samples.at_once.append(most)


def sampled(runs: Iterable[PastRun]) -> Samples:
    """What these runs show."""
    samples = Samples()
    for past in runs:
        _Reader(Ledger(past.directory), samples).read()
    return samples


def fitted(samples: Samples) -> ModelSpec:
    """The model that these samples speak for; what they say nothing of keeps its default."""
    told: dict[str, object] = {"concurrency": max(1, samples.open_max)}
    mappings = {flow: measured(_typical(seen)) for flow, seen in samples.mapping.items() if len(seen) >= SAMPLES_MIN}
    if not mappings:
        raise UsageError("these runs show too little to fit a model", help="Use a run with a dozen changes or more.")
    told["mappings"] = mappings
    if len(samples.handling) >= SAMPLES_MIN:
        told["handling"] = measured(_typical(samples.handling))
    if samples.at_once:
        told["at_once"] = max(samples.at_once)
    if retry := _retry(samples):
        told["retry"] = retry
    return ModelSpec.model_validate(told)


def _typical(seen: list[float]) -> list[float]:
    """Without those that are far longer than most: they waited for something else, such as an earlier change."""
    longest = _FAR * median(seen)
    return [value for value in seen if value <= longest] or seen


def _retry(samples: Samples) -> RetrySpec | None:
    """Pauses before repetitions, as far as there were any."""
    first = samples.pauses.get(1, [])
    if len(first) < SAMPLES_MIN:
        return None
    begin = max(1e-3, median(first))
    second = samples.pauses.get(2, [])
    factor = max(1.0, median(second) / begin) if len(second) >= SAMPLES_MIN else 2.0
    longest = max(max(pauses) for pauses in samples.pauses.values())
    told = {"first": _whole(begin)}
    if factor < 1.2:
        return RetrySpec.model_validate({"kind": "fixed", **told})
    cap = max(told["first"], _whole(longest))
    return RetrySpec.model_validate({**told, "factor": round(min(factor, 100.0), 2), "cap": cap})


def _whole(pause_s: float) -> float:
    """The pause that one is drawn from: half of it is drawn, by default, so that it is three quarters on average."""
    return round(pause_s / 0.75, 4)


def calibrated(project: Project, runs: list[PastRun]) -> tuple[ModelSpec, list[Fit]]:
    """The model for these runs, and how far it is from each of them."""
    model = fitted(sampled(runs))
    for _ in range(_ROUNDS):
        model = _shifted(model, _compared(project, runs, model))
    return model, _compared(project, runs, model)


def _compared(project: Project, runs: list[PastRun], model: ModelSpec) -> list[Fit]:
    return [fit for past in runs for fit in compared(project, past, model)]


_MEDIANS = {"change_propagation_p50": "engineering-change", "confirmation_to_stock_p50": "production-confirmation"}


def _shifted(model: ModelSpec, fits: list[Fit]) -> ModelSpec:
    """The time to begin takes up what is left of the difference in the medians."""
    mappings = dict(model.mappings)
    for figure, flow in _MEDIANS.items():
        left_s = [fit.observed - fit.predicted for fit in fits if fit.figure == figure]
        if left_s and flow in mappings:
            shift_s = median(left_s)
            shifted = [max(0.0, round(value + shift_s, 6)) for value in mappings[flow].quantiles]
            mappings[flow] = TimeSpec(kind="measured", quantiles=shifted)
    return model.model_copy(update={"mappings": mappings})


def unmatched(past: PastRun, fits: Iterable[Fit]) -> list[str]:
    """Medians of a run of which the model, that did the same, has none."""
    compared_ = {fit.figure for fit in fits if fit.run == past.info.run}
    return [name for name in _observed(past) if name.endswith("_p50") and name not in compared_]


def _observed(past: PastRun) -> dict[str, float]:
    figures = (figure for figure in past.result.figures if not figure.plant and figure.unit == "s")
    return {figure.name: figure.value for figure in figures if figure.name.endswith(("_p50", "_p95"))}


def compared(project: Project, past: PastRun, model: ModelSpec) -> list[Fit]:
    """The figures of a run, and what the model makes of the same scenario and seed."""
    with TemporaryDirectory(prefix="pilotplant-calibrate-") as folder:
        target = TargetSpec(target="model", model=model)
        scenario = past.setup.scenario.model_copy(update={"model": None, "modes": []})
        setup = Setup(scenario, past.setup.setup, past.setup.flows)
        request = RunRequest(project, setup, target, past.info.seed, only_null_target, "whatif", directory=Path(folder))
        predicted = {f.name: f.value for f in run(request).result.figures if not f.plant}
    observed = _observed(past)
    return [Fit(name, observed[name], predicted[name], past.info.run) for name in observed if name in predicted]
