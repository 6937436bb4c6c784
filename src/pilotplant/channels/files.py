"""The `file` channel: events are collected, written to a file, and left in a folder until the target fetches it.

What can be known of a file: that it stands there complete; and that the target has it, once it has removed it, renamed
it or moved it away, which is how it says so. Whoever takes away a file that is not complete says so as well.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from pilotplant.channels.cloudevents import Outgoing
from pilotplant.channels.sheets import sheet
from pilotplant.dataset.marking import MARK
from pilotplant.exchange.dropping import FileSpec
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.world import World
from pilotplant.ledger.records import Ack, Deliver, FaultBitten
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.instants import BusinessSeconds
from pilotplant.model.script import (
    FILE,
    Delay,
    Hold,
    Place,
    PlaceBesides,
    PlacePart,
    Script,
    Step,
    Strike,
    Striking,
)
from pilotplant.systems.system import System

PART = ".part"
DONE = ".done"
LOCK = ".lock"
LOOK_EVERY_S = 0.05
PATIENCE_S = 5.0
"""A file that nobody has fetched for so long keeps nobody waiting any more."""
_FETCHED = "fetched"


class FileDrop:
    """The drops of one system."""

    def __init__(
        self,
        system: System,
        spec: FileSpec,
        folder: Path,
        *,
        world: World,
        ledger: LedgerWriter,
        faults: FaultPlan,
        hold: Callable[[float], Awaitable[None]],
        strike: Striking,
        fail: Callable[[BaseException], None],
        keeps: bool = False,
        lasts: bool = False,
    ) -> None:
        """`keeps`: what was fetched, for a target that may lose everything. `lasts`: the folder outlives the run."""
        self.folder = folder
        self._system = system
        self._spec = spec
        self._world = world
        self._ledger = ledger
        self._faults = faults
        self._hold = hold
        self._strike = strike
        self._fail = fail
        self._collected: list[Outgoing] = []
        self._attempts: dict[int, int] = {}
        self._files = 0
        self._under_way = 0
        self._standing: dict[Path, float] = {}
        """Files that stand in the folder, and since when."""
        self._kept: dict[int, list[Outgoing]] | None = {} if keeps else None
        """What was fetched, by the first event of each file, for a target that may lose everything."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled = False
        plant = system.state.dataset.plants[system.plants[0]]
        self._zone = ZoneInfo(plant.time_zone)
        self._decimal_comma = plant.decimal_comma
        self._lasts = lasts
        folder.mkdir(parents=True, exist_ok=True)
        if lasts:
            self._clear()

    @property
    def pending(self) -> int:
        """Events that are collected, or in files that the target may still be about to fetch."""
        now = self._world.env.now
        waiting = sum(now - since < PATIENCE_S for since in self._standing.values())
        return len(self._collected) + self._under_way + waiting

    def send(self, event: Outgoing) -> None:
        """Take charge of an event."""
        self._collected.append(event)
        if not (self._spec.every or self._spec.at):
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._world.later_business(BusinessSeconds(self._until_next_s()), self._on_time)

    def flush(self) -> None:
        """Drop what is collected, now: as the last batch of a run comes when its plants have stopped."""
        if self._collected:
            events, self._collected = self._collected, []
            self._under_way += 1
            self._start(self._drop(events))

    def send_again(self) -> None:
        """Write everything once more that was fetched, as whoever runs the transfer does when it is asked to."""
        kept, self._kept = self._kept or {}, {}
        for events in kept.values():
            self._under_way += 1
            self._start(self._drop(events))

    async def close(self) -> None:
        """Stop writing and watching."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._lasts:
            self._clear()

    def _clear(self) -> None:
        """Take away what was dropped here, in this run or an earlier one, and nobody has fetched: its time is over.
        What has another name is the target's own."""
        stem = re.escape(self._system.name.replace("@", "-"))
        ends = "|".join(map(re.escape, (PART, DONE, LOCK)))
        ours = re.compile(rf"{stem}-({MARK.pattern})?\d{{6,}}\.(csv|xml)({ends})?")
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if ours.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)

    def _on_time(self) -> None:
        self._scheduled = False
        self.flush()

    def _until_next_s(self) -> float:
        """Business seconds until the next batch is due."""
        business = self._world.now().business
        if self._spec.at is None:
            return self._spec.every - business % self._spec.every
        local = datetime.fromtimestamp(business, UTC).astimezone(self._zone)
        hour, minute = map(int, self._spec.at.split(":"))
        due = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if due <= local:
            due += timedelta(days=1)
        return due.timestamp() - business

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._safely(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _safely(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # the folder cannot be written to: the run cannot go on
            self._fail(error)

    # --- one file ----------------------------------------------------------------------------------------------------

    async def _drop(self, events: list[Outgoing]) -> None:
        """Write a file, as the faults will have it, and watch it until it is fetched."""
        try:
            content = sheet(self._spec.format, [event.body for event in events], decimal_comma=self._decimal_comma)
            path, first = self._next_path(), events[0]
            script: Script = FILE
            if self._faults.active:
                script = self._faults.bend(FILE, first.type, first.system, first.keys, self._world.env.now)
            done = False
            for step in script:
                done = await self._step(step, path, content, events, begun=done) or done
        finally:
            self._under_way -= 1

    async def _step(self, step: Step, path: Path, content: bytes, events: list[Outgoing], *, begun: bool) -> bool:
        """Perform a step; whether the file has been seen by its reader already."""
        match step:
            case Delay() | Hold():
                self._bite(step.fault, events)
                until = self._world.env.now + step.seconds if isinstance(step, Delay) else step.until
                await self._hold(until)
            case Strike():
                await self._strike(step, partial(self._bite, step.fault, events))
            case PlaceBesides():
                await self._place_besides(step, content, events)
            case PlacePart():
                return await self._place_part(step, path, content, events)
            case Place():
                self._finish(path, content, events, begun=begun)
            case _:
                raise AssertionError(f"a file knows no step {step}")
        return False

    def _finish(self, path: Path, content: bytes, events: list[Outgoing], *, begun: bool) -> None:
        """The file is complete, and says so."""
        if begun and not path.exists():
            return  # its reader took it away before it was complete, and has said that it has it
        if not begun:
            self._note_delivery(events)
        if begun or self._spec.finish == "marker":
            path.write_bytes(content)
        else:
            part = _beside(path, PART)
            part.write_bytes(content)
            part.replace(path)
        if self._spec.finish == "marker":
            _beside(path, DONE).touch()
        _beside(path, LOCK).unlink(missing_ok=True)
        if not begun:
            self._stands(path, events)

    async def _place_part(self, step: PlacePart, path: Path, content: bytes, events: list[Outgoing]) -> bool:
        """Write a part of the file; whether it has the name of a complete one meanwhile."""
        self._bite(step.fault, events)
        part = content[: max(1, int(len(content) * step.share))]
        seen = step.openly or step.lock
        if step.lock:
            _beside(path, LOCK).touch()
        if seen:
            self._note_delivery(events, step.fault)
            self._write_part(path, part, marked=step.openly)
            self._stands(path, events)
        else:
            (path if self._spec.finish == "marker" else _beside(path, PART)).write_bytes(part)
        await self._hold(self._world.env.now + step.for_s)
        return seen

    def _write_part(self, path: Path, part: bytes, *, marked: bool) -> None:
        path.write_bytes(part)
        if self._spec.finish == "marker" and marked:
            _beside(path, DONE).touch()

    async def _place_besides(self, step: PlaceBesides, content: bytes, events: list[Outgoing]) -> None:
        """Another file about the same: twice the same, empty, or in a charset that nobody has declared."""
        if not step.first:
            self._under_way += 1
            self._start(self._later(step, content, events))
            return
        self._bite(step.fault, events)
        self._put(self._next_path(), _bent(content, step.form), events, step.fault)
        await self._hold(self._world.env.now + step.apart_s)

    async def _later(self, step: PlaceBesides, content: bytes, events: list[Outgoing]) -> None:
        try:
            await self._hold(self._world.env.now + step.apart_s)
            self._bite(step.fault, events)
            self._put(self._next_path(), _bent(content, step.form), events, step.fault)
        finally:
            self._under_way -= 1

    def _put(self, path: Path, content: bytes, events: list[Outgoing], fault: str) -> None:
        """A file besides. What nobody can read tells nothing, and who fetches it knows nothing by that."""
        legible = fault.startswith("file-duplicated")
        if legible:
            self._note_delivery(events, fault)
        path.write_bytes(content)
        if self._spec.finish == "marker":
            _beside(path, DONE).touch()
        self._stands(path, events if legible else [])

    def _stands(self, path: Path, events: list[Outgoing]) -> None:
        self._standing[path] = self._world.env.now
        self._start(self._watch(path, events))

    async def _watch(self, path: Path, events: list[Outgoing]) -> None:
        """Wait until the target has taken the file away."""
        while _stands(path):
            await asyncio.sleep(LOOK_EVERY_S)
        self._world.advance()
        del self._standing[path]
        for end in (DONE, LOCK):
            _beside(path, end).unlink(missing_ok=True)
        for event in events:
            attempt = self._attempts[event.emit]
            self._ledger.write(Ack, self._world.env.now, event.emit, attempt, 200, _FETCHED)
        if events and self._kept is not None:
            self._kept[events[0].emit] = events

    def _note_delivery(self, events: list[Outgoing], fault: str = "") -> None:
        self._world.advance()
        bent = fault.partition("#")[0]
        for event in events:
            attempt = self._attempts[event.emit] = self._attempts.get(event.emit, 0) + 1
            self._ledger.write(Deliver, self._world.env.now, event.emit, attempt, bent, "", True)

    def _bite(self, fault: str, events: list[Outgoing]) -> None:
        if fault:
            self._world.advance()
            self._faults.bitten[fault] += 1
            self._ledger.write(FaultBitten, self._world.env.now, fault, self._system.number, events[0].emit)

    def _next_path(self) -> Path:
        self._files += 1
        self.folder.mkdir(parents=True, exist_ok=True)  # it may be lost with the target's own
        stem = self._system.name.replace("@", "-")
        return self.folder / f"{stem}-{self._world.mark}{self._files:06d}.{self._spec.format}"


def _stands(path: Path) -> bool:
    return path.exists()


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _bent(content: bytes, form: str) -> bytes:
    """The content of a file besides."""
    if form == "same":
        return content
    return b"" if form == "empty" else content.decode().encode(form)
