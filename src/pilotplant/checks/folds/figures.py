"""The figures that the results report: how long changes and confirmations took, and how right the replicas are."""

from collections import Counter, defaultdict
from typing import Any

from pilotplant.checks.case import Case
from pilotplant.checks.folds.business import Business
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.intended import Intended
from pilotplant.checks.folds.promises import EXCEPTION, Promises
from pilotplant.checks.folds.sourcing import Sourcing
from pilotplant.checks.folds.spread import Spread, milliseconds
from pilotplant.checks.folds.waits import Waits
from pilotplant.checks.result import Counts, Figure
from pilotplant.ledger.records import (
    Commit,
    Compare,
    Deliver,
    Emit,
    FaultBitten,
    Heal,
    Obligation,
    Record,
    Reject,
    Request,
    Stimulus,
)
from pilotplant.model.short_hash import short_hash

_TITLES = {
    "engineering-change": ("change_propagation", "Engineering change: release → last plant step ready"),
    "production-confirmation": ("confirmation_to_stock", "Confirmation → stock booked"),
    "product-launch": ("product_launch", "Launch → released for production at a plant"),
    "order-dispatch": ("order_update", "Production order: released, or its start → with the MES"),
    "master-data": ("master_data_sync", "New part → known to a plant's ERP"),
    "plant-data": ("plant_data_sync", "Item changed in the ERP → known to the shop floor"),
    "stock-movement": ("movement_to_stock", "Stock movement → stock booked"),
    "inbound": ("asn_to_expected", "Goods announced → all that has to expect them does"),
    "goods-receipt": ("receipt_to_stock", "Goods received → booked"),
    "purchase-change": ("purchase_change", "Part on order superseded → order as agreed"),
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
POSTING = "erp.stock.post"


class Figures:
    """Collects as the records go by; histograms keep memory flat."""

    def __init__(self, case: Case, promises: Promises, intended: Intended) -> None:
        self.case = case
        self.promises = promises
        self._intended = intended
        self.bitten: Counter[str] = Counter()
        self.exceptions = 0
        self.business = Business(case, promises)
        self._flows = [flow.flow for flow in case.flows]
        self._histograms: dict[tuple[str, str], Spread] = defaultdict(Spread)
        self._steps: dict[tuple[str, str], Spread] = defaultdict(Spread)
        self._healed_at: float | None = None
        self._waits = Waits()
        self._recovered: dict[str, float] = {}
        self._compared: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._by_plant: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._sent: Counter[str] = Counter()
        self._stock: dict[str, dict[int, bool]] = defaultdict(dict)
        """By plant, whether all postings of an item and lot agree with what shop floor and warehouse reported."""
        self.sourcing = Sourcing()
        promises.on_finish.append(self._on_finish)

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        return {
            Commit: (lambda named: named.name in (EXCEPTION, "erp.bom.release"), self.on_commit),
            Compare: (None, self.on_compare),
            FaultBitten: (None, self.on_bitten),
            Heal: (None, self.on_heal),
            Reject: (None, self._waits.on_reject),
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
        if name == POSTING:
            _plant, _source, _movement, *stock = keys.split("|")
            of_plant, key = self._stock[plant], short_hash(tuple(stock))
            of_plant[key] = of_plant.get(key, True) and not record.difference

    def on_bitten(self, record: FaultBitten) -> None:
        """A fault really touched something."""
        self.bitten[record.fault] += 1

    def on_heal(self, record: Heal) -> None:
        """From here on, what is open is recovering."""
        self._healed_at = record.t
        self._waits.on_heal(record)

    def _on_finish(self, instance: Instance, t: float) -> None:
        flow, due = self._flows[instance.flow], instance.due - self._intended.lag(instance.trigger)
        took_ms = milliseconds(t - due)
        self._histograms[flow, ""].add(took_ms)
        self._histograms[flow, instance.plant].add(took_ms)
        if len(instance.steps) > 1:
            for step, progress in instance.steps.items():
                if progress.at is not None:
                    self._steps[flow, step].add(milliseconds(progress.at - due))
        healed_at = self._healed_at
        if healed_at is not None and due <= healed_at and self.bitten:
            self._recovered[flow] = max(self._waits.took_s(t), self._recovered.get(flow, 0.0))

    def counts(self, seen: dict[type[Record], int]) -> Counts:
        """How much happened."""
        named = {name: seen.get(kind, 0) for kind, name in _COUNTED.items()}
        return Counts(records=sum(seen.values()), **named)

    def seconds(self, metric: str, stat: str, plant: str = "") -> float | None:
        """A latency metric, of a flow or of suppliers, or nothing where nothing was measured."""
        if metric == "supplier_response":
            return self.sourcing.response_seconds(stat) if not plant else None
        for flow, (name, _title) in _TITLES.items():
            if name == metric:
                return _stat(self._histograms.get((flow, plant)), stat)
        return None

    def step_seconds(self, flow: str, step: str, stat: str) -> float | None:
        """How long a step of a flow took from the moment its clock started."""
        return _stat(self._steps.get((flow, step)) or self._histograms.get((flow, "")), stat)

    def recovery_seconds(self, flow: str) -> float | None:
        """How long after the faults were lifted the last instance that they had delayed was finished; nothing where
        no fault touched anything or nothing was open."""
        return self._recovered.get(flow)

    def all(self) -> tuple[Figure, ...]:
        """Everything that was measured."""
        figures: list[Figure] = []
        for (flow, plant), spread in sorted(self._histograms.items()):
            name, title = _TITLES.get(flow, (flow.replace("-", "_"), f"{flow}: trigger → last step"))
            for stat in _STATS:
                figures.append(Figure(f"{name}_{stat}", f"{title}, {stat}", spread.seconds(stat), "s", plant))
        for flow, took_s in sorted(self._recovered.items()):
            name, title = f"recovery_{flow.replace('-', '_')}", f"{flow}: recovered after the faults were lifted"
            figures.append(Figure(name, title, round(took_s, 3), "s"))
        figures.extend(self._accuracy("erp.bom.release", "bom_accuracy", "BOM synchronisation accuracy"))
        figures.extend(self._accuracy(POSTING, "inventory_reconciliation", "Stock booked as reported"))
        figures.extend(self._reconciled())
        figures.extend(self.sourcing.all())
        sent = len(self._sent)
        if sent:
            once = sum(times == 1 for times in self._sent.values())
            figures.append(Figure("bom_first_pass", "BOM right at the first attempt", 100 * once / sent, "%"))
        count, good = self._compared["mes.routing.publish"]
        prior = count - good
        figures.append(Figure("items_on_prior_revision", "Items on a prior revision at a plant", float(prior), ""))
        figures.extend(self._accuracy("mes.order.dispatch", "order_accuracy", "Orders at the shop floor as released"))
        figures.extend(self._accuracy("erp.item.upsert", "item_accuracy", "Items in the ERP as engineering has them"))
        figures.extend(self._accuracy("mes.item.upsert", "shop_item_accuracy", "Items at the shop floor as in the ERP"))
        figures.append(Figure("exceptions_raised", "Exceptions raised", float(self.exceptions), ""))
        figures.extend(self.business.figures())
        return tuple(figures)

    def _reconciled(self) -> list[Figure]:
        """Of how much of the stock that moved MES, WMS and ERP say the same: counted by plant, item and lot."""
        name, title = "stock_reconciled", "Items and lots of which MES, WMS and ERP say the same"
        every = [right for of_plant in self._stock.values() for right in of_plant.values()]
        if not every:
            return []
        shares = [("", every), *((plant, list(held.values())) for plant, held in sorted(self._stock.items()))]
        return [Figure(name, title, 100 * sum(right) / len(right), "%", plant) for plant, right in shares]

    def _accuracy(self, operation: str, name: str, title: str) -> list[Figure]:
        compared, good = self._compared[operation]
        if not compared:
            return []
        figures = [Figure(name, title, 100 * good / compared, "%")]
        for (other, plant), (seen, right) in sorted(self._by_plant.items()):
            if other == operation and seen:
                figures.append(Figure(name, title, 100 * right / seen, "%", plant))
        return figures


def _stat(spread: Spread | None, stat: str) -> float | None:
    return spread.seconds(stat) if spread is not None else None
