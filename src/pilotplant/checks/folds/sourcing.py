"""Figures of purchasing: how soon suppliers answer, which notices failed, which announcements were noted right."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pilotplant.checks.folds.spread import Spread, milliseconds
from pilotplant.checks.result import Figure
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Commit, Compare, Emit, Obligation

NOTICE, ASN = "supplier.po.change_notice", "erp.asn.create"
ANSWERS = ("supplier.po.acknowledged", "supplier.po.rejected")


class Sourcing:
    """Follows notices from the promise to the answer; what is answered is forgotten."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}
        """Notices that are promised and not given yet, with their plant."""
        self._told: dict[str, tuple[float, str]] = {}
        """Notices that are given and not answered yet: when, and the plant."""
        self._answered = 0
        self._response = Spread()
        self._doubled: set[str] = set()
        """Announcements that became two deliveries."""
        self._announced: Counter[str] = Counter()
        self._right: Counter[str] = Counter()

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""

        def notice(named: Named) -> bool:
            return named.name == NOTICE

        return {
            Obligation: (notice, self.on_obligation),
            Commit: (lambda named: named.name in (NOTICE, ASN), self.on_commit),
            Emit: (lambda named: named.name in ANSWERS, self.on_emit),
            Compare: (lambda named: named.name == ASN, self.on_compare),
        }

    def on_obligation(self, record: Obligation) -> None:
        """A supplier has to be told."""
        if record.must and record.effect not in self._told:
            self._asked[record.effect] = record.plant

    def on_commit(self, record: Commit) -> None:
        """A supplier was told, or announced goods were noted."""
        if record.effect.startswith(NOTICE):
            self._told[record.effect] = (record.t, self._asked.pop(record.effect, ""))
        elif record.repeat_of:
            self._doubled.add(record.effect)

    def on_emit(self, record: Emit) -> None:
        """A supplier answers."""
        told = self._told.pop(f"{NOTICE}|{record.effect.partition('|')[2]}", None)
        if told is not None:
            self._answered += 1
            self._response.add(milliseconds(record.t - told[0]))

    def on_compare(self, record: Compare) -> None:
        """At rest, what was noted of an announcement is right or not."""
        for plant in ("", record.effect.split("|")[1]):
            self._announced[plant] += 1
            self._right[plant] += not record.difference and record.effect not in self._doubled

    def response_seconds(self, stat: str) -> float | None:
        """How soon suppliers answered; nothing where none did."""
        return self._response.seconds(stat) if self._answered else None

    def all(self) -> Iterator[Figure]:
        """Everything that was measured."""
        for stat in ("p50", "p95", "max") if self._answered else ():
            value = self._response.seconds(stat)
            yield Figure(f"supplier_response_{stat}", f"Supplier response time, {stat}", value, "s")
        for plant, times in sorted(self._announced.items()):
            yield Figure(
                "asn_success", "Goods announced, and noted once and right", 100 * self._right[plant] / times, "%", plant
            )
        for plant, times in sorted(Counter(self._asked.values()).items()):
            yield Figure("notices_failed", "Change notices that never got to their supplier", float(times), "", plant)
        for plant, times in sorted(Counter(plant for _since, plant in self._told.values()).items()):
            yield Figure("notices_unanswered", "Change notices that were never answered", float(times), "", plant)
