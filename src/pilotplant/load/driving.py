"""Drives the sources of an estate from outside: hands out what is to happen, lets it happen when it is told to, and
notes what never did.

The plan stands in this process; drivers (processes of Locust) claim slices of it shortly before their moments, wait
for each moment, and then say so. What was intended is therefore known whatever becomes of a driver: one that is late
shows as late, and one that dies leaves gaps that the verdict names.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pilotplant.ledger.records import Driven, Sample
from pilotplant.load.drivers import Drivers
from pilotplant.load.model import LoadSpec
from pilotplant.load.plan import Plan
from pilotplant.load.samples import NOTHING_KNOWN, GroupUsage, Usage, each_own, own
from pilotplant.load.tracking import Tracker
from pilotplant.model.errors import InternalError, UsageError
from pilotplant.model.instants import WireSeconds
from pilotplant.run.course import Acted
from pilotplant.run.preparation import Prepared
from pilotplant.run.request import Progress
from pilotplant.run.stage import Stage
from pilotplant.run.stimulation import Occurrence, Stimulation

SLICE_S = 0.1
"""A driver claims at most this much of the plan at once, so that the others get their share."""
AHEAD_S = 0.6
"""How long before its moments a slice can be claimed."""
EARLY_MAX_S = 0.2
"""A driver whose clock is further ahead is not believed."""
_LOOK_EVERY_S = 0.05
_SAMPLE_EVERY_S = 0.5
_AFTERMATH_S = 0.3
_OVERDUE_S = 5.0
"""So long after the last moment drivers may still be late; what comes after that never happened."""
_READY_S = 60.0


@dataclass(frozen=True)
class Claim:
    """What a driver is given: the estate's now, and what to let happen when. `over`: there is nothing more."""

    now_s: float
    over: bool
    started: bool
    occurrences: list[tuple[int, float]]


