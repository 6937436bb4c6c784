"""The `webhook` channel: every event is posted to the target, at least once, with backoff until it is acknowledged."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial

from pilotplant.channels.cloudevents import Outgoing
from pilotplant.channels.forms import AS_IT_IS, Form
from pilotplant.channels.letters import Journey, Letter
from pilotplant.channels.poster import Answer, NoAnswer, Posts
from pilotplant.channels.signing import Signer
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.world import World
from pilotplant.ledger.records import Ack, Deliver, FaultBitten
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.script import DELIVERY, Alter, Copy, Delay, Disregard, Hold, Script, Strike, Striking

FIRST_RETRY_S = 0.25
RETRY_CAP_S = 5.0
TIMEOUT_S = 10.0
CONNECTIONS_MAX = 32


class Webhook:
    """Delivers events to one URL. Order is not promised: attempts run side by side, as real webhooks do."""

    def __init__(
        self,
        url: str,
        signer: Signer,
        *,
        poster: Posts,
        world: World,
        ledger: LedgerWriter,
        faults: FaultPlan,
        hold: Callable[[float], Awaitable[None]],
        strike: Striking,
        accepts: Callable[[str], bool] = lambda _type: True,
        form: Form = AS_IT_IS,
        keeps: bool = False,
    ) -> None:
        self.urls = [url]
        """Where events go; more than one while several instances of the target run, as behind a load balancer."""
        self.pending = 0
        """Events that were stated and not yet acknowledged."""
        self.longest_gap_s = 0.0
        self.last_failure = ""
        self.accepts = accepts
        self.on_answer: Callable[[Outgoing, Answer | NoAnswer], None] = lambda _event, _answer: None
        """Told how each attempt ended, for whoever connects a target."""
        self._signer = signer
        self._form = form
        self._world = world
        self._ledger = ledger
        self._faults = faults
        self._hold = hold
        self._strike = strike
        self._poster = poster
        self._waiting: deque[Journey] = deque()
        self._kept: list[Journey] | None = [] if keeps else None
        """What was acknowledged, for a target that may lose everything and has to be told again."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = 0

    def send(self, event: Outgoing) -> None:
        """Take charge of an event."""
        self._take(Journey(event))

    def send_again(self) -> None:
        """Deliver everything once more that was acknowledged, as a broker does to a reader without an offset."""
        kept, self._kept = self._kept or [], []
        for journey in kept:
            self._take(journey)

    def _take(self, journey: Journey) -> None:
        self.pending += 1
        self._waiting.append(journey)
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
        """Deliver what waits, one event after the other; retries, and what a fault keeps back, go on beside it."""
        try:
            while self._waiting:
                journey = self._waiting.popleft()
                script = self._script(journey)
                if any(isinstance(step, Delay | Hold) for step in script):
                    self._start(self._see_through(journey, script))
                elif not await self._attempt(journey, script):
                    self._start(self._retry(journey))
        finally:
            self._workers -= 1

    async def _see_through(self, journey: Journey, script: Script) -> None:
        if not await self._attempt(journey, script):
            await self._retry(journey)

    async def _retry(self, journey: Journey) -> None:
        attempt, gap_s = 1, FIRST_RETRY_S
        while True:
            attempt += 1
            wait_s = gap_s * (0.75 + 0.5 * self._world.draws.uniform(f"redelivery|{journey.event.emit}|{attempt}"))
            self.longest_gap_s = max(self.longest_gap_s, wait_s)
            await asyncio.sleep(wait_s)
            if await self._attempt(journey, self._script(journey)):
                return
            gap_s = min(RETRY_CAP_S, gap_s * 2)

    def _script(self, journey: Journey) -> Script:
        """What is done with the next attempt."""
        if not self._faults.active:
            return DELIVERY
        event = journey.event
        return self._faults.bend(DELIVERY, event.type, event.system, event.keys, self._world.env.now)

    async def _attempt(self, journey: Journey, script: Script) -> bool:
        """Whether the event was delivered, and that is known."""
        delayed_by, delivered = "", False
        for step in script:
            match step:
                case Delay() | Hold():
                    delayed_by = await self._wait(journey, step) or delayed_by
                case Strike():
                    await self._strike(step, partial(self._note_bite, step.fault, journey.event))
                case Alter():
                    journey.alter(step)
                case Copy():
                    if not step.abreast and self._can_be_told(step):
                        self._start(self._send_copies(journey, step))
                case Disregard():
                    if 200 <= await self._send(journey.letter(step.fault)) < 300:
                        self._note_bite(step.fault, journey.event)
                case _:
                    self._send_abreast(journey, script)
                    delivered = 200 <= await self._send(journey.letter(delayed_by)) < 300
        self.pending -= delivered
        if delivered and self._kept is not None:
            self._kept.append(journey)
        return delivered

    def _can_be_told(self, step: Copy) -> bool:
        """Whether the receiver could see what is wrong with it; else it would be an ordinary event."""
        return (self._signer.FORGEABLE or not step.forged) and (self._signer.DATED or not step.age_s)

    async def _wait(self, journey: Journey, step: Delay | Hold) -> str:
        if step.fault:
            self._note_bite(step.fault, journey.event)
        await (asyncio.sleep(step.seconds) if isinstance(step, Delay) else self._hold(step.until))
        return step.fault

    def _send_abreast(self, journey: Journey, script: Script) -> None:
        """Let go what races with the event itself, as from a sender that works with several threads."""
        for step in script:
            if isinstance(step, Copy) and step.abreast:
                for _ in range(step.times):
                    self._start(self._send_copies(journey, replace(step, times=1)))

    async def _send_copies(self, journey: Journey, step: Copy) -> None:
        """Send what a fault sends besides; nothing more once the faults are lifted."""
        self.pending += 1
        try:
            for _ in range(step.times):
                if step.gap_s:
                    await self._hold(self._world.env.now + step.gap_s)
                if self._faults.healed:
                    return
                await self._insist(journey, step)
        finally:
            self.pending -= 1

    async def _insist(self, journey: Journey, step: Copy) -> None:
        letter, gap_s = journey.copy(step), FIRST_RETRY_S
        for attempt in range(1, step.attempts + 1):
            if 200 <= await self._send(letter) < 300 or attempt == step.attempts:
                return
            self.longest_gap_s = max(self.longest_gap_s, gap_s)
            await asyncio.sleep(gap_s)
            gap_s = min(RETRY_CAP_S, gap_s * 2)

    async def _send(self, letter: Letter) -> int:
        """Post once; the status of the answer, 0 if none came."""
        attempt = letter.journey.next_attempt()
        self._world.advance()
        headers, body = self._form.dress(letter.body)
        forged = self._world.draws.token("forger") if letter.forged else ""
        status, note = 0, ""
        try:
            answer = await self._poster.post(
                self._address(letter, attempt),
                (*headers, *self._signer.headers(body, self._world.unix() - letter.age_s, forged)),
                body,
                timeout_s=TIMEOUT_S,
                before_first_byte=lambda: self._note_delivery(letter, attempt),
            )
            status = answer.status
            self.on_answer(letter.journey.event, answer)
        except NoAnswer as failure:
            note = failure.reason
            self.on_answer(letter.journey.event, failure)
        self._world.advance()
        event = letter.journey.event
        self._ledger.write(Ack, self._world.env.now, event.emit, attempt, status, note)
        if not letter.copied and not 200 <= status < 300:
            self.last_failure = f"{event.type}: {note or f'status {status}'}"
        return status

    def _address(self, letter: Letter, attempt: int) -> str:
        if len(self.urls) == 1:
            return self.urls[0]
        u = self._world.draws.uniform(f"instance|{letter.journey.event.emit}|{attempt}")
        return self.urls[int(u * len(self.urls))]

    def _note_delivery(self, letter: Letter, attempt: int) -> None:
        self._world.advance()
        event = letter.journey.event
        for fault in letter.bites:
            self._note_bite(fault, event)
        self._ledger.write(Deliver, self._world.env.now, event.emit, attempt, letter.bent, letter.about)

    def _note_bite(self, fault: str, event: Outgoing) -> None:
        self._faults.bitten[fault] += 1
        system = self._ledger.systems[event.system]
        self._ledger.write(FaultBitten, self._world.env.now, fault, system, event.emit)
