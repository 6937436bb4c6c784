"""How the flows stand while the estate works: what was triggered, what is finished, how long it took.

For whoever watches a run: the progress line and Locust's statistics. What counts in the end is read from the ledger.
An instance that was overtaken or refused stays open here, since only the judge knows why it need not happen.
"""

from collections import deque
from typing import NamedTuple

from pilotplant.ledger.records import Obligation
from pilotplant.systems.estate import Estate

KEPT = 20_000
"""Finished instances that are kept for those who ask from time to time."""


class Done(NamedTuple):
    """A flow instance that was finished: which one since the start, of what, when, and how long it took."""

    number: int
    flow: str
    at_s: float
    took_ms: float


class _Instance:
    __slots__ = ("flow", "left", "since_s")

    def __init__(self, flow: str, since_s: float) -> None:
        self.flow = flow
        self.since_s = since_s
        self.left = 0


class _Promise:
    __slots__ = ("instance", "kept")

    def __init__(self, instance: _Instance) -> None:
        self.instance = instance
        self.kept = False


class Tracker:
    """Listens to promises and effects."""

    def __init__(self, estate: Estate) -> None:
        self._world = estate.world
        self._open: dict[str, list[_Promise]] = {}
        self.intended_s: float | None = None
        """The moment for which what happens right now was intended; nothing if nobody had intended it."""
        self.triggered = 0
        self.finished = 0
        self.recent: deque[Done] = deque(maxlen=KEPT)
        for system in estate:
            system.witnesses.append(self.saw)

    @property
    def open(self) -> int:
        """Instances that are not finished."""
        return self.triggered - self.finished

    def since(self, number: int) -> list[Done]:
        """What was finished after the instance of that number."""
        missing = min(max(0, self.finished - number), len(self.recent))
        return [self.recent[position - missing] for position in range(missing)]

    def promised(self, flow: str, promises: list[Obligation]) -> None:
        """A trigger has fired."""
        instances: dict[str, _Instance] = {}
        now = float(self._world.env.now)
        lag = now - self.intended_s if self.intended_s is not None else 0.0
        for promise in promises:
            instance = instances.get(promise.instance)
            if instance is None:
                instance = instances[promise.instance] = _Instance(flow, promise.due - lag)
            if promise.must:
                instance.left += 1
                waiting = _Promise(instance)
                for effect in (promise.effect, *promise.accept):
                    self._open.setdefault(effect, []).append(waiting)
        self.triggered += sum(instance.left > 0 for instance in instances.values())

    def saw(self, effect: str) -> None:
        """An effect came about."""
        for promise in self._open.pop(effect, ()):
            if promise.kept:
                continue  # by something that is accepted as well
            promise.kept = True
            instance = promise.instance
            instance.left -= 1
            if not instance.left:
                self.finished += 1
                now = float(self._world.env.now)
                self.recent.append(Done(self.finished, instance.flow, now, 1000 * max(0.0, now - instance.since_s)))
