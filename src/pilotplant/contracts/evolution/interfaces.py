"""Two OpenAPI documents compared: operations, parameters, bodies, answers, credentials."""

from collections.abc import Iterator, Mapping
from typing import Any

from pilotplant.contracts.evolution.change import ANSWER, REQUEST, Change
from pilotplant.contracts.evolution.schemas import Comparison

_METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
Node = Mapping[str, Any]


def compare(document: str, old: Node, new: Node) -> Iterator[Change]:
    """The differences."""
    before, after = _operations(old), _operations(new)
    for name in before:
        if name not in after:
            gone = "whoever calls it is answered 404 or 405"
            yield Change(document, name, "is gone", breaks_consumer=gone)
            continue
        yield from _Operation(document, name, old, new).compare(before[name], after[name])
    for name in after:
        if name not in before:
            yield Change(document, name, "is new", breaks_producer="a system of the old version does not offer it")
    if not old.get("security") and new.get("security"):
        yield Change(document, "security", "asks for credentials", "calls without credentials are refused now")


def _operations(document: Node) -> dict[str, Node]:
    paths = document.get("paths") or {}
    return {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if method in _METHODS
    }


class _Operation:
    """One operation in two versions."""

    def __init__(self, document: str, name: str, old: Node, new: Node) -> None:
        self._document = document
        self._name = name
        self._sent = Comparison(document, old, new, REQUEST)
        self._answered = Comparison(document, old, new, ANSWER)

    def compare(self, old: Node, new: Node) -> Iterator[Change]:
        """The differences."""
        if new.get("deprecated") and not old.get("deprecated"):
            yield self._change("", "is deprecated", because="it is still there; look for a Sunset header")
        yield from self._parameters(_parameters(old), _parameters(new))
        yield from self._body(old.get("requestBody") or {}, new.get("requestBody") or {})
        yield from self._answers(old.get("responses") or {}, new.get("responses") or {})

    def _parameters(self, old: dict[str, Node], new: dict[str, Node]) -> Iterator[Change]:
        for name, parameter in old.items():
            if name not in new:
                yield self._change(name, "is gone", consumer="a system that does not know it may refuse it")
                continue
            needed, was = bool(new[name].get("required")), bool(parameter.get("required"))
            if needed and not was:
                yield self._change(name, "is required now", consumer="calls without it are refused now")
            elif was and not needed:
                yield self._change(name, "is optional now", producer="calls without it have to be taken")
            yield from self._sent.compare(parameter.get("schema"), new[name].get("schema"), f"{self._name} {name}")
        for name, parameter in new.items():
            if name not in old and parameter.get("required"):
                yield self._change(name, "is new and required", consumer="calls without it are refused now")
            elif name not in old:
                yield self._change(name, "is new and optional", producer="a system of the old version does not know it")

    def _body(self, old: Node, new: Node) -> Iterator[Change]:
        if new.get("required") and not old.get("required"):
            yield self._change("body", "is required now", consumer="calls without a body are refused now")
        yield from self._contents(old, new, "body", self._sent)

    def _answers(self, old: Node, new: Node) -> Iterator[Change]:
        for status in old:
            if status not in new and status.startswith("2"):
                yield self._change(status, "is no answer any more", consumer="whoever waits for it gets another")
            elif status not in new:
                yield self._change(status, "is no refusal any more", because="one refusal fewer is no harm")
            else:
                yield from self._contents(old[status], new[status], status, self._answered)
        for status in new:
            if status not in old and status.startswith("2"):
                yield self._change(status, "is a new answer", consumer="it is a success that a caller does not know")
            elif status not in old:
                yield self._change(status, "is a new refusal", because="callers treat refusals by their class and code")

    def _contents(self, old: Node, new: Node, what: str, comparison: Comparison) -> Iterator[Change]:
        before, after = old.get("content") or {}, new.get("content") or {}
        for kind, described in before.items():
            if kind in after:
                place = f"{self._name} {what}"
                yield from comparison.compare(described.get("schema"), after[kind].get("schema"), place)
            elif after:
                said = f"it is {', '.join(after)} now"
                yield self._change(what, f"is not {kind} any more", consumer=said, producer=said)

    def _change(self, place: str, what: str, *, consumer: str = "", producer: str = "", because: str = "") -> Change:
        return Change(self._document, f"{self._name} {place}".rstrip(), what, consumer, producer, because)


def _parameters(operation: Node) -> dict[str, Node]:
    return {f"{each.get('in')} {each.get('name')}": each for each in operation.get("parameters") or ()}
