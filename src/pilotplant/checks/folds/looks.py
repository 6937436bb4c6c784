"""Lists that the target looks at for what nobody tells it, and what it has overlooked there.

A row that a list showed, to somebody who looked at that list again and again, was there to be seen: a page that was not
asked for, a point in time that was moved on too far. Whoever looked only a few times may still come to it.
"""

from collections import defaultdict, deque
from typing import Any

from pilotplant.checks.case import Case
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Emit, Ending, Read, Request, ResponseEnd, ResponseFirst

LOOKS_MIN = 4
"""So often somebody has to have looked in vain."""
APART_S = 0.5
"""Requests that follow each other sooner are pages of one look."""
_KEPT = 64

_List = tuple[int, int]
"""A system and a list operation."""


class Looks:
    """Follows the requests for lists that have told of triggers."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._triggers = {trigger for flow in case.flows for trigger in flow.triggers}
        self._telling: dict[str, set[_List]] = defaultdict(set)
        """By trigger, the lists in which the target has found some."""
        self._open: dict[int, Request] = {}
        self._bad: set[int] = set()
        self._looks: dict[_List, deque[Request]] = defaultdict(lambda: deque(maxlen=_KEPT))
        """The last request of each of the last looks."""

    def handlers(self) -> dict[Any, Any]:
        """What it looks at."""
        lists = {f"{kind_of(trigger)}." for trigger in self._triggers}

        def may_list(named: Named) -> bool:
            return named.query and ".list" in named.name and any(named.name.startswith(kind) for kind in lists)

        return {
            Request: (may_list, self.on_request),
            Read: (may_list, self.on_read),
            ResponseFirst: (None, self.on_first),
            ResponseEnd: (None, self.on_end),
        }

    def on_request(self, record: Request) -> None:
        """Somebody asks for a page."""
        self._open[record.seq] = record

    def on_read(self, record: Read) -> None:
        """Found: the list tells of such facts, and the target reads it."""
        for effect, _version in record.revealed:
            name = effect.partition("|")[0]
            if name in self._triggers:
                self._telling[name].add((record.system, record.operation))

    def on_first(self, record: ResponseFirst) -> None:
        """An answer that shows nothing is no look."""
        if record.status >= 400 and record.exchange in self._open:
            self._bad.add(record.exchange)

    def on_end(self, record: ResponseEnd) -> None:
        """A page was read."""
        request = self._open.pop(record.exchange, None)
        if request is None:
            return
        bad = record.exchange in self._bad
        self._bad.discard(record.exchange)
        if bad or record.ending != Ending.SENT:
            return
        looks = self._looks[request.system, request.operation]
        if looks and request.t - looks[-1].t < APART_S:
            looks.pop()
        looks.append(request)

    def overlooked(self, trigger: Emit) -> list[Request]:
        """The looks in which a trigger could have been found, if they are enough to say so."""
        shown_at = trigger.t + self._case.header.shown_within_s(trigger.system)
        found: list[Request] = []
        for system, operation in self._telling.get(self._case.operation(trigger.operation), ()):
            if system == trigger.system:
                # The last one may have been under way when the run ended.
                found += [each for each in list(self._looks[system, operation])[:-1] if each.t > shown_at + APART_S]
        return found if len(found) >= LOOKS_MIN else []


def kind_of(name: str) -> str:
    """The kind of system to which an operation or event belongs."""
    return name.partition(".")[0]
