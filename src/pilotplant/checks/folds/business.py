"""What a run came to in the words of a plant: units that nobody needs, exceptions and how long people took, what waits
for whom, and how much each of it matters."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pilotplant.checks.case import Case
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.promises import EXCEPTION, Promises
from pilotplant.checks.folds.spread import Spread, milliseconds
from pilotplant.checks.result import Figure
from pilotplant.ledger.records import Commit, Compare, Loss

RESOLVED = "desk.exception.resolve"
PUBLISHED = "mes.routing.publish"
RAISED_MAX = 10_000
IMPACTS = ("high", "normal", "low")


class Business:
    """Collects as the records go by; of exceptions only those are kept that are open."""

    def __init__(self, case: Case, promises: Promises) -> None:
        self._case = case
        self._promises = promises
        self._lost: Counter[str] = Counter()
        self._raised: dict[str, float] = {}
        """Open exceptions, and when they were raised."""
        self._resolved = Spread()
        self._times_resolved = 0
        self._prior: Counter[str] = Counter()

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        return {
            Loss: (None, self.on_loss),
            Commit: (lambda named: named.name in (EXCEPTION, RESOLVED), self.on_exception),
            Compare: (lambda named: named.name == PUBLISHED, self.on_compare),
        }

    def on_loss(self, record: Loss) -> None:
        """Units were made that nobody needs."""
        self._lost[record.effect.split("|")[1]] += round(record.quantity)

    def on_exception(self, record: Commit) -> None:
        """An exception was raised, or resolved by a person."""
        if record.effect.startswith(EXCEPTION):
            if len(self._raised) < RAISED_MAX:
                self._raised.setdefault(record.effect, record.t)
            return
        for effect in record.undoes:
            if (raised := self._raised.pop(effect, None)) is not None:
                self._resolved.add(milliseconds(record.t - raised))
                self._times_resolved += 1

    def on_compare(self, record: Compare) -> None:
        """A plant makes an item in another revision than it should."""
        if record.difference:
            self._prior[record.effect.split("|")[1]] += 1

    def figures(self) -> Iterator[Figure]:
        """Everything that was counted."""
        title = "Units built to a superseded revision"
        yield Figure("units_superseded", title, float(sum(self._lost.values())), "")
        for plant, quantity in sorted(self._lost.items()):
            yield Figure("units_superseded", title, float(quantity), "", plant)
        for plant, count in sorted(self._prior.items()):
            yield Figure("items_on_prior_revision", "Items on a prior revision at a plant", float(count), "", plant)
        yield Figure("exceptions_open", "Exceptions that nobody has resolved", float(len(self._raised)), "")
        if self._times_resolved:
            for stat in ("p50", "p95", "max"):
                title = f"Exception: raised → resolved, {stat}"
                yield Figure(f"exception_resolution_{stat}", title, self._resolved.seconds(stat), "s")
        yield from self._waiting()

    def _waiting(self) -> Iterator[Figure]:
        waiting: Counter[str] = Counter()
        awaiting_erp: Counter[str] = Counter()
        for instance in self._promises.instances.values():
            missing = self._promises.missing(instance)
            if not missing:
                continue
            waiting[self._case.flows[instance.flow].criticality] += 1
            if self._of_change(instance) and any(promise.effect.startswith("erp.") for promise in missing):
                awaiting_erp[self._promises.plant(instance)] += 1
        title = "Changes that await the ERP"
        yield Figure("changes_awaiting_erp", title, float(sum(awaiting_erp.values())), "")
        for plant, count in sorted(awaiting_erp.items()):
            yield Figure("changes_awaiting_erp", title, float(count), "", plant)
        impacts = {flow.criticality for flow in self._case.flows}
        for impact in (each for each in IMPACTS if each in impacts):
            title = f"Not carried out, of {impact} business impact"
            yield Figure(f"unfinished_{impact}", title, float(waiting[impact]), "")

    def _of_change(self, instance: Instance) -> bool:
        return "plm.change.released" in self._case.flows[instance.flow].triggers
