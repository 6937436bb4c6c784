"""Looking for changes where nobody tells of them: pages of what has changed since the last look.

What is found goes through the inbox like an event, and is identified like one: the same found again is known. The next
look begins where the last complete one did, and a little before, since changes may become visible late.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from pilotplant.reference.calls import Call, CallFailed
from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.messages import ChangePage, FoundChange
from pilotplant.reference.store import Store

log = logging.getLogger("pilotplant.reference")
PAGE = 50
PAUSE_AFTER_DEFECT_S = 1.0
_OF_NOTE = ("released", "cancelled")


class ChangeLookout:
    """Looks at PLM's list of changes. `take` makes what it is given durable before it returns."""

    def __init__(
        self,
        plm: SystemClient,
        store: Store,
        take: Callable[[bytes], Awaitable[None]],
        clock: Clock,
        *,
        every_s: float,
        back_s: float,
    ) -> None:
        self._plm = plm
        self._store = store
        self._take = take
        self._clock = clock
        self._every_s = every_s
        self._back_s = back_s

    async def watch(self) -> None:
        """Look again and again; a look that fails is made once more from where it began."""
        while True:
            try:
                await self.look()
            except CallFailed as failed:
                log.info("PLM could not be looked at: %s", failed)
                await self._clock.sleep(failed.retry_after_s)
            await self._clock.sleep(self._every_s)

    async def look(self) -> None:
        """One look: all pages, and then the place from which the next one goes on."""
        since, as_of, cursor = self.since(), "", ""
        while True:
            page = await self.page(since, cursor)
            as_of = as_of or page.as_of  # of the first page: what changes while the others are read comes again
            for change in page.items:
                await self.found(change)
            cursor = self.following(page)
            if not cursor:
                break
        self.go_on_from(self.earlier(as_of))

    async def page(self, since: str, cursor: str) -> ChangePage:
        """Ask for a page."""
        given = {"limit": str(PAGE), "changed_since": since, "cursor": cursor}
        call = Call("GET", "/changes", query={name: value for name, value in given.items() if value})
        return await self._plm.send(call, ChangePage)

    def following(self, page: ChangePage) -> str:
        """Where the next page begins; empty after the last. That a page is short says nothing."""
        return page.next

    async def found(self, change: FoundChange) -> None:
        """Take what was found as if it had been told."""
        if change.status not in _OF_NOTE:
            return
        data = {
            "change": change.change,
            "priority": change.priority,
            "effectivity": {"kind": change.effectivity, "at": change.effective_at},
            "affected": change.affected,
            "kind": change.kind,
            "gate": change.gate,
            "wip": change.wip,
        }
        told = {"id": f"{change.change}/{change.status}", "source": "/plm/changes", "subject": change.change}
        await self._take(msgspec.json.encode({**told, "type": f"plm.change.{change.status}", "data": data}))

    def earlier(self, as_of: str) -> str:
        """A little before the given moment; of what is no moment, but a cursor, the system itself takes care."""
        try:
            moment = datetime.fromisoformat(as_of)
        except ValueError:
            return as_of
        return (moment - timedelta(seconds=self._back_s)).isoformat().replace("+00:00", "Z")

    def since(self) -> str:
        """From where the next look goes on."""
        row = self._store.db.execute("select since from looks where list = 'plm.changes'").fetchone()
        return str(row["since"]) if row else ""

    def go_on_from(self, since: str) -> None:
        """Everything before is taken."""
        with self._store.transaction() as db:
            db.execute("insert or replace into looks values ('plm.changes', ?)", (since,))


async def keep_watch(lookout: ChangeLookout, clock: Clock) -> None:
    """Watch for as long as the middleware lives; a defect of ours must not blind it for good."""
    while True:
        try:
            await lookout.watch()
        except Exception:
            log.exception("looking for changes failed and goes on")
            await clock.sleep(PAUSE_AFTER_DEFECT_S)
