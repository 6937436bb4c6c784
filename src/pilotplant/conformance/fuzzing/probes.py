"""What schema checks cannot see: the meaning of idempotency keys, entity tags, credentials and Retry-After.

A probe looks at a request that was carried out (or put off) and asks the system again in ways whose answer is known.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from pilotplant.drive.direct import DirectHost, Reply
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.exchange.wire import WireRequest
from pilotplant.model.operation import Operation
from pilotplant.systems.system import System

TIMES_MAX = 25
"""So often is each operation probed by each probe."""
REFUSAL = "refusal"
"""The check that is made of every answer, those to probes included."""
LIMIT_REQUESTS = 12_000
"""So many requests are sent at most to meet a limit."""


class Sent(NamedTuple):
    """A request and what came of it."""

    operation: Operation
    request: WireRequest
    reply: Reply


Complaint = tuple[str, Sent]
"""What is wrong, and the request that shows it."""


@dataclass
class Caller:
    """Calls one system, as somebody who is let in."""

    host: DirectHost
    system: System
    profile: ProfileSpec
    headers: Mapping[bytes, bytes]
    keys: int = 0
    judged: Counter[str] = field(default_factory=Counter)
    probed: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: dict[int, Sent] = field(default_factory=dict)
    """What was refused, by exchange: requests and probes alike."""
    broken: list[Complaint] = field(default_factory=list)
    """Refusals that changed the state, and that nobody has taken note of yet."""

    def ask(self, operation: Operation, request: WireRequest, *, watched: bool = True) -> Sent:
        """Send a request, and see that the state stays what it is if it is refused."""
        sent = Sent(operation, request, self.host.send(self.system, request, watched=watched))
        reply = sent.reply
        if reply.status >= 400:
            self.refused[reply.exchange] = sent
            if reply.changed is not None:
                self.judged[REFUSAL] += 1
            if reply.changed:
                self.broken.append((f"the answer is {reply.status}, and the state was changed", sent))
        return sent

    def again(
        self, sent: Sent, headers: Mapping[str, str] | None = None, *, drop: bytes = b"", body: bytes | None = None
    ) -> Sent:
        """The same request with other headers, or another body."""
        kept = {name: value for name, value in sent.request.headers.items() if name != drop}
        given = {name.encode(): value.encode("latin-1") for name, value in (headers or {}).items()}
        request = sent.request._replace(headers={**kept, **given})
        if body is not None:
            request = request._replace(body=body)
        return self.ask(sent.operation, request)

    def new_key(self) -> str:
        """An idempotency key that nobody has used."""
        self.keys += 1
        return f"probe-{self.system.name}-{self.keys}"

    def due(self, probe: str, operation: Operation) -> bool:
        """Whether a probe is to look at one more request of this operation."""
        self.probed[probe, operation.name] += 1
        return self.probed[probe, operation.name] <= TIMES_MAX


Probe = Callable[[Caller, Sent], Iterator[Complaint]]


def idempotency(caller: Caller, sent: Sent) -> Iterator[Complaint]:
    """One key, one effect: the same request again changes nothing, another under its key is refused."""
    mode = caller.profile.idempotency
    carried_out = sent.reply.status < 300
    if mode == "none" or not sent.operation.counted or not carried_out or not caller.due("idempotency", sent.operation):
        return
    caller.judged["idempotency"] += 1
    key = caller.new_key()
    first = caller.again(sent, {"idempotency-key": key})
    again = caller.again(sent, {"idempotency-key": key})
    if again.reply.changed:
        yield "the same request under the same idempotency key changed the state once more", again
    if mode == "stripe" and (again.reply.status, again.reply.response.body) != (
        first.reply.status,
        first.reply.response.body,
    ):
        yield f"the first answer was {first.reply.status}, the same under the same key {again.reply.status}", again
    if mode == "strict" and first.reply.status < 300 and again.reply.status != 409:
        yield f"a request that was accepted is answered {again.reply.status} under the same key, not 409", again
    if first.reply.status >= 300 and mode == "strict":
        return  # what was refused leaves its key free
    different = sent.request.body + b" " if sent.request.body else b"{}"
    other = caller.again(sent, {"idempotency-key": key}, body=different)
    if other.reply.status != 422 or other.reply.changed:
        yield f"other bytes under the same key are answered {other.reply.status}, not refused with 422", other
    if mode == "strict":
        keyless = caller.again(sent, drop=b"idempotency-key")
        if keyless.reply.status != 400 or keyless.reply.changed:
            yield f"a request without a key is answered {keyless.reply.status}, not 400", keyless


def entity_tag(caller: Caller, sent: Sent) -> Iterator[Complaint]:
    """A change needs the tag of what is there: none is 428, an old one 412, and neither changes anything."""
    operation = sent.operation
    if operation.etag is None or sent.reply.status >= 300 or not caller.due("entity tag", operation):
        return
    caller.judged["entity tag"] += 1
    tag = sent.reply.header(b"etag")
    if not tag:
        yield "a change was carried out, and its answer has no ETag", sent
        return
    for status, asked in (
        (428, caller.again(sent, _key(caller), drop=b"if-match")),
        (412, caller.again(sent, {"if-match": '"of another time"', **_key(caller)})),
    ):
        if asked.reply.status != status or asked.reply.changed:
            yield f"a change that has to be refused with {status} is answered {asked.reply.status}", asked
    changed = caller.again(sent, {"if-match": tag, **_key(caller)})
    if changed.reply.status in (412, 428):
        yield f"a change with the tag of the latest answer is refused with {changed.reply.status}", changed
    if changed.reply.status < 300:
        stale = caller.again(sent, {"if-match": tag, **_key(caller)})
        if changed.reply.header(b"etag") == tag or stale.reply.status != 412 or stale.reply.changed:
            yield f"a tag is good for a second change, which is answered {stale.reply.status}, not 412", stale


def _key(caller: Caller) -> dict[str, str]:
    """Where keys are remembered, a probe of something else must not meet an answer of before."""
    return {"idempotency-key": caller.new_key()} if caller.profile.idempotency != "none" else {}


def credentials(caller: Caller, sent: Sent) -> Iterator[Complaint]:
    """Nobody is let in without credentials, or with those of somebody else."""
    if not caller.headers or sent.reply.status >= 300 or not caller.due("credentials", sent.operation):
        return
    caller.judged["credentials"] += 1
    (name,) = caller.headers
    for asked in (
        caller.again(sent, _key(caller), drop=name),
        caller.again(sent, {name.decode(): "Bearer of-another-system", **_key(caller)}),
    ):
        if asked.reply.status != 401 or asked.reply.changed:
            yield f"a request without valid credentials is answered {asked.reply.status}, not 401", asked


def retry_after(caller: Caller, sent: Sent) -> Iterator[Complaint]:
    """Who was told to wait, and waited, is let in."""
    if sent.reply.status != 429:
        return
    caller.judged["retry-after"] += 1
    told = sent.reply.header(b"retry-after")
    if not told.isdigit():
        return  # some limits do not say for how long
    caller.host.pass_time(float(told))
    asked = caller.again(sent, _key(caller))
    if asked.reply.status == 429:
        yield f"Retry-After said {told} s, and after {told} s the answer is 429 again", asked


PROBES: Mapping[str, Probe] = {
    "entity tag": entity_tag,  # first: what the others send may change the document, and so its tag
    "idempotency": idempotency,
    "credentials": credentials,
    "retry-after": retry_after,
}


def meet_limit(caller: Caller, sent: Sent) -> Sent | None:
    """Ask the same question without a pause until there is too much of it."""
    for _ in range(LIMIT_REQUESTS):
        asked = caller.ask(sent.operation, sent.request, watched=False)
        if asked.reply.status == 429:
            return asked
    return None


def body_of(reply: Reply) -> object:
    """An answer's body, if it is JSON."""
    try:
        return msgspec.json.decode(reply.response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
