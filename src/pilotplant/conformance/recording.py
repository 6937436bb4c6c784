"""Makes pacts of a run: what a middleware asked and was answered, and what it was told, as examples with matchers.

They say what was, not what anybody relies on. So they are labelled as derived, and nothing counts as covered by them.
Of many exchanges with the same shape one is kept; those for which no provider state is declared are left out and named.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from pilotplant.conformance.blotting import blotted, blotted_path
from pilotplant.conformance.verification import Checked
from pilotplant.contracts.pacts import DERIVED, Interaction, interactions
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import AnyRecord, Deliver, Emit, FaultBitten, Request, ResponseEnd, ResponseFirst
from pilotplant.model.errors import LedgerError
from pilotplant.model.operation import Operation
from pilotplant.model.verdict import Verdict
from pilotplant.run.identity import RunInfo
from pilotplant.systems import catalog
from pilotplant.systems.provider_states import ProviderState, states_of

_PARAMETER = re.compile(r"\{(\w+)\}")
_JSON = "application/json"
_PROBLEM = "application/problem+json"
_EVENT = "application/cloudevents+json"


@dataclass
class Recorded:
    """The pacts of a run by provider, and what was left out, with the reason."""

    consumer: str
    pacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    seen: int = 0

    @property
    def interactions(self) -> int:
        """How many interactions there are in all pacts."""
        return sum(len(pact["interactions"]) for pact in self.pacts.values())

    def taken_apart(self) -> list[Interaction]:
        """Each interaction by itself, to be tried out."""
        return [each for provider, pact in self.pacts.items() for each in interactions(pact, provider)]

    def leave_out(self, checked: Iterable[Checked]) -> None:
        """Leave out what did not come about again: nobody could tell a changed simulator from a state that is
        lacking."""
        for each in checked:
            if each.verdict is Verdict.PASS:
                continue
            kept = self.pacts[each.provider]["interactions"]
            kept[:] = [entry for entry in kept if entry["description"] != each.description]
            why = [each.sentence, *(mismatch.sentence for mismatch in each.mismatches)]
            self.left_out[f"{each.description}: tried out, it does not come about again ({'; '.join(why)})"] += 1
        self.pacts = {provider: pact for provider, pact in self.pacts.items() if pact["interactions"]}

    def write(self, folder: Path) -> dict[Path, int]:
        """Write each pact into a file of its own; returns how many interactions each holds."""
        folder.mkdir(parents=True, exist_ok=True)
        written = {}
        for provider, pact in sorted(self.pacts.items()):
            path = folder / (re.sub(r"[^\w.@+-]+", "_", f"{self.consumer}-{provider}").lstrip(".") + ".json")
            path.write_bytes(msgspec.json.format(msgspec.json.encode(pact), indent=2) + b"\n")
            written[path] = len(pact["interactions"])
        return written


def record(directory: Path, consumer: str = "") -> Recorded:
    """The pacts of the run in this directory."""
    try:
        info = msgspec.json.decode((directory / "run.json").read_bytes(), type=RunInfo)
    except (OSError, msgspec.DecodeError) as error:
        raise LedgerError(f"{directory} holds no run: {error}") from None
    return _Recorder(Ledger(directory), info, consumer or info.target).recorded()


@dataclass
class _Exchange:
    request: Request
    status: int = 0
    body: int = 0
    touched: bool = False
    """Whether a fault struck: then the answer is not the system's word."""


