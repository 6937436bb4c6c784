"""Connecting a target: an estate without a scenario, and live what is delivered, called, matched and missing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import msgspec

from pilotplant.channels.cloudevents import Outgoing
from pilotplant.channels.poster import Answer, NoAnswer
from pilotplant.dialects.codecs.codec import Unreadable, codec_of
from pilotplant.exchange.exchange import Exchange
from pilotplant.exchange.wire import WireResponse
from pilotplant.model.operation import Operation
from pilotplant.run.nearest import field_hint, nearest_operation
from pilotplant.run.preparation import Prepared
from pilotplant.run.stimulation import occur_once
from pilotplant.systems.system import System

_SHOWN_MAX = 200
_NOTES_SHOWN = 5

Kind = Literal[
    "delivered", "undelivered", "matched", "refused", "unmatched", "invalid", "unauthorized", "anonymous", "sent"
]


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was seen. `what` is an event or operation, `why` says what to do about it."""

    kind: Kind
    what: str
    where: str = ""
    about: str = ""
    status: int = 0
    why: str = ""


@dataclass
class Attachment:
    """What was seen so far, and what of it still misses."""

    prepared: Prepared
    say: Callable[[Notice], None]
    delivered: Counter[str] = field(default_factory=Counter)
    matched: Counter[str] = field(default_factory=Counter)
    problems: dict[tuple[str, str, str], Notice] = field(default_factory=dict)
    """The last notice of everything that is wrong, by kind, what and where; what went well since is taken out."""
    _samples: int = 0

    def watch(self) -> None:
        """Begin to watch; the target is subscribed already."""
        host = self.prepared.host
        for webhook in host.webhooks:
            webhook.on_answer = self._on_answer
        for boundary in host.boundaries.values():
            boundary.on_end = self._on_end
        for system in self.prepared.estate:
            system.on_effect = partial(self._on_effect, system)

    def send(self, stimulus: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Let one sample event happen."""
        self._samples += 1
        occur_once(self.prepared.estate, stimulus, parameters or {}, f"sample-{self._samples}")
        self.say(Notice("sent", stimulus))

    def on_elsewhere(self, method: str, path: str) -> None:
        """A call that leads to no system at all."""
        self._unmatched(method, path, "the estate")

    def _on_answer(self, event: Outgoing, answer: Answer | NoAnswer) -> None:
        about = "/".join(event.keys)
        key = ("undelivered", event.type, "")
        if isinstance(answer, NoAnswer):
            self._note(key, Notice("undelivered", event.type, about=about, why=f"no answer: {answer}"))
        elif 200 <= answer.status < 300:
            self.delivered[event.type] += 1
            self.problems.pop(key, None)
            self.say(Notice("delivered", event.type, about=about, status=answer.status))
        else:
            said = answer.body[:_SHOWN_MAX].decode("utf-8", "replace").strip()
            why = (
                "the target does not accept who we are: see `auth` of its `deliver`"
                if answer.status in (401, 403)
                else ""
            )
            why = why or (f"it says: {said}" if said else "it says nothing of why")
            self._note(key, Notice("undelivered", event.type, about=about, status=answer.status, why=why))

    def _on_end(self, exchange: Exchange) -> None:
        system = exchange.boundary.system
        if exchange.operation is None:
            self._on_other(exchange)
            return
        operation, response = exchange.operation, exchange.response
        about = "/".join(filter(None, map(str, exchange.keys)))
        told = _problem(response)
        code, detail = str(told.get("code", "")), str(told.get("detail", ""))
        key = (operation.name, system.name)
        if response.status < 400:
            self.matched[operation.name] += 1
            for kind in ("refused", "invalid", "unauthorized"):
                self.problems.pop((kind, *key), None)
            self.say(Notice("matched", operation.name, system.name, about, response.status))
        elif response.status == 401:
            why = f"{detail}; {_expected(exchange)}"
            self._note(("unauthorized", *key), Notice("unauthorized", operation.name, system.name, about, 401, why))
        elif code in ("invalid-request", "malformed-json", "unsupported-media-type"):
            hint = field_hint(operation, detail)
            why = f"{detail}; {hint}" if hint else detail or code
            notice = Notice("invalid", operation.name, system.name, about, response.status, why)
            self._note(("invalid", *key), notice)
        else:
            self.matched[operation.name] += 1
            why = f"{code} {detail}".strip() or f"status {response.status}"
            self._note(("refused", *key), Notice("refused", operation.name, system.name, about, response.status, why))

    def _on_other(self, exchange: Exchange) -> None:
        """A request for a token, or one that no operation takes."""
        request, boundary = exchange.request, exchange.boundary
        system, status = boundary.system, exchange.response.status
        if request.path == "/oauth/token":
            if status >= 400:
                why = f"{_problem(exchange.response).get('detail', '')}; {_expected(exchange)}"
                self._note(
                    ("unauthorized", "token", system.name),
                    Notice("unauthorized", "token", system.name, "", status, why),
                )
            else:
                self.problems.pop(("unauthorized", "token", system.name), None)
            return
        self._unmatched(request.method, _prefix(system) + request.path, system.name)

    def _unmatched(self, method: str, path: str, where: str) -> None:
        guess = nearest_operation(method, path[:_SHOWN_MAX], self._operations(where))
        why = f"nearest is {guess.operation}: {guess.why}" if guess else "nothing in the estate looks like it"
        call = f"{method} {path[:_SHOWN_MAX]}"
        self._note(("unmatched", call, where), Notice("unmatched", call, where, status=404, why=why))

    def _operations(self, first: str) -> dict[str, Mapping[str, Operation]]:
        systems = sorted(self.prepared.estate, key=lambda system: system.name != first)
        return {_prefix(system): system.operations for system in systems}

    def _on_effect(self, system: System, operation: str, effect: str, exchange: int) -> None:
        if not exchange:
            return
        missing = [
            name
            for name, part in zip(system.operations[operation].effect.keys, effect.split("|")[1:], strict=False)
            if part.startswith("?")
        ]
        for key in missing:
            why = f"nothing ties it to its cause: set `{key}`, or say in `identity` of the target where it stands"
            self._note(("anonymous", operation, key), Notice("anonymous", operation, system.name, key, why=why))

    def _note(self, key: tuple[str, str, str], notice: Notice) -> None:
        self.problems[key] = notice
        self.say(notice)

    def misses(self) -> list[str]:
        """What still keeps this target from being connected, in words."""
        found = [f"{notice.kind}: {_named(notice)}: {notice.why}" for notice in self.problems.values()]
        if self.prepared.connection.target.deliveries and not self.delivered:
            found.append("no event was delivered and acknowledged yet: send one (`--send mes.order.completed`)")
        if not self.matched:
            found.append("the target has called no operation yet")
        host = self.prepared.host
        found += [f"exceptions: {host.unread}"] if host.unread else []
        found += host.notes[:_NOTES_SHOWN]
        return found


async def attached(attachment: Attachment, send: list[str], for_s: float | None) -> None:
    """Send the samples, and watch: for so long, or until it is ended from outside."""
    for stimulus in send:
        attachment.send(stimulus)
    failed = attachment.prepared.host.failed.wait()
    try:
        async with asyncio.timeout(for_s):
            await failed
    except TimeoutError:
        return
    error = attachment.prepared.host.failure
    assert error is not None
    raise error


def _named(notice: Notice) -> str:
    return f"{notice.what} at {notice.where}" if notice.where else notice.what


def _prefix(system: System) -> str:
    return f"/{system.name.replace('@', '/')}"


def _problem(response: WireResponse) -> Mapping[str, Any]:
    """The problem document of an answer, whatever it is written in."""
    content_type = next((value for name, value in response.headers if name == b"content-type"), b"")
    codec = codec_of(content_type)
    if codec is None or response.status < 400:
        return {}
    try:
        told = codec.decode(response.body)
    except Unreadable:
        return {}
    return told if isinstance(told, dict) else {}


def _expected(exchange: Exchange) -> str:
    """What the door asks for. Which secret, nobody is told."""
    given = exchange.boundary.credentials
    name = exchange.boundary.system.name.upper().replace("@", "_")
    match given.kind:
        case "oauth2":
            endpoint = f"PILOTPLANT_{name}_TOKEN_URL"
            return f"expected is a bearer token of {given.client_id}, from its token endpoint ({endpoint})"
        case "api-key":
            return f"expected is the header x-api-key with the key of this run (PILOTPLANT_{name}_API_KEY)"
        case "basic":
            return f"expected is basic authorization as `{given.user}`"
        case _:
            return "no credentials are expected"
