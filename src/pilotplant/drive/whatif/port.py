"""The model's side of one system: credentials, how many calls are open, pauses, a circuit breaker, and repeating."""

from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from pilotplant.drive.whatif.answers import asked_s, by_a_limit, is_failure, told
from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.performance import Alive, Performance
from pilotplant.drive.whatif.tokens import Tokens
from pilotplant.exchange.authentication import Token
from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.kernel.world import World
from pilotplant.model.operation import Command, Operation

GAVE_UP = "gave-up"
"""How the reason begins where nothing was refused."""


@dataclass(slots=True, eq=False)
class Call:
    """One command on its way to a system, with all its attempts."""

    operation: Operation
    command: Command
    name: str
    """Names its chance: the same whatever else happens."""
    done: Callable[["Call", str, tuple[str, ...]], None]
    """Called in the end: with nothing, or with why it was refused or given up, and the items that were missing."""
    stands: Callable[[], bool] | None = None
    """Of what must not be done twice: whether it stands already."""
    look: tuple[Operation, Command] | None = None
    """What it asks before it repeats what must not be done twice."""
    key: str = ""
    attempts: int = 0
    open: bool = False
    """Whether an answer to its latest attempt is waited for."""
    since: float = 0.0
    life: int = 0
    unsure: bool = False
    performance: Performance | None = None


@dataclass
class PortFigures:
    """What one port came to."""

    calls: int = 0
    attempts: int = 0
    throttled: int = 0
    failures: int = 0
    given_up: int = 0
    waited_s: float = 0.0
    """Time that calls waited for their turn: for a free place, a pause to end, a token."""
    busy_s: float = 0.0
    """Places in use, times seconds."""


