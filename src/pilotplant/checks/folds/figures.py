"""The figures that the results report: how long changes and confirmations took, and how right the replicas are."""

from collections import Counter, defaultdict
from typing import Any

from hdrh.histogram import HdrHistogram

from pilotplant.checks.case import Case
from pilotplant.checks.folds.promises import EXCEPTION, Instance, Promises
from pilotplant.checks.result import Counts, Figure
from pilotplant.ledger.records import (
    Commit,
    Compare,
    Deliver,
    Emit,
    FaultBitten,
    Obligation,
    Record,
    Reject,
    Request,
    Stimulus,
)

_TITLES = {
    "engineering-change": ("change_propagation", "Engineering change: release → last plant step ready"),
    "production-confirmation": ("confirmation_to_stock", "Confirmation → stock booked"),
}
_COUNTED: dict[type[Record], str] = {
    Stimulus: "stimuli",
    Request: "exchanges",
    Commit: "commits",
    Reject: "refusals",
    Emit: "events",
    Deliver: "deliveries",
    Obligation: "obligations",
}
_STATS = ("p50", "p95", "max")
_MAX_MS = 24 * 3600 * 1000


class Figures:
    """Collects as the records go by; histograms keep memory flat."""

    def __init__(self, case: Case, promises: Promises) -> None:
        self.case = case
        self.promises = promises
        self.bitten: Counter[str] = Counter()
        self.exceptions = 0
        self._histograms: dict[tuple[str, str], HdrHistogram] = {}
        self._steps: dict[tuple[str, str], HdrHistogram] = {}
        self._compared: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._by_plant: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._sent: Counter[str] = Counter()
        self._first_pass = [0, 0]
        promises.on_finish.append(self._on_finish)

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        return {
            Commit: (lambda named: named.name in (EXCEPTION, "erp.bom.release"), self.on_commit),
            Compare: (None, self.on_compare),
            FaultBitten: (None, self.on_bitten),
        }

    def on_commit(self, record: Commit) -> None:
        """Exceptions, and how often a structure was sent."""
        if record.effect.startswith(EXCEPTION):
            self.exceptions += bool(record.exchange)
        else:
            self._sent[f"{record.effect}|{record.version}"] += 1

    def on_compare(self, record: Compare) -> None:
        """How right the replicas are."""
        name, _, keys = record.effect.partition("|")
        plant = keys.partition("|")[0]
        for tally in (self._compared[name], self._by_plant[name, plant]):
            tally[0] += 1
            tally[1] += not record.difference

    def on_bitten(self, record: FaultBitten) -> None:
        """A fault really touched something."""
        self.bitten[record.fault] += 1

    def _on_finish(self, instance: Instance, t: float) -> None:
        flow = self.case.flows[instance.flow].flow
        self._record(self._histograms, (flow, ""), t - instance.due)
        self._record(self._histograms, (flow, instance.plant), t - instance.due)
        if len(instance.steps) > 1:
            for step, progress in instance.steps.items():
                if progress.at is not None:
                    self._record(self._steps, (flow, step), progress.at - instance.due)

    def _record(self, where: dict[tuple[str, str], HdrHistogram], key: tuple[str, str], took_s: float) -> None:
        histogram = where.get(key)
        if histogram is None:
            histogram = where[key] = HdrHistogram(1, _MAX_MS, 3)
        histogram.record_value(min(_MAX_MS, max(1, round(took_s * 1000))))

    def counts(self, seen: dict[type[Record], int]) -> Counts:
        """How much happened."""
        named = {name: seen.get(kind, 0) for kind, name in _COUNTED.items()}
        return Counts(records=sum(seen.values()), **named)

    def seconds(self, metric: str, stat: str, plant: str = "") -> float | None:
        """A latency metric of a flow, or nothing where nothing was measured."""
        for flow, (name, _title) in _TITLES.items():
            if name == metric:
                return _stat(self._histograms.get((flow, plant)), stat)
        return None

    def step_seconds(self, flow: str, step: str, stat: str) -> float | None:
        """How long a step of a flow took from the moment its clock started."""
        return _stat(self._steps.get((flow, step)) or self._histograms.get((flow, "")), stat)

    def all(self) -> tuple[Figure, ...]:
        """Everything that was measured."""
        figures: list[Figure] = []
        for (flow, plant), histogram in sorted(self._histograms.items()):
            name, title = _TITLES.get(flow, (flow.replace("-", "_"), f"{flow}: trigger → last step"))
            for stat in _STATS:
                value = _stat(histogram, stat)
                assert value is not None
                figures.append(Figure(f"{name}_{stat}", f"{title}, {stat}", value, "s", plant))
        figures.extend(self._accuracy("erp.bom.release", "bom_accuracy", "BOM synchronisation accuracy"))
        figures.extend(self._accuracy("erp.stock.post", "inventory_reconciliation", "Stock booked as reported"))
        sent = len(self._sent)
        if sent:
            once = sum(times == 1 for times in self._sent.values())
            figures.append(Figure("bom_first_pass", "BOM right at the first attempt", 100 * once / sent, "%"))
        count, good = self._compared["mes.routing.publish"]
        prior = count - good
        figures.append(Figure("items_on_prior_revision", "Items on a prior revision at a plant", float(prior), ""))
        figures.append(Figure("exceptions_raised", "Exceptions raised", float(self.exceptions), ""))
        return tuple(figures)

    def _accuracy(self, operation: str, name: str, title: str) -> list[Figure]:
        compared, good = self._compared[operation]
        if not compared:
            return []
        figures = [Figure(name, title, 100 * good / compared, "%")]
        for (other, plant), (seen, right) in sorted(self._by_plant.items()):
            if other == operation and seen:
                figures.append(Figure(name, title, 100 * right / seen, "%", plant))
        return figures


def _stat(histogram: HdrHistogram | None, stat: str) -> float | None:
    if histogram is None or not histogram.get_total_count():
        return None
    if stat == "max":
        return float(histogram.get_max_value()) / 1000
    if stat == "avg":
        return float(histogram.get_mean_value()) / 1000
    percentile = 50.0 if stat == "med" else float(stat[1:])
    return float(histogram.get_value_at_percentile(percentile)) / 1000
