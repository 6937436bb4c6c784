"""Activations: ERP accepts them with 202 and does them later. Accepted is not done."""

import asyncio
from urllib.parse import quote

from pilotplant.reference.calls import Call, GaveUp, NotNow, Refusal, Unsure
from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.messages import ActivateVersion, Job, VersionOutcome
from pilotplant.reference.store import Store

REJECTED = "activation-rejected"


class Activations:
    """Knows what became of activations: from ERP's events, and by asking when none comes."""

    def __init__(self, store: Store, clock: Clock, *, poll_every_s: float, budget_s: float) -> None:
        self._store = store
        self._clock = clock
        self._poll_every_s = poll_every_s
        self._budget_s = budget_s
        self._signals: dict[tuple[str, str, str], asyncio.Event] = {}

    def note(self, outcome: VersionOutcome) -> None:
        """An activation ended. Its event may come before the answer that names the job, so nobody need be waiting."""
        with self._store.transaction() as db:
            db.execute(
                "insert or replace into activations values (?, ?, ?, ?, ?)",
                (outcome.plant, outcome.job, outcome.item, outcome.revision, outcome.reason),
            )
        if signal := self._signals.get((outcome.plant, outcome.item, outcome.revision)):
            signal.set()

    def look_again(self) -> None:
        """Another instance may have taken what is waited for."""
        for signal in self._signals.values():
            signal.set()

    async def wait(self, erp: SystemClient, wish: ActivateVersion, job: str, traceparent: str) -> None:
        """Wait until the revision is active; raises a `Refusal` if ERP rejects it."""
        key = (wish.plant, wish.item, wish.revision)
        signal = self._signals.setdefault(key, asyncio.Event())
        answered_at = self._clock.monotonic()
        try:
            while not self._is_active(wish, job):
                signal.clear()
                try:
                    async with asyncio.timeout(self._poll_every_s):
                        await signal.wait()
                except TimeoutError:
                    if await self._poll(erp, wish, job, traceparent):
                        answered_at = self._clock.monotonic()
                    elif self._clock.monotonic() - answered_at > self._budget_s:
                        raise GaveUp("no-answer", f"ERP does not say what became of {job}") from None
        finally:
            self._signals.pop(key, None)

    def _is_active(self, wish: ActivateVersion, job: str) -> bool:
        # A rejection counts only for this very job: an earlier one may have been rejected and its cause mended.
        rows = self._store.db.execute(
            "select reason from activations where plant = ? and item = ? and revision = ? and (job = ? or reason = '')",
            (wish.plant, wish.item, wish.revision, job),
        )
        reasons = [str(row["reason"]) for row in rows]
        if reasons and "" not in reasons:
            raise Refusal(REJECTED, reasons[0])
        return bool(reasons)

    async def _poll(self, erp: SystemClient, wish: ActivateVersion, job: str, traceparent: str) -> bool:
        """The safety net: ask for the job itself. False if ERP cannot say at the moment."""
        call = Call("GET", f"/jobs/{quote(job, safe='')}", traceparent=traceparent)
        try:
            found = await erp.send(call, Job)
        except (NotNow, Unsure):
            return False
        if found.status in ("done", "failed"):
            reason = (found.reason or "no reason given") if found.status == "failed" else ""
            self.note(VersionOutcome(wish.plant, wish.item, wish.revision, job, reason))
        return True
