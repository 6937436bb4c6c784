"""How the model learns what happened: deliveries with their faults and repetitions, or looking for itself."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from pilotplant.channels.cloudevents import Outgoing, outgoing
from pilotplant.channels.letters import Journey, Letter
from pilotplant.channels.webhook import FIRST_RETRY_S, RETRY_CAP_S, TIMEOUT_S
from pilotplant.drive.whatif.middleware import Middleware
from pilotplant.drive.whatif.performance import Stage
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.world import World
from pilotplant.ledger.records import ILLEGIBLE, UNBELIEVABLE, Ack, Deliver, FaultBitten
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.script import DELIVERY, Alter, Copy, Delay, Disregard, Hold, Kill, Script, Suspend
from pilotplant.systems.system import Published

_DAY_S = 86_400.0
_ACCEPTED = 202
_REFUSED = 401
POISON = "poison"


class Intake:
    """Stands between the estate's events and the model."""

    def __init__(
        self,
        middleware: Middleware,
        world: World,
        ledger: LedgerWriter,
        faults: FaultPlan,
        stage: Stage,
        listening: Callable[[], str],
    ) -> None:
        self.pending = 0
        """Events that were stated, and that the model does not know of yet."""
        self.spec = middleware.spec.intake
        self._middleware = middleware
        self._world = world
        self._ledger = ledger
        self._faults = faults
        self._stage = stage
        self._listening = listening
        """Why nobody takes an event just now; empty while the model listens."""
        self._wants = middleware.wants
        self._network = middleware.spec.network
        self._window_s = middleware.spec.dedupe_window
        self._told: dict[int, float] = {}
        """When the model was told of an event; only kept where it may be told again."""
        self._gathered: dict[bool, list[Published]] = {False: [], True: []}
        """What waits until the model looks: what makes new work, and (true) what tells how open work goes on."""
        self._looking = {False: False, True: False}
        self._ticks = {False: 0, True: 0}
        """How many times `every` the latest look was appointed for; counted, since a rounded moment comes twice."""
        self._batch_at = float("-inf")
        """The moment of the latest batch, in business time."""
        self._draws = bool(faults.faults) or not self._network.none
        """Whether anything about a delivery is left to chance."""
        self._times: Counter[tuple[str, int]] = Counter()
        self._names: dict[int, str] = {}
        """What an event's chance is called: by what was stated, and the how manieth time, not by when it was."""
        self._poison: dict[tuple[int, str], None] = {}
        self.repeated = 0

    def on_event(self, published: Published) -> None:
        """An event was stated."""
        if published.type.name not in self._wants:
            return
        self.pending += 1
        if self._draws:
            stated = (published.effect, published.version)
            self._times[stated] += 1
            self._names[published.seq] = f"{published.effect}|{published.version}|{self._times[stated]}"
        if self.spec.kind != "events":
            self._gather(published)
        elif self._faults.active:
            event = outgoing(published, self._world)
            self._attempt(Journey(event), published, 1)
        else:
            self._deliver_plainly(published, 1)

    # --- Being told ---------------------------------------------------------------------------------------------

    def _deliver_plainly(self, published: Published, attempt: int) -> None:
        """No fault can strike: the event goes out, and is there."""
        if reason := self._listening():
            self._not_taken(published, attempt, reason, lambda: self._deliver_plainly(published, attempt + 1))
            return
        now = self._world.env.now
        self._ledger.write(Deliver, now, published.seq, attempt, "", "")
        if self._network.none:
            self._acknowledge(published, attempt)
            return
        delay_s = self._network.at(self._draw("delivery", published, attempt))
        self._stage.later(delay_s, lambda _event: self._acknowledge(published, attempt))

    def _acknowledge(self, published: Published, attempt: int) -> None:
        self._ledger.write(Ack, self._world.env.now, published.seq, attempt, _ACCEPTED, "")
        self.pending -= 1
        self._take(published)

    def _not_taken(self, published: Published, attempt: int, reason: str, again: Callable[[], None]) -> None:
        self._ledger.write(Ack, self._world.env.now, published.seq, attempt, 0, reason)
        waited_s = TIMEOUT_S if reason == "timeout" else 0.0
        self._stage.later(waited_s + self._gap_s(published, attempt), lambda _event: again())

    def _gap_s(self, published: Published, attempt: int) -> float:
        """How long whoever tells of an event waits before the next attempt."""
        gap_s = min(RETRY_CAP_S, FIRST_RETRY_S * 2.0 ** min(attempt - 1, 16))
        return gap_s * (0.75 + 0.5 * self._draw("redelivery", published, attempt + 1))

    def _draw(self, what: str, published: Published, attempt: int) -> float:
        return self._world.draws.uniform(f"model|{what}|{self._names[published.seq]}|{attempt}")

    def _take(self, published: Published) -> None:
        """The model knows of the event now, perhaps once more."""
        if self._faults.faults:
            now, told = self._world.env.now, self._told.get(published.seq)
            self._told[published.seq] = now
            if told is not None and now - told <= self._window_s:
                return
            self.repeated += told is not None
        self._middleware.take(published)

    # --- Being told under faults --------------------------------------------------------------------------------

    def _attempt(self, journey: Journey, published: Published, attempt: int) -> None:
        event = journey.event
        script = DELIVERY
        if self._faults.active:
            script = self._faults.bend(DELIVERY, event.type, event.system, event.keys, self._world.env.now)
        self._perform(journey, published, attempt, script, 0, "")

    def _perform(
        self, journey: Journey, published: Published, attempt: int, script: Script, start: int, delayed: str
    ) -> None:
        """The steps of one attempt, from one of them on."""
        delivered = False
        for position in range(start, len(script)):
            step = script[position]
            match step:
                case Delay() | Hold():
                    self._bite(step.fault, journey.event)
                    named, following = step.fault or delayed, position + 1

                    def go_on(_event: Any, named: str = named, following: int = following) -> None:
                        self._perform(journey, published, attempt, script, following, named)

                    if isinstance(step, Delay):
                        self._stage.later(step.seconds, go_on)
                    else:
                        self._stage.hold(step.until, go_on)
                    return
                case Kill() | Suspend():
                    self._bite(step.fault, journey.event)
                    self._stage.strike(step)
                case Alter():
                    journey.alter(step)
                case Copy():
                    self._copies(journey, published, step, step.times)
                case Disregard():
                    if self._send(journey.letter(step.fault), published):
                        self._bite(step.fault, journey.event)
                case _:
                    delivered = self._send(journey.letter(delayed), published)
        if delivered:
            self.pending -= 1
        else:
            again_s = self._gap_s(published, attempt)
            self._stage.later(again_s, lambda _event: self._attempt(journey, published, attempt + 1))

    def _copies(self, journey: Journey, published: Published, step: Copy, left: int) -> None:
        """What a fault sends besides: one after the other, none any more once the faults are lifted."""
        self.pending += 1

        def send(_event: Any) -> None:
            self.pending -= 1
            if self._faults.healed:
                return
            self._send(journey.copy(step), published)
            if left > 1:
                self._copies(journey, published, step, left - 1)

        self._stage.hold(self._world.env.now + step.gap_s, send)

    def _send(self, letter: Letter, published: Published) -> bool:
        """Send once; whether it was taken."""
        attempt, now, emit = letter.journey.next_attempt(), self._world.env.now, published.seq
        reason = self._listening()
        if reason:
            self._ledger.write(Ack, now, emit, attempt, 0, reason)
            return False
        for fault in letter.bites:
            self._bite(fault, letter.journey.event)
        self._ledger.write(Deliver, now, emit, attempt, letter.bent, letter.about)
        believed = letter.bent not in UNBELIEVABLE
        self._ledger.write(Ack, now, emit, attempt, _ACCEPTED if believed else _REFUSED, "")
        if believed and not letter.about:
            self._take(published)
        elif letter.bent == POISON and (emit, letter.about) not in self._poison:
            self._poison[emit, letter.about] = None
            named = letter.about.rpartition("/")[2] if letter.about != ILLEGIBLE else published.event_id
            self._middleware.set_aside(published, named)
        return believed

    def _bite(self, fault: str, event: Outgoing) -> None:
        if fault:
            self._faults.bitten[fault] += 1
            system = self._ledger.systems[event.system]
            self._ledger.write(FaultBitten, self._world.env.now, fault, system, event.emit)

    # --- Looking for itself -------------------------------------------------------------------------------------

    def _gather(self, published: Published) -> None:
        """It waits until the model looks: for new work as the schedule says, for how its work goes on more often."""
        own = self._middleware.concerns_open_work(published.type.name)
        self._gathered[own].append(published)
        self._look_later(own)

    def _look_later(self, own: bool) -> None:
        if self._gathered[own] and not self._looking[own]:
            self._looking[own] = True
            self._stage.later(self._until_look_s(own), lambda _event: self._look(own))

    def _until_look_s(self, own: bool) -> float:
        """How long until the next appointed moment, of which each comes once."""
        now = float(self._world.env.now)
        every_s = self.spec.confirm_every if own else self.spec.every
        if own or self.spec.kind == "polling":
            self._ticks[own] = max(int(now // every_s), self._ticks[own]) + 1
            return max(0.0, self._ticks[own] * every_s - now)
        business = float(self._world.now().business)
        after = max(business, self._batch_at)
        midnight = after // _DAY_S * _DAY_S
        moments = [midnight + day * _DAY_S + at for day in (0, 1) for at in self.spec.moments_s()]
        self._batch_at = min(moment for moment in moments if moment > after)
        return max(0.0, self._batch_at - business) / self._world.speed

    def _look(self, own: bool) -> None:
        self._looking[own] = False
        gathered = self._gathered[own]
        most = len(gathered) if own or not self.spec.batch_size else self.spec.batch_size
        if self._listening():
            most = 0  # whoever is down does not look
        self._gathered[own] = gathered[most:]
        for published in gathered[:most]:
            self._ledger.write(Deliver, self._world.env.now, published.seq, 1, "", "")
            self._acknowledge(published, 1)
        self._look_later(own)