class _Recorder:
    """Reads a ledger once."""

    def __init__(self, ledger: Ledger, info: RunInfo, consumer: str) -> None:
        self._ledger = ledger
        self._header = ledger.header
        self._names = [named.name for named in ledger.header.operations]
        self._found = Recorded(consumer)
        self._shapes: set[str] = set()
        self._open: dict[int, _Exchange] = {}
        self._emits: dict[int, Emit] = {}
        estate = info.configuration.get("estate", {}).get("estate", "")
        origin = {"run": info.run, "estate": estate, "seed": info.seed, "epoch": ledger.header.epoch}
        self._metadata = {"pactSpecification": {"version": "4.0"}, DERIVED: {"derived": True, **origin}}

    def recorded(self) -> Recorded:
        """Everything that could be made of it."""
        for entry in self._ledger:
            self._take(entry)
        for pact in self._found.pacts.values():
            pact["interactions"].sort(key=lambda interaction: interaction["description"])
        return self._found

    def _take(self, entry: AnyRecord) -> None:
        match entry:
            case Request() if self._names[entry.operation] in catalog.operations():
                self._open[entry.seq] = _Exchange(entry)
            case ResponseFirst() if exchange := self._open.get(entry.exchange):
                exchange.status = entry.status
            case FaultBitten() if exchange := self._open.get(entry.touched):
                exchange.touched = True
            case ResponseEnd() if exchange := self._open.pop(entry.exchange, None):
                exchange.body = entry.body
                if exchange.status and not exchange.touched:
                    self._exchange(exchange)
            case Emit():
                self._emits[entry.seq] = entry
            case Deliver() if not entry.bent and (emit := self._emits.pop(entry.emit, None)):
                self._message(emit)

    def _exchange(self, exchange: _Exchange) -> None:
        """An exchange that was answered in full."""
        self._found.seen += 1
        request = exchange.request
        operation = catalog.operations()[self._names[request.operation]]
        sent, answered = self._json(request.body), self._json(exchange.body)
        if operation.query and "cursor" in operation.command.__struct_fields__ and _page_is_later(answered):
            return  # with which cursor it was asked for is not known
        code = str(answered.get("code", "")) if exchange.status >= 400 and isinstance(answered, dict) else ""
        wanted = f"{operation.name}!{code}" if code else operation.name
        if exchange.status == 200 != operation.status:
            wanted += AGAIN
        keys = dict(zip(operation.keys, request.keys, strict=False))
        if exchange.status in (401, 429) or exchange.status >= 500 or not all(keys.get(n) for n in _in_path(operation)):
            return
        shape = f"{operation.name}|{exchange.status}|{code}|{_shape(sent)}|{_shape(answered)}"
        if shape in self._shapes:
            return
        system = self._header.systems[request.system]
        plant = system.partition("@")[2]
        states = self._states(wanted, {**({"plant": plant} if plant else {}), **keys}, sent, answered, operation)
        if states is None:
            self._found.left_out[f"{wanted}: no provider state is declared for it"] += 1
            return
        self._shapes.add(shape)
        self._keep(operation.system, {
            "type": "Synchronous/HTTP",
            "description": f"{operation.name} is answered {exchange.status}{f' {code}' if code else ''}, as in a run",
            **states,
            "request": _request(operation, keys, sent, request.idempotency_key),
            "response": _response(exchange.status, answered, operation),
        })  # fmt: skip

    def _message(self, emit: Emit) -> None:
        """An event that was delivered as it was stated."""
        self._found.seen += 1
        name, data = self._names[emit.operation], self._json(emit.body)
        shape = f"{name}|{_shape(data)}"
        if shape in self._shapes or name not in catalog.events():
            return
        states = self._states(name, {}, data, None)
        if states is None:
            self._found.left_out[f"{name}: no provider state is declared for it"] += 1
            return
        self._shapes.add(shape)
        content = {"specversion": "1.0", "type": name, "data": data}
        contents = {"content": blotted(content), "contentType": _EVENT, "encoded": False}
        rules = {"body": dict(_rules(content["data"], "$.data"))}
        message = {"type": "Asynchronous/Messages", "description": f"{name} is stated, as in a run"}
        described = {**message, **states, "contents": contents, "matchingRules": rules}
        self._keep(catalog.events()[name].system, described | {"metadata": {"contentType": _EVENT}})

    def _states(
        self, wanted: str, keys: Mapping[str, Any], sent: Any, answered: Any, asked: Operation | None = None
    ) -> dict[str, Any] | None:
        """What has to hold for it to happen again; nothing if nobody says what that is."""
        if asked and isinstance(answered, dict) and answered.get("items") == [] and not _in_path(asked):
            return {}  # nothing has to be there for nothing to be found
        declared = [state for state in states_of(wanted.partition(".")[0]).values() if wanted in state.lets]
        if not declared:
            return {} if wanted in _NEEDS_NOTHING else None
        (state, *_others) = declared
        return {"providerStates": [{"name": state.name, "params": blotted(_parameters(state, keys, sent, answered))}]}

    def _keep(self, provider: str, interaction: dict[str, Any]) -> None:
        pact = self._found.pacts.setdefault(
            provider,
            {
                "consumer": {"name": self._found.consumer},
                "provider": {"name": provider},
                "interactions": [],
                "metadata": self._metadata,
            },
        )
        alike = sum(each["description"].startswith(interaction["description"]) for each in pact["interactions"])
        if alike:
            interaction["description"] += f" ({alike + 1})"
        pact["interactions"].append(interaction)

    def _json(self, offset: int) -> Any:
        try:
            return msgspec.json.decode(self._ledger.body(offset)) if offset else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


