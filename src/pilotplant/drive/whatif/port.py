"""The model's side of one system: credentials, how many calls are open, pauses, a circuit breaker, and repeating."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Protocol

import msgspec

from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.performance import Performance, Stage
from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.token_exchange import open_token
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.kernel.world import World
from pilotplant.model.operation import Command, Operation
from pilotplant.model.problem import RateLimited, RequestLimitExceeded

_MAY_PASS = frozenset((401, 408, 423, 425, 429))
"""Refusals after which the same may succeed; what a document says of itself (`definite`) goes before."""
_LIMITS = frozenset((RateLimited.code, RequestLimitExceeded.code))
"""What a document says of itself where a limit was reached, whatever its status."""
GAVE_UP = "gave-up"
"""How the reason begins where nothing was refused."""
_TOKEN_MARGIN = 0.95


class Alive(Stage, Protocol):
    """The middleware as a whole, as its ports see it."""

    incarnation: int
    """How often it was started: what requests carry."""
    life: int
    """Changes when it dies and when it returns: what was begun in another life is nobody's any more."""
    alive: bool

    def thawed(self, action: Callable[[], None]) -> bool:
        """Whether it moves; if it stands still, `action` is called when it goes on."""
        ...


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
        self._failures_in_a_row = 0
        self._trying = False
        self._breaker_open = False
        self._headers: dict[bytes, bytes] = {b"content-type": boundary.dialect.content_type}
        self._token_until = float("inf")
        self._token_asked = False
        self._tokens = 0
        given = boundary.credentials
        self._oauth = given.kind == "oauth2"
        if self._oauth:
            self._token_until = -1.0
            form = f"grant_type=client_credentials&client_id={given.client_id}&client_secret={given.client_secret}"
            self._form = form.encode()
        elif given.kind == "api-key":
            self._headers[b"x-api-key"] = given.api_key.encode()

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return len(self._waiting)

    def call(self, call: Call) -> None:
        """Take charge of a call."""
        self.figures.calls += 1
        call.since = self._env.now
        call.life = self._alive.life
        self._submit(call)

    def forget(self) -> None:
        """The middleware died: what waited here is forgotten, what is open has nobody who waits for it."""
        for performance in self._performances.values():
            performance.gone = True
        self._performances.clear()
        self._waiting.clear()
        self._open = 0
        self._resume_at = 0.0
        self._failures_in_a_row = 0
        self._breaker_open = self._trying = self._token_asked = False
        if self._oauth:
            self._token_until = -1.0

    def _submit(self, call: Call) -> None:
        if not self._waiting and self._may_send():
            self._send(call)
        else:
            self._waiting.append((call, self._env.now))
            self._wake_later()

    def _may_send(self) -> bool:
        if self._open >= self._places or self._env.now < self._resume_at:
            return False
        if self._breaker_open and self._trying:
            return False
        if self._env.now >= self._token_until:
            self._ask_token()
            return False
        return True

    def _pump(self, _event: Any = None) -> None:
        waiting = self._waiting
        while waiting and self._may_send():
            call, since = waiting.popleft()
            self.figures.waited_s += self._env.now - since
            self._send(call)
        self._wake_later()

    def _wake_later(self) -> None:
        """Where time alone lets the next one go, see to it that it goes."""
        now = self._env.now
        if self._waiting and self._resume_at > now and not now < self._due <= self._resume_at:
            self._due = self._resume_at
            self._alive.later(self._resume_at - now, self._pump)

    # --- One attempt --------------------------------------------------------------------------------------------

    def _send(self, call: Call) -> None:
        if not self._alive.thawed(partial(self._send, call)):
            return
        self._open += 1
        self._trying = self._breaker_open
        call.attempts += 1
        self.figures.attempts += 1
        network = self._spec.network
        if network.none:
            self._arrive(call, self._env.now)
        else:
            delay_s = network.at(self._draw("there", call))
            self._alive.later(delay_s, lambda _event: self._arrive(call, self._env.now - delay_s))

    def _draw(self, what: str, call: Call) -> float:
        return self._world.draws.uniform(f"model|{what}|{call.name}|{call.attempts}")

    def _arrive(self, call: Call, sent_at: float) -> None:
        if call.life != self._alive.life:
            return
        boundary, attempt = self.boundary, call.attempts
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
        if performance.patience_needed_s >= self._spec.timeout:
            self._alive.later(self._spec.timeout, lambda _event: self._out_of_time(call, attempt, sent_at, performance))
        performance.go()

    def _out_of_time(self, call: Call, attempt: int, sent_at: float, performance: Performance) -> None:
        if not performance.over and not performance.gone:
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
        if call.life != self._alive.life or call.attempts != attempt:
            return
        if not self._alive.thawed(partial(self._answered, call, attempt, sent_at, response)):
            return
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
        self._breaker_open = self._trying = False

    # --- What did not go well -----------------------------------------------------------------------------------

    def _failed(self, call: Call, response: WireResponse | None) -> None:
        status = response.status if response is not None else 0
        code, items, definite = _told(response)
        call.unsure |= status < 400 or status >= 500 or status == 409
        if call.operation.query:
            call.done(call, "", ())  # it was only asked for its cost
            return
        if status == 401:
            self._token_until = min(self._token_until, -1.0) if self._oauth else self._token_until
        if status == 429 or code in _LIMITS:
            self.figures.throttled += 1
        elif status < 400 or status >= 500:
            self.figures.failures += 1
            self._note_failure()
        else:
            self._went_well()
        if definite and call.stands is not None and call.stands():
            call.done(call, "", ())  # refused because it was done before
        elif definite:
            call.done(call, code or f"status-{status}", items)
        else:
            self._again(call, _asked_s(response, self._world.unix()), code or f"status-{status}")

    def _note_failure(self) -> None:
        breaker = self._spec.breaker
        self._failures_in_a_row += 1
        self._trying = False
        if breaker is not None and (self._breaker_open or self._failures_in_a_row >= breaker.failures):
            self._breaker_open = True
            self._resume_at = max(self._resume_at, self._env.now + breaker.open_for)

    def _again(self, call: Call, asked_s: float, why: str) -> None:
        retry, now = self._spec.retry, self._env.now
        if retry.kind == "none" or (retry.budget and now - call.since >= retry.budget):
            self.figures.given_up += 1
            call.done(call, f"{GAVE_UP}: {why}", ())
            return
        pause_s = retry.pause_s(call.attempts, self._draw("pause", call), asked_s)
        self.told_to_wait_until_s = max(self.told_to_wait_until_s, now + asked_s)
        if asked_s and retry.honours_retry_after and retry.pauses == "system":
            self._resume_at = max(self._resume_at, now + asked_s)
        self._alive.later(pause_s, lambda _event: self._repeat(call))

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
                self.call(Call(operation, query, f"{call.name}|look|{call.attempts}", asked))
                return
        self._looked(call, call)

    def _looked(self, call: Call, _asked: Call, _why: str = "", _items: tuple[str, ...] = ()) -> None:
        """It is known whether it was done."""
        if call.unsure and call.stands is not None and call.stands():
            call.done(call, "", ())
            return
        call.unsure = False
        self._submit(call)

    # --- Credentials --------------------------------------------------------------------------------------------

    def _ask_token(self) -> None:
        if self._token_asked:
            return
        self._token_asked = True
        self._tokens += 1
        life = self._alive.life
        request = WireRequest("POST", "/oauth/token", b"", {}, self._form, 0, self._alive.incarnation)
        given = self.boundary.credentials
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id,
            "client_secret": given.client_secret,
        }
        exchange = open_token(self.boundary, form, request)
        performance = Performance(exchange, self._alive, partial(self._token_came, life))
        if performance.patience_needed_s >= self._spec.timeout:
            self._alive.later(self._spec.timeout, lambda _event: self._token_late(life, performance))
        performance.go()

    def _token_late(self, life: int, performance: Performance) -> None:
        if not performance.over and not performance.gone:
            performance.gone = True
            self._token_came(life, None)

    def _token_came(self, life: int, response: WireResponse | None) -> None:
        if life != self._alive.life:
            return
        if response is None or response.status >= 300:
            again_s = self._spec.retry.pause_s(1, 0.5, _asked_s(response, self._world.unix()))
            self._alive.later(again_s, partial(self._token_again, life))
            return
        self._token_asked = False
        token = msgspec.json.decode(response.body)
        self._headers = {**self._headers, b"authorization": b"Bearer " + token["access_token"].encode()}
        self._token_until = self._env.now + token["expires_in"] * _TOKEN_MARGIN
        self._alive.later(0.0, self._pump)

    def _token_again(self, life: int, _event: Any) -> None:
        if life == self._alive.life:
            self._token_asked = False
            self._ask_token()


def _told(response: WireResponse | None) -> tuple[str, tuple[str, ...], bool]:
    """What a refusal says of itself: its code, the items that are missing, and whether it is for good."""
    if response is None:
        return "no-answer", (), False
    code = ""
    items: tuple[str, ...] = ()
    definite = 400 <= response.status < 500 and response.status not in _MAY_PASS
    try:
        document = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return code, items, definite
    if isinstance(document, dict):
        code = str(document.get("code", ""))
        definite = definite and code not in _LIMITS and document.get("definite", True) is not False
        items = tuple(map(str, document.get("items", ())))
    return code, items, definite


def _asked_s(response: WireResponse | None, unix: float) -> float:
    """How long an answer asks its caller to wait."""
    if response is None:
        return 0.0
    for name, value in response.headers:
        if name == b"retry-after":
            told = value.decode("latin-1")
            if told.isdigit():
                return float(told)
            try:
                return max(0.0, parsedate_to_datetime(told).timestamp() - unix)
            except ValueError:
                return 0.0
    return 0.0
