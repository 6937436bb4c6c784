"""Durable work: what an event asks for is noted with the event, and carried out until it is done. A flow is one file.

To add one, write `flows/<name>.py` with a subclass of `Flow`. It is found by looking at the folder:

1. `name` is the flow as the desk knows it; `kind` tells apart several sorts of work of one flow (default: the name).
2. `needs` names systems that not every estate has (`wms`, `supplier`): where one is missing, nothing is taken.
3. `takes()` says which events are taken, as what they are read, and which method notes what they ask for. Several flows
   may take the same event. `ignores` names events that ask for nothing.
4. A noting method runs in the transaction that remembers the event: it calls `self.note(plant, key, body, traceparent)`
   with the very bytes (or struct) to send, and awaits nothing. A key that is known is not noted again; `renew` replaces
   what the key stands for (latest wins), `withdraw` stops it. `line=` keeps an order: of a line one is done at a time.
5. `carry_out(work)` does it, and may be interrupted and called again at any point: all calls go through
   `self.to.retry.persist`; what must happen once through `self.to.posting.once`, which looks before it posts again
   (`work.attempted` tells it whether an earlier life may have posted). `raise Later(5.0)` to be called again later.
   What follows is noted with `note` again, or with that of another kind (`self.others[kind]`): noting is idempotent.
6. A `Refusal` or `GaveUp` that leaves `carry_out` becomes an exception at the desk (`owner`); once a person has mended
   the cause, the work is open again. Nothing else is to be told: lanes, resuming after a crash and `/status` follow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from pilotplant.reference.calls import CallFailed, GaveUp, Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.lanes import Key, Lane
from pilotplant.reference.mapping import Mapping as Translation
from pilotplant.reference.messages import Owner
from pilotplant.reference.notices import Notices
from pilotplant.reference.posting import StockPosting
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.scopes import Scopes
from pilotplant.reference.settings import Settings
from pilotplant.reference.store import Store
from pilotplant.reference.transfer import Transfer
from pilotplant.reference.works import Work, Works

T = TypeVar("T")


class Later(Exception):
    """The work cannot be done yet, and nothing is wrong with it."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"later, in {delay_s} s")
        self.delay_s = delay_s


@dataclass(frozen=True)
class Take(Generic[T]):
    """How an event is taken: what its data are read as, and what notes them and the traceparent."""

    kind: type[T]
    note: Callable[[T, str], None]


Takes = Mapping[str, Take[Any]]


@dataclass(frozen=True)
class Tools:
    """What flows work with. `erp`, `mes` and `wms` are by plant; an estate may have no WMS and no supplier portal."""

    settings: Settings
    clock: Clock
    store: Store
    retry: RetryPolicy
    posting: StockPosting
    mapping: Translation
    notices: Notices
    cancelled: Callable[[str], bool]
    """Whether a change was withdrawn, perhaps before its release was heard of."""
    told: Callable[[], None]
    """To be called when notices were added."""
    transfer: Transfer
    scopes: Scopes
    plm: SystemClient
    desk: SystemClient
    erp: Mapping[str, SystemClient]
    mes: Mapping[str, SystemClient]
    wms: Mapping[str, SystemClient]
    supplier: SystemClient | None

    def has(self, system: str) -> bool:
        """Whether the estate has such a system."""
        return bool(getattr(self, system))


