"""The `webhook` channel: every event is posted to the target, at least once, with backoff until it is acknowledged."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

from pilotplant.channels.cloudevents import CONTENT_TYPE, SIGNATURE, Outgoing, signature
from pilotplant.channels.poster import NoAnswer, Posts
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.world import World
from pilotplant.ledger.records import Ack, Deliver, FaultBitten
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.script import DELIVERY, Delay, Hold

FIRST_RETRY_S = 0.25
RETRY_CAP_S = 5.0
TIMEOUT_S = 10.0
CONNECTIONS_MAX = 32


class Webhook:
    """Delivers events to one URL. Order is not promised: attempts run side by side, as real webhooks do."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        poster: Posts,
        world: World,
        ledger: LedgerWriter,
        faults: FaultPlan,
        hold: Callable[[float], Awaitable[None]],
        accepts: Callable[[str], bool] = lambda _type: True,
    ) -> None:
        self.url = url
        self.pending = 0
        """Events that were stated and not yet acknowledged."""
        self.longest_gap_s = 0.0
        self.last_failure = ""
        self.accepts = accepts
        self._secret = secret
        self._world = world
        self._ledger = ledger
        self._faults = faults
        self._hold = hold
        self._poster = poster
        self._waiting: deque[Outgoing] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = 0

    def send(self, event: Outgoing) -> None:
        """Take charge of an event."""
        self.pending += 1
        self._waiting.append(event)
        if self._workers < CONNECTIONS_MAX:
            self._workers += 1
            self._start(self._work())

    async def close(self) -> None:
        """Stop delivering and close the connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._poster.close()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """Deliver what waits, one event after the other; retries go on beside it."""
        try:
            while self._waiting:
                event = self._waiting.popleft()
                if not await self._attempt(event, 1):
                    self._start(self._retry(event))
        finally:
            self._workers -= 1

    async def _retry(self, event: Outgoing) -> None:
        attempt, gap_s = 1, FIRST_RETRY_S
        while True:
            attempt += 1
            wait_s = gap_s * (0.75 + 0.5 * self._world.draws.uniform(f"redelivery|{event.emit}|{attempt}"))
            self.longest_gap_s = max(self.longest_gap_s, wait_s)
            await asyncio.sleep(wait_s)
            if await self._attempt(event, attempt):
                return
            gap_s = min(RETRY_CAP_S, gap_s * 2)

    async def _attempt(self, event: Outgoing, attempt: int) -> bool:
        if self._faults.active:
            await self._bend(event)
        self._world.advance()
        headers = (
            (b"content-type", CONTENT_TYPE),
            (SIGNATURE, signature(self._secret, self._world.unix(), event.body)),
        )
        try:
            answer = await self._poster.post(
                self.url,
                headers,
                event.body,
                timeout_s=TIMEOUT_S,
                before_first_byte=lambda: self._note_delivery(event, attempt),
            )
        except NoAnswer as failure:
            self._acknowledge(event, attempt, 0, failure.reason)
            return False
        self._acknowledge(event, attempt, answer.status, "")
        return 200 <= answer.status < 300

    async def _bend(self, event: Outgoing) -> None:
        script = self._faults.bend(DELIVERY, event.type, event.system, event.keys, self._world.env.now)
        for step in script:
            if isinstance(step, Delay | Hold):
                self._faults.bitten[step.fault] += 1
                system = self._ledger.systems[event.system]
                self._ledger.write(FaultBitten, self._world.env.now, step.fault, system, event.emit)
                await (asyncio.sleep(step.seconds) if isinstance(step, Delay) else self._hold(step.until))

    def _note_delivery(self, event: Outgoing, attempt: int) -> None:
        self._world.advance()
        self._ledger.write(Deliver, self._world.env.now, event.emit, attempt)

    def _acknowledge(self, event: Outgoing, attempt: int, status: int, note: str) -> None:
        self._world.advance()
        self._ledger.write(Ack, self._world.env.now, event.emit, attempt, status, note)
        if 200 <= status < 300:
            self.pending -= 1
        else:
            self.last_failure = f"{event.type}: {f'status {status}' if status else note}"
