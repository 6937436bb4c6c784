"""Workers, and who is next: who came first, nothing that touches what is being worked on, urgent flows first."""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Protocol

import simpy

from pilotplant.drive.whatif.model import ModelSpec


class Work(Protocol):
    """Something that a worker can carry out."""

    @property
    def flow_name(self) -> str:
        """The flow that it belongs to."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """What it touches, and nobody else may meanwhile."""
        ...


@dataclass
class CrewFigures:
    """What the workers came to."""

    begun: int = 0
    waited_s: float = 0.0
    waited_s_max: float = 0.0
    busy_s: float = 0.0
    backlog_max: int = 0


Entry = tuple[int, int, float, Any]


class _Lane:
    """Workers of their own, and their queue."""

    __slots__ = ("busy", "queue", "workers")

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.busy = 0
        self.queue: list[Entry] = []


class Crews:
    """All workers of a model."""

    def __init__(self, env: simpy.Environment, spec: ModelSpec, begin: Callable[[Any], None]) -> None:
        self.figures = CrewFigures()
        self._env = env
        self._begin = begin
        self._by_key = spec.queue != "fifo"
        urgent = spec.priority if spec.queue == "priority" else []
        self._rank = {flow: rank for rank, flow in enumerate(urgent)}
        self._common = _Lane(spec.workers)
        self._lanes = {flow: _Lane(workers) for flow, workers in spec.lanes.items()}
        self._taken: set[str] = set()
        self._held: dict[str, list[tuple[_Lane, Entry]]] = {}
        self._since: dict[int, float] = {}
        self._added = 0
        self.waiting = 0
        self.busy = 0

    def add(self, work: Work) -> None:
        """Have this done when a worker is free."""
        lane = self._lane(work)
        self._added += 1
        self.waiting += 1
        figures = self.figures
        figures.backlog_max = max(figures.backlog_max, self.waiting)
        rank = self._rank.get(work.flow_name, len(self._rank))
        heappush(lane.queue, (rank, self._added, self._env.now, work))
        self._pump(lane)

    def done(self, work: Work) -> None:
        """The worker is free again, and so is what the work touched."""
        lane = self._lane(work)
        lane.busy -= 1
        self.busy -= 1
        self.figures.busy_s += self._env.now - self._since.pop(id(work))
        lanes = {id(lane): lane}
        if self._by_key:
            for key in work.keys:
                self._taken.discard(key)
                for held_lane, entry in self._held.pop(key, ()):
                    heappush(held_lane.queue, entry)
                    lanes[id(held_lane)] = held_lane
        for each in lanes.values():
            self._pump(each)

    def forget(self) -> None:
        """The middleware died: nobody works, nothing waits."""
        for lane in (self._common, *self._lanes.values()):
            lane.busy = 0
            lane.queue.clear()
        for since in self._since.values():
            self.figures.busy_s += self._env.now - since
        self._since.clear()
        self._taken.clear()
        self._held.clear()
        self.waiting = self.busy = 0

    @property
    def workers(self) -> int:
        """How many there are."""
        return self._common.workers + sum(lane.workers for lane in self._lanes.values())

    def _lane(self, work: Work) -> _Lane:
        return self._lanes.get(work.flow_name, self._common)

    def _pump(self, lane: _Lane) -> None:
        queue = lane.queue
        while queue and lane.busy < lane.workers:
            entry = heappop(queue)
            work = entry[3]
            if self._by_key and work.keys:
                in_the_way = next((key for key in work.keys if key in self._taken), None)
                if in_the_way is not None:
                    self._held.setdefault(in_the_way, []).append((lane, entry))
                    continue
                self._taken.update(work.keys)
            self._start(lane, entry)

    def _start(self, lane: _Lane, entry: Entry) -> None:
        now, figures, work = self._env.now, self.figures, entry[3]
        lane.busy += 1
        self.busy += 1
        self.waiting -= 1
        waited_s = now - entry[2]
        figures.begun += 1
        figures.waited_s += waited_s
        figures.waited_s_max = max(figures.waited_s_max, waited_s)
        self._since[id(work)] = now
        self._begin(work)