class Flow:
    """One sort of durable work."""

    name: ClassVar[str]
    kind: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    ignores: ClassVar[frozenset[str]] = frozenset()
    owner: ClassVar[Owner] = "plant-it"
    at_once: ClassVar[int] = 3
    """How many are carried out at the same time; plants share them evenly, so that none holds up another."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in cls.__dict__ and "kind" not in cls.__dict__:
            cls.kind = cls.name

    def __init__(self, tools: Tools) -> None:
        self.to = tools
        self.others: Mapping[str, Flow] = {}
        self._works = Works(tools.store, self.kind)
        self._lane: Lane | None = None

    # --- What a flow says --------------------------------------------------------------------------------------------

    def takes(self) -> Takes:
        """Which events this flow takes."""
        raise NotImplementedError

    async def carry_out(self, work: Work) -> None:
        """Do it. May be called again at any time, also in another life of the process."""
        raise NotImplementedError

    def workers(self) -> int:
        """How many are carried out at the same time."""
        return self.at_once

    def owner_of(self, failed: CallFailed) -> Owner:
        """Who has to see to a failure."""
        return self.owner

    # --- What a flow does --------------------------------------------------------------------------------------------

    def note(
        self,
        plant: str,
        key: str,
        body: msgspec.Struct | bytes,
        traceparent: str,
        *,
        subject: str = "",
        line: str = "",
        due: float = 0.0,
    ) -> bool:
        """Note a piece of work; false if it is known. `subject` is what the desk calls it, if not by its key; of a
        `line` one is done at a time, in the order of noting; nothing is done before it is `due` (seconds since 1970).
        """
        new = self._works.note(plant, key, _bytes(body), traceparent, subject=subject, line=line, due=due)
        if new:
            self._wake((plant, line or key))
        return new

    def renew(self, plant: str, key: str, body: msgspec.Struct | bytes, traceparent: str, *, subject: str = "") -> None:
        """Note what a key stands for from now on: what was noted before and is not done yet is not done any more."""
        self._works.renew(plant, key, _bytes(body), traceparent, subject=subject)
        self._wake((plant, key))

    def withdraw(self, plant: str, key: str) -> bool:
        """Do not begin it any more, and do not try it again; false if it is done or not known."""
        return self._works.withdraw(plant, key)

    def withdraw_all(self, subject: str) -> None:
        """The same for all that is about a subject, at all plants."""
        self._works.withdraw_all(subject)

    def find(self, plant: str, key: str) -> Work | None:
        """A piece of work in whatever state."""
        return self._works.find(plant, key)

    # --- What the middleware calls -----------------------------------------------------------------------------------

    def attach(self, lane: type[Lane], others: Mapping[str, "Flow"]) -> Lane:
        """Make the lane in which this work is carried out; `others` are all flows by kind."""
        workers = self.workers()
        each = max(1, workers // len(self.to.settings.erp))  # a plant whose calls fail holds up no other
        self._lane = lane(self.kind, self.work_on, self.to.clock, workers=workers, each=each)
        self.others = others
        return self._lane

    def resume(self) -> None:
        """Go on with all that is not done."""
        for key in self._works.open_lines():
            self._wake(key)

    def reopen(self, subject: str, plant: str) -> None:
        """A person has mended the cause of a refusal: try again."""
        for key in self._works.reopen(subject, plant):
            self._wake(key)

    def unfinished(self, now: float) -> tuple[int, int]:
        """How many are open, and how many more are not due yet."""
        return self._works.unfinished(now)

    async def work_on(self, key: Key) -> None:
        """Carry out what comes next in a line."""
        work = self._works.first(*key)
        if work is None:
            return
        if (wait_s := work.due - self.to.clock.now()) > 0:
            self._wake(key, wait_s)
            return
        # Before the first byte leaves: should this process die now, its next life knows that it has to look.
        self._works.begin(work)
        try:
            await self.carry_out(work)
        except Later as later:
            self._wake(key, later.delay_s)
            return
        except (Refusal, GaveUp) as failed:
            self._fail(work, failed)
        else:
            self._works.end(work, "done")
        if self._works.first(*key):
            self._wake(key)

    def _fail(self, work: Work, failed: Refusal | GaveUp) -> None:
        with self.to.store.transaction():
            if not self._works.end(work, "refused", refused=isinstance(failed, Refusal)):
                return  # it was withdrawn or renewed meanwhile
            self.to.notices.exception(
                self.name,
                work.subject,
                work.plant,
                owner=self.owner_of(failed),
                reason=failed.code,
                text=str(failed),
                traceparent=work.traceparent,
            )
        self.to.told()

    def _wake(self, key: Key, delay_s: float = 0.0) -> None:
        if self._lane is None:
            return  # not attached yet: `resume` will find it
        if delay_s > 0:
            self._lane.add_later(key, delay_s)
        else:
            self._lane.add(key)


def _bytes(body: msgspec.Struct | bytes) -> bytes:
    return body if isinstance(body, bytes) else msgspec.json.encode(body)