class Driving:
    """One run's load. `act` is what happens in place of a scenario's stimuli."""

    def __init__(
        self, profile: LoadSpec, plan: Plan, drivers: Drivers, on_progress: Callable[[Progress], None]
    ) -> None:
        self._profile = profile
        self._plan = plan
        self._drivers = drivers
        self._on_progress = on_progress
        self._prepared: Prepared | None = None
        self._stimulation: Stimulation | None = None
        self.tracker: Tracker | None = None
        self._next = 0
        self._fired: set[int] = set()
        self._seen: set[str] = set()
        self._origin_s: float | None = None
        self._over = False
        self._target_died = False
        self._target_group, self._driver_group = GroupUsage(), GroupUsage()
        self._driver_groups: defaultdict[int, GroupUsage] = defaultdict(GroupUsage)

    async def act(self, prepared: Prepared, stage: Stage) -> Acted:
        """Start the drivers, let everything happen, and end them."""
        self._prepared = prepared
        self.tracker = Tracker(prepared.estate)
        prepared.expander.witnesses.append(self.tracker.promised)
        stimulation = Stimulation(self._profile.arrivals, prepared.estate, self._plan.occurrences)
        self._stimulation = stimulation
        sampling = asyncio.create_task(self._sample(prepared, stage))
        note = ""
        try:
            self._on_progress(Progress("starting the drivers"))
            await self._drivers.start(prepared.host.url)
            await self._until_ready(prepared)
            prepared.world.advance()
            self._origin_s = stimulation.origin = prepared.world.env.now + AHEAD_S
            note = await self._drive(prepared, stage)
            await asyncio.sleep(_AFTERMATH_S)
        finally:
            self._over = True
            sampling.cancel()
            self._write_samples(prepared, stage)
            await self._drivers.stop()
            prepared.world.advance()
            happened, planned = len(self._fired), len(self._plan.occurrences)
            ended = (planned, happened, note, stimulation.impossible, self._target_died)
            prepared.ledger.write(Driven, prepared.world.env.now, *ended)
        return Acted(self._plan.digest, [*stimulation.skipped[:100], *([note] if note else [])])

    def claim(self, driver: str) -> Claim:
        """The next slice of the plan for a driver."""
        prepared = self._prepared
        if prepared is None:
            return Claim(0.0, False, False, [])
        self._seen.add(driver)
        prepared.world.advance()
        now_s = float(prepared.world.env.now)
        if self._over:
            return Claim(now_s, True, True, [])
        if self._origin_s is None:
            return Claim(now_s, False, False, [])
        return Claim(now_s, self._next >= len(self._plan.occurrences), True, self._slice(now_s))

    def _slice(self, now_s: float) -> list[tuple[int, float]]:
        assert self._origin_s is not None
        found: list[tuple[int, float]] = []
        occurrences, last_s = self._plan.occurrences, now_s + AHEAD_S
        while self._next < len(occurrences):
            moment_s = self._origin_s + occurrences[self._next].moment
            if moment_s > last_s or (found and moment_s > found[0][1] + SLICE_S):
                break
            found.append((self._next, moment_s))
            self._next += 1
        return found

    def fire(self, numbers: list[int]) -> int:
        """Let these occurrences happen now. One that happened before does not happen again: drivers may repeat."""
        prepared, stimulation, tracker = self._prepared, self._stimulation, self.tracker
        if prepared is None or stimulation is None or tracker is None or self._origin_s is None or self._over:
            return 0
        done = 0
        for number in numbers:
            if number in self._fired or not 0 <= number < len(self._plan.occurrences):
                continue
            prepared.world.advance()
            occurrence = self._plan.occurrences[number]
            early_s = self._origin_s + occurrence.moment - float(prepared.world.env.now)
            if early_s > EARLY_MAX_S:
                continue
            self._fired.add(number)
            happen = partial(self._happen, prepared, stimulation, tracker, occurrence)
            if early_s > 0:  # the driver's clock is a little fast: nothing happens before its moment
                prepared.world.later(WireSeconds(early_s), happen)
            else:
                happen()
            done += 1
        return done

    def _happen(self, prepared: Prepared, stimulation: Stimulation, tracker: Tracker, occurrence: Occurrence) -> None:
        tracker.intended_s = stimulation.origin + occurrence.moment
        try:
            stimulation.occur(occurrence)
        except Exception as error:  # the driver would only be told that something went wrong
            prepared.host.fail(error)
        finally:
            tracker.intended_s = None

    async def _until_ready(self, prepared: Prepared) -> None:
        """Wait until every driver has asked for work."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_S
        while len(self._seen) < self._drivers.expected:
            if ended := self._drivers.ended():
                raise UsageError(f"the load drivers did not start: {ended}", help=self._drivers.last_words())
            if loop.time() > deadline:
                missing = self._drivers.expected - len(self._seen)
                raise UsageError(
                    f"{missing} load driver(s) did not come within {_READY_S:.0f} s", help=self._drivers.last_words()
                )
            _raise_failure(prepared)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _drive(self, prepared: Prepared, stage: Stage) -> str:
        """Watch until everything has happened; else why not."""
        assert self._origin_s is not None and self.tracker is not None
        total = len(self._plan.occurrences)
        deadline_s = self._origin_s + self._plan.length_s + _OVERDUE_S
        lost = ""
        while len(self._fired) < total:
            _raise_failure(prepared)
            told = f"{self.tracker.finished} flows finished, {self.tracker.open} open"
            self._on_progress(Progress("driving", len(self._fired), total, told))
            await asyncio.sleep(_LOOK_EVERY_S)
            prepared.world.advance()
            if died := stage.died():
                self._target_died = True
                return died
            if prepared.host.gone:
                return prepared.host.gone
            lost = lost or self._drivers.ended()
            if lost and not self._drivers.alive:
                return lost
            if prepared.world.env.now > deadline_s:
                return lost or f"the drivers were more than {_OVERDUE_S:.0f} s late"
        return lost

    async def _sample(self, prepared: Prepared, stage: Stage) -> None:
        while True:
            self._write_samples(prepared, stage)
            await asyncio.sleep(_SAMPLE_EVERY_S)

    def _write_samples(self, prepared: Prepared, stage: Stage) -> None:
        """Note what harness, target and drivers have used. Sampling costs the harness; it is part of its share."""
        prepared.world.advance()
        self._write_sample(prepared, "harness", own(prepared.host.processes.values()))
        for name, usage in each_own(prepared.host.processes).items():
            self._write_sample(prepared, f"harness/{name}", usage)
        if processes := stage.target_processes:
            self._write_sample(prepared, "target", self._target_group.usage(processes))
        drivers = self._drivers.processes
        if drivers:
            self._write_sample(prepared, "drivers", self._driver_group.usage(drivers))
        for number, driver in enumerate(drivers if len(drivers) > 1 else ()):
            self._write_sample(prepared, f"drivers/{number}", self._driver_groups[driver].usage([driver]))

    def _write_sample(self, prepared: Prepared, process: str, usage: Usage) -> None:
        if usage is not NOTHING_KNOWN:
            prepared.ledger.write(Sample, prepared.world.env.now, process, *usage)


def _raise_failure(prepared: Prepared) -> None:
    error = prepared.host.failure
    if error is not None:
        raise InternalError(f"a simulator failed: {type(error).__name__}: {error}") from error