class Port:
    """Sends calls to one system."""

    def __init__(self, boundary: Boundary, spec: ModelSpec, world: World, alive: Alive) -> None:
        self.boundary = boundary
        self.figures = PortFigures()
        self._spec = spec
        self._world = world
        self._env = world.env
        self._alive = alive
        self._places = spec.calls_at_once(boundary.system.kind.name)
        self._open = 0
        self._waiting: deque[tuple[Call, float]] = deque()
        self._performances: dict[int, Performance] = {}
        """What somebody waits for."""
        self._resume_at = 0.0
        self.told_to_wait_until_s = 0.0
        """The latest moment until which an answer asked to wait."""
        self._due = 0.0
        self._pumping = False
        """Whether those who wait are being sent: where a system answers at once, they are not begun one in another."""
        self._failures_in_a_row = 0
        self._breaker_open = False
        self._trial: Call | None = None
        """The one call that tries whether an open breaker may be closed."""
        self._headers: dict[bytes, bytes] = {b"content-type": boundary.dialect.content_type}
        self._tokens = Tokens(boundary, spec.timeout, alive, self._token_ended)
        given = boundary.credentials
        if given.kind == "api-key":
            self._headers[b"x-api-key"] = given.api_key.encode()
        elif given.kind == "basic":
            self._headers[b"authorization"] = b"Basic " + b64encode(f"{given.user}:{given.password}".encode())

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return len(self._waiting)

    def call(self, call: Call) -> None:
        """Take charge of a call."""
        call.since = self._env.now
        self._begin(call)

    def forget(self) -> None:
        """The middleware died: what waited here is forgotten, what is open has nobody who waits for it."""
        for performance in self._performances.values():
            performance.gone = True
        self._performances.clear()
        self._waiting.clear()
        self._open = 0
        self._resume_at = 0.0
        self._failures_in_a_row = 0
        self._breaker_open, self._trial = False, None
        self._tokens.forget()

    def go_on(self) -> None:
        """The middleware stood still, and moves again."""
        self._pump()

    def _begin(self, call: Call) -> None:
        self.figures.calls += 1
        call.life = self._alive.life
        self._submit(call)

    def _submit(self, call: Call) -> None:
        if not self._waiting and self._may_send():
            self._send(call)
        else:
            self._waiting.append((call, self._env.now))
            self._wake_later()

    def _may_send(self) -> bool:
        now = self._env.now
        if self._open >= self._places or now < self._resume_at or self._alive.still or self._trial is not None:
            return False
        if now >= self._tokens.until:
            self._tokens.ask()
            return False
        return True

    def _pump(self, _event: Any = None) -> None:
        if self._pumping:
            return
        self._pumping = True
        waiting = self._waiting
        while waiting and self._may_send():
            call, since = waiting.popleft()
            self.figures.waited_s += self._env.now - since
            self._send(call)
        self._pumping = False
        self._wake_later()

    def _wake_later(self) -> None:
        """Where time alone lets the next one go, see to it that it goes."""
        now = self._env.now
        if self._waiting and self._resume_at > now and not now < self._due <= self._resume_at:
            self._due = self._resume_at
            self._alive.later(self._resume_at - now, self._pump)

    # --- One attempt --------------------------------------------------------------------------------------------

    def _send(self, call: Call) -> None:
        self._open += 1
        if self._breaker_open:
            self._trial = call
        call.attempts += 1
        call.open = True
        self.figures.attempts += 1
        network, now = self._spec.network, self._env.now
        if network.none:
            self._arrive(call, call.attempts, now)
        else:
            attempt = call.attempts
            self._alive.later(self._spec.timeout, lambda _event: self._out_of_time(call, attempt, now))
            there_s = network.at(self._draw("there", call))
            self._alive.later(there_s, lambda _event: self._arrive(call, attempt, now))

    def _draw(self, what: str, call: Call) -> float:
        return self._world.draws.uniform(f"model|{what}|{call.name}|{call.attempts}")

    def _arrive(self, call: Call, attempt: int, sent_at: float) -> None:
        """The request is there; who was given up on the way does not come, as where no connection was made in time."""
        if call.life != self._alive.life or not self._awaits(call, attempt):
            return
        boundary = self.boundary
        method, path, query, body = boundary.dialect.compose(call.operation, call.command)
        headers = self._headers
        if call.key or call.operation.etag is not None:
            headers = dict(headers)
            if call.key:
                headers[b"idempotency-key"] = call.key.encode()
            if call.operation.etag is not None:
                headers[b"if-match"] = b"*"
        request = WireRequest(method, path, query, headers, body, 0, self._alive.incarnation)
        exchange = boundary.open(request)
        answered = partial(self._on_its_way_back, call, attempt, sent_at)
        performance = call.performance = Performance(exchange, self._alive, answered)
        self._performances[id(call)] = performance
        if self._spec.network.none and performance.patience_needed_s >= self._spec.timeout:
            self._alive.later(self._spec.timeout, lambda _event: self._out_of_time(call, attempt, sent_at))
        performance.go()

    def _awaits(self, call: Call, attempt: int) -> bool:
        return call.open and call.attempts == attempt

    def _out_of_time(self, call: Call, attempt: int, sent_at: float) -> None:
        if call.life != self._alive.life or not self._awaits(call, attempt):
            return
        if not self._alive.thawed(partial(self._out_of_time, call, attempt, sent_at)):
            return
        performance = self._performances.get(id(call))
        if performance is not None:
            performance.gone = True
        self._answered(call, attempt, sent_at, None)

    def _on_its_way_back(self, call: Call, attempt: int, sent_at: float, response: WireResponse | None) -> None:
        network = self._spec.network
        if network.none:
            self._answered(call, attempt, sent_at, response)
        else:
            delay_s = network.at(self._draw("back", call))
            self._alive.later(delay_s, lambda _event: self._answered(call, attempt, sent_at, response))

    def _answered(self, call: Call, attempt: int, sent_at: float, response: WireResponse | None) -> None:
        if call.life != self._alive.life or not self._awaits(call, attempt):
            return
        if not self._alive.thawed(partial(self._answered, call, attempt, sent_at, response)):
            return
        call.open = False
        if call is self._trial:
            self._trial = None
        self._open -= 1
        self._performances.pop(id(call), None)
        self.figures.busy_s += self._env.now - sent_at
        if response is not None and response.status < 300 and self._readable(response):
            self._went_well()
            call.done(call, "", ())
        else:
            self._failed(call, response)
        if self._waiting:
            self._pump()

    def _readable(self, response: WireResponse) -> bool:
        """What a fault has garbled is no answer. Without faults every answer is a document."""
        if not self.boundary.faults.active or not response.body:
            return True
        try:
            msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        return True

    def _went_well(self) -> None:
        self._failures_in_a_row = 0
        self._breaker_open = False

    # --- What did not go well -----------------------------------------------------------------------------------

    def _failed(self, call: Call, response: WireResponse | None) -> None:
        status = response.status if response is not None else 0
        code, items, definite = told(response)
        call.unsure |= is_failure(status) or status == 409
        if status == 401:
            self._tokens.drop()
        if by_a_limit(status, code):
            self.figures.throttled += 1  # the system is well: that neither opens a breaker nor closes one
        elif is_failure(status):
            self.figures.failures += 1
            self._note_failure()
        else:
            self._went_well()
        if definite and (call.operation.query or (call.stands is not None and call.stands())):
            call.done(call, "", ())  # there is nothing to be found, or it was done before
        elif definite:
            call.done(call, code or f"status-{status}", items)
        else:
            self._again(call, asked_s(response, self._world.unix()), code or f"status-{status}")

    def _note_failure(self) -> None:
        breaker = self._spec.breaker
        self._failures_in_a_row += 1
        if breaker is not None and (self._breaker_open or self._failures_in_a_row >= breaker.failures):
            self._breaker_open = True
            self._resume_at = max(self._resume_at, self._env.now + breaker.open_for)

    def _again(self, call: Call, wait_s: float, why: str) -> None:
        self._heed(wait_s)
        if self._has_had_enough(call):
            self._give_up(call, why)
            return
        pause_s = self._spec.retry.pause_s(call.attempts, self._draw("pause", call), wait_s)
        self._alive.later(pause_s, lambda _event: self._repeat(call))

    def _heed(self, wait_s: float) -> None:
        """A system asks for so much patience, perhaps of all calls."""
        retry, until_s = self._spec.retry, self._env.now + wait_s
        self.told_to_wait_until_s = max(self.told_to_wait_until_s, until_s)
        if wait_s and retry.heeds_for_all:
            self._resume_at = max(self._resume_at, until_s)

    def _has_had_enough(self, call: Call) -> bool:
        retry = self._spec.retry
        return retry.kind == "none" or (retry.budget > 0 and self._env.now - call.since >= retry.budget)

    def _give_up(self, call: Call, why: str) -> None:
        self.figures.given_up += 1
        call.done(call, f"{GAVE_UP}: {why}", ())

    def _repeat(self, call: Call) -> None:
        """Once more; what must not be done twice only when it is certain that it was not done, and will not be."""
        if call.life != self._alive.life:
            return
        if call.unsure and call.stands is not None:
            performance = call.performance
            if performance is not None and not performance.over:
                performance.on_over = lambda: self._alive.later(0.0, lambda _event: self._repeat(call))
                return
            if call.look is not None:
                operation, query = call.look
                asked = partial(self._looked, call)
                self._begin(Call(operation, query, f"{call.name}|look|{call.attempts}", asked, since=call.since))
                return
        self._looked(call, call)

    def _looked(self, call: Call, _asked: Call, why: str = "", _items: tuple[str, ...] = ()) -> None:
        """It is known whether it was done, or nobody could tell for too long."""
        if why:
            call.done(call, why, ())
            return
        if call.unsure and call.stands is not None and call.stands():
            call.done(call, "", ())
            return
        call.unsure = False
        self._submit(call)

    # --- Credentials --------------------------------------------------------------------------------------------

    def _token_ended(self, token: Token | None, response: WireResponse | None) -> None:
        if token is not None:
            self._headers = {**self._headers, b"authorization": b"Bearer " + token.access_token.encode()}
            self._alive.later(0.0, self._pump)
            return
        status = response.status if response is not None else 0
        wait_s = asked_s(response, self._world.unix())
        if is_failure(status):
            self._note_failure()
        self._heed(wait_s)
        tokens, retry = self._tokens, self._spec.retry
        u = self._world.draws.uniform(
            f"model|pause|token|{self.boundary.system.name}|{tokens.fetched}|{tokens.attempts}"
        )
        pause_s = retry.pause_s(tokens.attempts, u, wait_s)
        self._alive.later(pause_s, partial(self._token_again, self._alive.life))
        self._give_up_those_who_wait()

    def _token_again(self, life: int, _event: Any) -> None:
        if life == self._alive.life:
            self._tokens.asked = False
            self._pump()

    def _give_up_those_who_wait(self) -> None:
        """Without a token nothing is sent, and yet patience ends."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._waiting.extend(entry for entry in waiting if not self._has_had_enough(entry[0]))
        for call, _since in waiting:
            if self._has_had_enough(call):
                self._give_up(call, "no-token")