AGAIN = " again"
"""After the name of an operation: it was carried out before, and is answered what it came to."""
_NEEDS_NOTHING = frozenset(("desk.exception.raise",))
"""Operations that are possible in any state."""


def _page_is_later(answered: Any) -> bool:
    return not isinstance(answered, dict) or not answered.get("items")


def _in_path(operation: Operation) -> list[str]:
    return _PARAMETER.findall(operation.path)


def _request(operation: Operation, keys: Mapping[str, str], sent: Any, idempotency_key: str) -> dict[str, Any]:
    path = _PARAMETER.sub(lambda found: quote(keys[found[1]], safe=""), operation.path)
    request: dict[str, Any] = {"method": operation.method, "path": blotted_path(path)}
    headers: dict[str, list[str]] = {}
    if operation.query:
        asked = {name: [value] for name, value in keys.items() if name not in _in_path(operation) and value}
        if asked:
            request["query"] = blotted(asked)
    elif sent is not None:
        headers["Content-Type"] = [_JSON]
        request["body"] = {"content": blotted(sent), "contentType": _JSON, "encoded": False}
    if idempotency_key:
        headers["Idempotency-Key"] = ["recorded"]
    if operation.etag is not None:
        headers["If-Match"] = ["*"]
    return {**request, "headers": headers} if headers else request


def _response(status: int, answered: Any, operation: Operation) -> dict[str, Any]:
    if answered is None:
        return {"status": status}
    kind = _PROBLEM if status >= 400 else _JSON
    rules: dict[str, Any] = {"header": {"Content-Type": _rule("regex", regex=f"{re.escape(kind)}(;.*)?")}}
    if status >= 400:
        kept = {name: answered[name] for name in ("code", "definite", "status") if name in answered}
        body: Any = kept
    else:
        body = answered
        rules["body"] = dict(_rules(answered, "$"))
    content = {"content": blotted(body), "contentType": kind, "encoded": False}
    return {"status": status, "headers": {"Content-Type": [kind]}, "body": content, "matchingRules": rules}


def _rule(match: str, **more: Any) -> dict[str, Any]:
    return {"combine": "AND", "matchers": [{"match": match, **more}]}


def _rules(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """A matcher for every leaf: another value of the same type is as good."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _rules(inner, f"{place}.{name}" if name.isidentifier() else f"{place}['{name}']")
    elif isinstance(value, list):
        yield place, _rule("type", min=1) if value else _rule("type", min=0)
        if value:
            yield from _rules(value[0], f"{place}[*]")
    elif isinstance(value, bool | str) or value is None:
        yield place, _rule("type")
    else:
        yield place, _rule("number")


def _shape(value: Any) -> str:
    """The names and types of what is in it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{_shape(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + "|".join(sorted({_shape(each) for each in value})) + "]"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _parameters(state: ProviderState, keys: Mapping[str, Any], sent: Any, answered: Any) -> dict[str, Any]:
    """A state's parameters, each the first field of its name that is of its type; of one in the plural all of them."""
    told: dict[str, Any] = {}
    for name in state.parameters:
        if name in keys:
            told[name] = keys[name]
            continue
        found = [each for each in (*_fields(sent, name), *_fields(answered, name)) if state.takes(name, each)]
        if found:
            told |= {name: found[0]} if found[0] != [] else {}
        elif name.endswith("s") and (several := list(_fields(sent, name[:-1]))):
            told[name] = several
        elif several := [*_fields(sent, f"{name}s"), *_fields(answered, f"{name}s")]:
            told |= {name: several[0][0]} if isinstance(several[0], list) and several[0] else {}
    return told


def _fields(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for inner in value.values():
            yield from _fields(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner, name)
