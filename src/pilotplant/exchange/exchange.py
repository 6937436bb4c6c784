"""One request at the boundary, from first byte to last: what is recorded, decided and answered, without any I/O.

A driver opens an `Exchange` when the last byte of a request has arrived, performs its script, and tells it when the
first byte of the answer is about to go out and how it ended. Limits, faults and latency therefore exist once, for every
driver.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from pilotplant.exchange.authentication import Authenticator, Credentials, authenticator
from pilotplant.exchange.exposure import note_secrets
from pilotplant.exchange.idempotency import IdempotencyKeys
from pilotplant.exchange.latency import Latency
from pilotplant.exchange.limits.limit import Gate
from pilotplant.exchange.patience import MAY_ASK_TO_WAIT, Patience
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.exchange.refusing import refusal as refusal_of
from pilotplant.exchange.turns import Turn, Turns
from pilotplant.exchange.wire import Dialect, Route, WireRequest, WireResponse, fingerprint_of
from pilotplant.faults.plan import FaultPlan
from pilotplant.ledger.records import Ending, FaultBitten, Reject, Request, ResponseEnd, ResponseFirst, Reveals
from pilotplant.model.operation import Operation, Values, extractor
from pilotplant.model.outcome import Found, Outcome, Refused
from pilotplant.model.problem import (
    BodyTooLarge,
    PreconditionFailed,
    PreconditionRequired,
    RateLimited,
    Rejection,
    Unavailable,
)
from pilotplant.model.script import (
    NORMAL,
    REFUSE,
    Commit,
    Delay,
    Doom,
    Inner,
    Recall,
    Refuse,
    Rewrite,
    Script,
    parted,
)
from pilotplant.systems.system import System

_REVEALING = frozenset((409, 412))
"""Refusals that tell the caller something about the state, we cannot say what: they reveal everything."""


class Boundary:
    """The door of one system: everything that its profile puts between a caller and the operations."""

    def __init__(
        self,
        system: System,
        profile: ProfileSpec,
        credentials: Credentials,
        dialect: Dialect,
        faults: FaultPlan,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.system = system
        self.profile = profile
        self.credentials = credentials
        self.dialect = dialect
        self.faults = faults
        self.on_failure = on_failure
        self.authenticator: Authenticator = authenticator(system.name, profile, credentials, system.world.draws)
        self.limits = [Gate(spec) for spec in profile.limits]
        self.keys = IdempotencyKeys(profile.idempotency)
        self.ledger = system.ledger
        self.env = system.world.env
        self.open_exchanges = 0
        self.patience = Patience()
        self.turns = Turns()
        self.on_end: Callable[[Exchange], None] | None = None
        """Told of every exchange when it is over, for whoever watches a target being connected."""
        self.past: dict[tuple[str, bytes], deque[tuple[float, WireResponse]]] = {}
        """What queries were answered of late, for faults that answer with what is old."""
        self._latency = Latency(system.name, profile.latency, system.world.draws)
        self._extract: dict[str, Values] = {
            operation.name: extractor(operation.keys) for operation in system.kind.operations.values()
        }

    def open(self, request: WireRequest) -> "Exchange":
        """Begin an exchange: the request is recorded, and either refused or given its script."""
        route = self.dialect.route(request.method, request.path)
        refusal, command, taken = self._admit(request, route)
        operation = route.operation if isinstance(route, Route) else None
        keys = self._extract[operation.name](command) if operation is not None and command is not None else ()
        idempotency_key = request.headers.get(b"idempotency-key", b"").decode("latin-1")
        fingerprint = fingerprint_of(request) if request.method != "GET" else 0
        now = self.env.now
        seq = self.ledger.write(
            Request,
            now,
            self.system.number,
            self.ledger.operations[operation.name] if operation is not None else 0,
            keys,
            idempotency_key,
            fingerprint,
            request.connection,
            request.headers.get(b"traceparent", b"").decode("latin-1"),
            request.incarnation,
            self.ledger.body(request.body),
        )
        self.open_exchanges += 1
        self.patience.note_request(request, fingerprint, now)
        note_secrets(self.ledger, seq, self.system.number, operation, request, now)
        exchange = Exchange(self, seq, operation, command, keys, request, idempotency_key, fingerprint, taken)
        if refusal is not None:
            exchange.refuse(refusal)
        elif operation is not None:
            exchange.claim_key(operation, now)
            exchange.take(self._script(operation, keys, command, now))
            if operation.versioned and (self.turns.queues or not isinstance(exchange.script[0], Commit)):
                self._queue_up(exchange, operation)
        return exchange

    def _queue_up(self, exchange: "Exchange", operation: Operation) -> None:
        """What takes its time before it changes a document makes others wait that came later."""
        if any(isinstance(step, Commit) for step in exchange.script):
            exchange.turn = self.turns.take(self.system.documents(operation, exchange.command))

    def _admit(self, request: WireRequest, route: Route | Rejection) -> tuple[Rejection | Refuse | None, Any, int]:
        """The refusal (if any), the command (if it got that far), and how many limits took the request."""
        if not isinstance(route, Route):
            return route, None, 0
        now = self.env.now
        if refusal := self.authenticator.check(request.headers, now):
            return refusal, None, 0
        taken = 0
        for gate in self.limits:
            if refused := gate.take(now):
                for earlier in self.limits[:taken]:
                    earlier.limit.give_back()
                return refused, None, 0
            taken += 1
        if len(request.body) > self.profile.body_max_bytes:
            return BodyTooLarge(detail=f"at most {self.profile.body_max_bytes} bytes"), None, taken
        decoded = self.dialect.decode(route, request)
        if isinstance(decoded, Rejection):
            return decoded, None, taken
        identified = self.system.identified
        return None, decoded if identified is None else identified(route.operation, decoded), taken

    def _script(self, operation: Operation, keys: tuple[str, ...], command: Any, now: float) -> Script:
        script = NORMAL
        if not self._latency.none:
            took_s = self._latency.seconds(operation.name, keys, command)
            script = (Delay("", took_s), *script) if took_s > 0 else script
        if self.faults.active:
            script = self.faults.bend(script, operation.name, self.system.name, keys, now)
        return script


class Exchange:
    """One request that is being answered."""

    __slots__ = (
        "_amended",
        "_asked_to_wait_s",
        "_doom",
        "_earlier",
        "_executed_s",
        "_fingerprint",
        "_first",
        "_holds_key",
        "_idempotency_key",
        "_limited",
        "_opened_at",
        "_request",
        "_reveals",
        "_taken",
        "_then",
        "boundary",
        "command",
        "committed",
        "keys",
        "operation",
        "response",
        "script",
        "seq",
        "turn",
    )

    def __init__(
        self,
        boundary: Boundary,
        seq: int,
        operation: Operation | None,
        command: Any,
        keys: tuple[str, ...],
        request: WireRequest,
        idempotency_key: str,
        fingerprint: int,
        taken: int,
    ) -> None:
        self.boundary = boundary
        self.seq = seq
        self.operation = operation
        self.command = command
        self.keys = keys
        self.script: Script = NORMAL
        self.response = WireResponse(500, (), b"")
        self.committed = False
        self.turn: Turn | None = None
        """Its place among those who change the same document; it may be carried out when that has come."""
        self._request = request
        self._idempotency_key = idempotency_key
        self._fingerprint = fingerprint
        self._taken = taken
        self._asked_to_wait_s = 0.0
        self._limited = False
        """Whether a limit has said no, in whatever words: the very same request will come again."""
        self._opened_at = boundary.env.now
        self._executed_s = 0.0
        """How long it took the system, as its limits on that count it."""
        self._reveals = Reveals.OWN
        self._earlier: Rejection | WireResponse | None = None
        self._holds_key = False
        self._first: tuple[Inner, ...] = ()
        self._then: tuple[Inner, ...] = ()
        self._amended: list[str] = []
        """Faults that changed the answer; they have bitten when it goes out."""
        self._doom: Doom | None = None

    def take(self, script: Script) -> None:
        """Take on a script: what a driver is to perform of it, and what is done here."""
        self._first, self.script, self._then = parted(script)

    def refuse(self, refusal: Rejection | Refuse) -> None:
        """Answer with a refusal that came before the operation; that of a limit may say when to come again."""
        boundary = self.boundary
        self._limited = isinstance(refusal, Refuse)
        step = refusal if isinstance(refusal, Refuse) else Refuse(problem=refusal)
        self.script = REFUSE
        self._mark_revealing(step.problem.status)
        self._write_refusal(step.problem, step.retry_after_s)
        self.response = refusal_of(step, boundary.dialect, boundary.system.world.unix())
        self._negotiate()

    def claim_key(self, operation: Operation, now: float) -> None:
        """Look at the idempotency key, on arrival: what comes while the first request is worked on is a conflict."""
        keys = self.boundary.keys
        if operation.counted and keys.mode != "none":
            self._earlier = keys.admit(self._idempotency_key, self._fingerprint, now)
            self._holds_key = self._earlier is None and bool(self._idempotency_key)

    def commit(self) -> None:
        """Carry the operation out and prepare the answer. This is the synchronous step that changes state."""
        boundary = self.boundary
        try:
            if not any(self._forestall(step) for step in self._first):
                self._carry_out()
            for step in self._then:
                self._amend(step)
        except Exception as error:
            boundary.on_failure(error)
            self.response = boundary.dialect.refusal(Unavailable(detail="the simulator failed; see the run's output"))
        self._negotiate()
        self._executed_s = boundary.env.now - self._opened_at
        self._leave_queue()

    def _negotiate(self) -> None:
        if self.operation is not None:
            self.response = self.boundary.dialect.negotiated(self.response, self._request)

    def _leave_queue(self) -> None:
        if self.turn is not None:
            turn, self.turn = self.turn, None
            turn.leave()

    def _carry_out(self) -> None:
        boundary, operation = self.boundary, self.operation
        assert operation is not None
        if not operation.query and not self._pass_gates(operation):
            return
        self._answer(operation, boundary.system.apply(operation, self.command, self.seq))
        if self._holds_key:
            boundary.keys.settle(self._idempotency_key, self.response)
            self._holds_key = False

    def _answer(self, operation: Operation, outcome: Outcome) -> None:
        boundary = self.boundary
        if isinstance(outcome, Refused):
            self._mark_revealing(outcome.rejection.status)
            self.response = boundary.dialect.refusal(outcome.rejection)
            return
        status = operation.status
        if isinstance(outcome, Found):
            self._reveals = Reveals.EVERYTHING if outcome.reveals is None else Reveals.LISTED
            if not operation.query:
                status = 200
        else:
            self.committed = True
            self._doom_jobs(outcome.jobs)
        headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", boundary.dialect.content_type),)
        if outcome.etag:
            headers = (*headers, (b"etag", outcome.etag.encode()))
        self.response = WireResponse(status, headers, boundary.dialect.encode(outcome.result))

    def _forestall(self, step: Inner) -> bool:
        """A fault's step before the commit; whether there is nothing left to carry out."""
        match step:
            case Refuse():
                if step.fault:  # else another step of the fault says what the caller gets
                    self.bitten(step.fault)
                    self._deny(step)
                return True
            case Recall():
                return self._recall(step)
            case Doom():
                self._doom = step
        return False

    def _amend(self, step: Inner) -> None:
        """A fault's step after the commit: the answer is another."""
        before = self.response
        if isinstance(step, Rewrite):
            self.response = WireResponse(*step.rewrite(before))
        elif isinstance(step, Refuse):
            self.response = refusal_of(step, self.boundary.dialect, self.boundary.system.world.unix())
        if self.response != before:
            self._amended.append(step.fault)

    def _deny(self, step: Refuse) -> None:
        """Refuse, though nothing speaks against it. Only a refusal for good says what it is that will not be."""
        boundary, operation, problem = self.boundary, self.operation, step.problem
        if step.revoke:
            boundary.authenticator.revoke(self._request.headers)
        if step.lasting and operation is not None:
            boundary.system.reject(operation, self.command, problem, self.seq)
        else:
            self._write_refusal(problem, step.retry_after_s)
        self.response = refusal_of(step, boundary.dialect, boundary.system.world.unix())

    def _recall(self, step: Recall) -> bool:
        """Answer with what is old. It reveals nothing that its first answer had not revealed."""
        boundary, now = self.boundary, self.boundary.env.now
        question = (self._request.path, self._request.query)
        past = boundary.past.setdefault(question, deque())
        while past and past[0][0] < now - step.lag_s:
            past.popleft()
        if past:
            self.bitten(step.fault)
            self.response = past[0][1]
            return True
        self._carry_out()
        past.append((now, self.response))
        return True

    def _doom_jobs(self, jobs: tuple[Any, ...]) -> None:
        doom = self._doom
        if doom is not None and jobs:
            for job in jobs:
                job.doomed = doom.reason
            self.bitten(doom.fault)

    def _pass_gates(self, operation: Operation) -> bool:
        """Idempotency key and entity tag; a refusal or a replayed answer is prepared where they say so."""
        boundary, earlier = self.boundary, self._earlier
        if isinstance(earlier, Rejection):
            self._record_refusal(earlier)
            self.response = boundary.dialect.refusal(earlier)
            return False
        if earlier is not None:
            self.response = earlier
            self._reveals = Reveals.EVERYTHING  # what the first request did, which was not recorded under this one
            return False
        if operation.etag is not None:
            given = self._request.headers.get(b"if-match", b"").decode("latin-1")
            current = operation.etag(boundary.system.state, self.command)
            refusal: Rejection | None = None
            if current and not given:
                refusal = PreconditionRequired()
            elif current and given not in ("*", current):
                refusal = PreconditionFailed(detail=f"the present tag is {current}")
            if refusal is not None:
                self._record_refusal(refusal)
                self.response = boundary.dialect.refusal(refusal)
                return False
        return True

    def _record_refusal(self, rejection: Rejection) -> None:
        self._mark_revealing(rejection.status)
        self._write_refusal(rejection)

    def _write_refusal(self, rejection: Rejection, wait_s: float = 0.0) -> None:
        boundary = self.boundary
        boundary.ledger.write(
            Reject,
            boundary.env.now,
            boundary.system.number,
            self.seq,
            self._number,
            "",
            0,
            rejection.code,
            rejection.status,
            rejection.definite,
            True,
            wait_s or getattr(rejection, "retry_after_s", 0.0),
        )

    @property
    def request(self) -> WireRequest:
        """What was asked."""
        return self._request

    @property
    def _number(self) -> int:
        """The operation's number in the ledger's table."""
        return self.boundary.ledger.operations[self.operation.name] if self.operation is not None else 0

    def _mark_revealing(self, status: int) -> None:
        if status in _REVEALING:
            self._reveals = Reveals.EVERYTHING

    def first_byte(self) -> None:
        """The first byte of the answer is about to be handed to the transport."""
        boundary = self.boundary
        for fault in self._amended:
            self.bitten(fault)
        if self.response.status in MAY_ASK_TO_WAIT:
            unix = boundary.system.world.unix()
            self._asked_to_wait_s = boundary.patience.note_answer(self.response, boundary.env.now, unix)
        boundary.ledger.write(
            ResponseFirst,
            boundary.env.now,
            boundary.system.number,
            self.seq,
            self.response.status,
            self._reveals,
        )

    def bitten(self, fault: str) -> None:
        """A step that a fault put into the script was performed."""
        boundary = self.boundary
        boundary.faults.bitten[fault] += 1
        boundary.ledger.write(FaultBitten, boundary.env.now, fault, boundary.system.number, self.seq)

    def end(self, ending: Ending) -> None:
        """The exchange is over."""
        self._leave_queue()
        boundary = self.boundary
        now = boundary.env.now
        boundary.ledger.write(
            ResponseEnd,
            now,
            boundary.system.number,
            self.seq,
            ending,
            self._kept_body(ending),
        )
        for gate in boundary.limits[: self._taken]:
            gate.limit.done(now, self._executed_s)
        if self._holds_key:  # nothing was carried out
            boundary.keys.release(self._idempotency_key)
        boundary.open_exchanges -= 1
        if boundary.on_end is not None:
            boundary.on_end(self)
        limited = self._limited or self.response.status == RateLimited.status
        if ending is not Ending.SENT or limited or self.response.status >= 500:
            boundary.patience.note_failure(self._request, self._fingerprint, now + self._asked_to_wait_s)

    def _kept_body(self, ending: Ending) -> int:
        return self.boundary.ledger.body(self.response.body) if ending is not Ending.DROPPED else 0
