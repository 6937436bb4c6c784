"""Two OpenAPI documents compared: operations, parameters, bodies, answers with their headers, credentials."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pilotplant.contracts.evolution.change import ANSWER, REQUEST, Change
from pilotplant.contracts.evolution.credentials import asked_for, compare_asked
from pilotplant.contracts.evolution.merging import resolved
from pilotplant.contracts.evolution.schemas import Comparison

METHODS = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
_IN_BRACES = re.compile(r"\{([^}]*)\}")
_STYLES = {"query": "form", "cookie": "form"}
Node = Mapping[str, Any]


class _Offered(NamedTuple):
    """An operation: as it is called, what the document says of it, and its parameters by place."""

    name: str
    said: Node
    parameters: dict[str, tuple[str, Node]]


def compare(document: str, old: Node, new: Node) -> Iterator[Change]:
    """The differences."""
    before, after = _operations(old), _operations(new)
    yield from compare_asked(document, "security", asked_for(old, old), asked_for(new, new))
    for key, offered in before.items():
        if key not in after:
            gone = "whoever calls it is answered 404 or 405"
            yield Change(document, offered.name, "is gone", breaks_consumer=gone)
            continue
        yield from _Operation(document, offered.name, old, new).compare(offered, after[key])
    for key, offered in after.items():
        if key not in before:
            producer = "a system of the old version does not offer it"
            yield Change(document, offered.name, "is new", breaks_producer=producer)


def _operations(document: Node) -> dict[tuple[str, str], _Offered]:
    """By method and path; what parameters are called in a path goes over no wire."""
    found: dict[tuple[str, str], _Offered] = {}
    for path, given in (document.get("paths") or {}).items():
        item = resolved(document, given) or {}
        for method in METHODS:
            said = item.get(method)
            if isinstance(said, Mapping):
                key = (method, _IN_BRACES.sub("{}", path))
                parameters = _parameters(document, path, item, said)
                found[key if key not in found else (method, path)] = _Offered(
                    f"{method.upper()} {path}", said, parameters
                )
    return found


def _parameters(document: Node, path: str, item: Node, said: Node) -> dict[str, tuple[str, Node]]:
    """By where they stand, with what they are called: those of the operation, and of all operations at the path."""
    places = _IN_BRACES.findall(path)
    found: dict[str, tuple[str, Node]] = {}
    for given in (*(item.get("parameters") or ()), *(said.get("parameters") or ())):
        parameter = resolved(document, given) or {}
        place, name = str(parameter.get("in")), str(parameter.get("name"))
        key = f"{place} {name.lower() if place == 'header' else name}"
        if place == "path" and name in places:
            key = f"path {places.index(name)}"
        found[key] = f"{place} {name}", parameter
    return found


class _Operation:
    """One operation in two versions."""

    def __init__(self, document: str, name: str, old: Node, new: Node) -> None:
        self._document = document
        self._name = name
        self._old = old
        self._new = new
        self._sent = Comparison(document, old, new, REQUEST)
        self._answered = Comparison(document, old, new, ANSWER)

    def compare(self, before: _Offered, after: _Offered) -> Iterator[Change]:
        """The differences."""
        old, new = before.said, after.said
        if new.get("deprecated") and not old.get("deprecated"):
            yield self._change("", "is deprecated", because="it is still there; look for a Sunset header")
        if "security" in old or "security" in new:
            asked = asked_for(self._old, old), asked_for(self._new, new)
            yield from compare_asked(self._document, f"{self._name} security", *asked)
        yield from self._parameters(before.parameters, after.parameters)
        yield from self._body(
            resolved(self._old, old.get("requestBody")) or {}, resolved(self._new, new.get("requestBody")) or {}
        )
        yield from self._answers(_answers(self._old, old), _answers(self._new, new))

    def _parameters(self, old: dict[str, tuple[str, Node]], new: dict[str, tuple[str, Node]]) -> Iterator[Change]:
        for key, (name, parameter) in old.items():
            if key not in new:
                yield self._change(name, "is gone", consumer="a system that does not know it may refuse it")
                continue
            called, now = new[key]
            if key.startswith("path ") and called != name:
                because = "what a parameter is called in a path goes over no wire"
                yield self._change(name, f"is called {called.removeprefix('path ')} now", because=because)
            yield from self._parameter(name, parameter, now)
        for key, (name, parameter) in new.items():
            if key not in old and parameter.get("required"):
                yield self._change(name, "is new and required", consumer="calls without it are refused now")
            elif key not in old:
                yield self._change(name, "is new and optional", producer="a system of the old version does not know it")

    def _parameter(self, name: str, old: Node, new: Node) -> Iterator[Change]:
        needed, was = bool(new.get("required")), bool(old.get("required"))
        if needed and not was:
            yield self._change(name, "is required now", consumer="calls without it are refused now")
        elif was and not needed:
            yield self._change(name, "is optional now", producer="calls without it have to be taken")
        before, after = _written(old), _written(new)
        if before != after:
            said = "the same value is written in another way"
            yield self._change(name, f"is written as {after}, was as {before}", consumer=said, producer=said)
        yield from self._sent.compare(old.get("schema"), new.get("schema"), f"{self._name} {name}")
        yield from self._contents(old, new, name, self._sent)

    def _body(self, old: Node, new: Node) -> Iterator[Change]:
        if new.get("required") and not old.get("required"):
            yield self._change("body", "is required now", consumer="calls without a body are refused now")
        if old.get("content") and not new.get("content"):
            yield self._change("body", "is gone", consumer="a system that expects none may refuse it")
        elif new.get("content") and not old.get("content"):
            yield self._change("body", "is new", producer="a system of the old version does not take it")
        yield from self._contents(old, new, "body", self._sent)

    def _answers(self, old: dict[str, Node], new: dict[str, Node]) -> Iterator[Change]:
        for status, said in old.items():
            if status not in new and status.startswith("2"):
                yield self._change(status, "is no answer any more", consumer="whoever waits for it gets another")
            elif status not in new:
                yield self._change(status, "is no refusal any more", because="one refusal fewer is no harm")
            else:
                yield from self._answer(status, said, new[status])
        for status in new:
            if status not in old and status.startswith("2"):
                yield self._change(status, "is a new answer", consumer="it is a success that a caller does not know")
            elif status not in old:
                yield self._change(status, "is a new refusal", because="callers treat refusals by their class and code")

    def _answer(self, status: str, old: Node, new: Node) -> Iterator[Change]:
        if old.get("content") and not new.get("content"):
            yield self._change(status, "has no body any more", consumer="whoever reads the body finds nothing")
        elif new.get("content") and not old.get("content"):
            because = "whoever expects no body passes over it"
            yield self._change(status, "has a body now", producer="it has to be sent now", because=because)
        yield from self._contents(old, new, status, self._answered)
        yield from self._headers(status, _headers(self._old, old), _headers(self._new, new))

    def _headers(
        self, status: str, old: dict[str, tuple[str, Node]], new: dict[str, tuple[str, Node]]
    ) -> Iterator[Change]:
        for key, (name, header) in old.items():
            place, was = f"{status} header {name}", bool(header.get("required"))
            if key not in new:
                consumer = "whoever needs it does not find it" if was else ""
                yield self._change(place, "is gone", consumer=consumer, because="it was optional")
                continue
            needed = bool(new[key][1].get("required"))
            if was and not needed:
                yield self._change(place, "is optional now", consumer="it may be missing now")
            elif needed and not was:
                yield self._change(place, "is required now", producer="it has to be there now")
            before, after = header.get("schema"), new[key][1].get("schema")
            yield from self._answered.compare(before, after, f"{self._name} {place}")
        for key, (name, header) in new.items():
            if key not in old:
                needed = bool(header.get("required"))
                yield self._change(
                    f"{status} header {name}",
                    "is new and required" if needed else "is new and optional",
                    producer="it has to be there now" if needed else "",
                    because="readers pass over what they do not know",
                )

    def _contents(self, old: Node, new: Node, what: str, comparison: Comparison) -> Iterator[Change]:
        before, after = old.get("content") or {}, new.get("content") or {}
        for kind, described in before.items():
            if kind in after:
                schemas = (described or {}).get("schema"), (after[kind] or {}).get("schema")
                yield from comparison.compare(*schemas, f"{self._name} {what}")
            elif after:
                said = f"it is {', '.join(after)} now"
                yield self._change(what, f"is not {kind} any more", consumer=said, producer=said)
        for kind in after:
            if before and kind not in before:
                taken = "a system of the old version does not take it" if comparison is self._sent else ""
                offered = "a system of the old version does not offer it" if not taken else ""
                because = "it comes only to those who ask for it"
                yield self._change(what, f"may be {kind} as well", producer=taken or offered, because=because)

    def _change(self, place: str, what: str, *, consumer: str = "", producer: str = "", because: str = "") -> Change:
        return Change(self._document, f"{self._name} {place}".rstrip(), what, consumer, producer, because)


def _answers(document: Node, said: Node) -> dict[str, Node]:
    return {str(status): resolved(document, each) or {} for status, each in (said.get("responses") or {}).items()}


def _headers(document: Node, answer: Node) -> dict[str, tuple[str, Node]]:
    """By their name in small letters, with their name; the content type is said by the content."""
    given = (answer.get("headers") or {}).items()
    return {
        name.lower(): (name, resolved(document, each) or {}) for name, each in given if name.lower() != "content-type"
    }


def _written(parameter: Node) -> str:
    """How the value of a parameter is put into the request."""
    style = parameter.get("style") or _STYLES.get(str(parameter.get("in")), "simple")
    return f"{style}{' exploded' if parameter.get('explode', style == 'form') else ''}"
