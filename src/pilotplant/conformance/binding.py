"""Binds the provider states of a pact to records that a real system has: a file says which, and the request is put in
their terms."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pilotplant.contracts.pacts import Interaction
from pilotplant.model.documents import Document
from pilotplant.model.errors import UsageError

Bindings = Mapping[str, Mapping[str, Any]]
"""By state, the values that hold in it: of its parameters, and of whatever else requests need."""
_EXPRESSION = re.compile(r"\$\{(\w+)\}")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\['([^']+)'\]|\[(\d+)\]")
_HELP = "Such as: states: {an item at a plant: {plant: '1000', item: MAT-4711}}"


class Unbound(Exception):
    """An interaction cannot be put in terms of the system; the message says what is missing."""


def read_bindings(path: Path) -> Bindings:
    """The bindings in a file."""
    content = Document.read(path).data
    states = content.get("states") if isinstance(content, dict) else None
    if not isinstance(states, dict) or not all(isinstance(values, dict) for values in states.values()):
        raise UsageError(f"{path} does not bind states to values", help=_HELP)
    return states


def bound(interaction: Interaction, bindings: Bindings) -> Interaction:
    """The interaction about records of the system, without states: they hold, or the file is wrong."""
    values: dict[str, Any] = {}
    replaced: dict[str, str] = {}
    for state in interaction.states:
        if state.name not in bindings:
            raise Unbound(f"the state `{state.name}` is bound to nothing: name its record in the file of --states")
        values |= bindings[state.name]
        for name, said in state.parameters.items():
            if name in bindings[state.name] and isinstance(said, str):
                replaced[said] = str(bindings[state.name][name])
    return rewritten(interaction, values, replaced)


def rewritten(interaction: Interaction, values: Mapping[str, Any], replaced: Mapping[str, str]) -> Interaction:
    """The interaction with generated values filled in, and with other words for its records."""
    pact = deepcopy(interaction.pact)
    content = (pact.get("interactions") or pact["messages"])[0]
    for name in ("providerStates", "providerState"):
        content.pop(name, None)
    request = content.get("request") or {}
    for part, place, expression in _generated(request.pop("generators", None) or {}):
        _put(request, part, place, _value(expression, values))
    request["path"] = "/".join(_word(part, replaced) for part in str(request.get("path", "")).split("/"))
    for name in ("query", "body"):
        if name in request:
            request[name] = _renamed(request[name], replaced)
    response = content.get("response") or {}
    if "body" in response:
        response["body"] = _renamed(response["body"], replaced)
    from dataclasses import replace

    return replace(interaction, pact=pact, states=())


def _generated(generators: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for part, entries in generators.items():
        told = {"": entries} if "type" in entries else entries
        for place, generator in told.items():
            if isinstance(generator, dict) and generator.get("type") == "ProviderState":
                yield part, place, str(generator.get("expression", ""))


def _value(expression: str, values: Mapping[str, Any]) -> Any:
    names = _EXPRESSION.findall(expression) or [expression]
    missing = [name for name in names if name not in values]
    if missing:
        raise Unbound(f"the request needs `{missing[0]}`, which no state gives")
    if _EXPRESSION.fullmatch(expression) or names == [expression]:
        return values[names[0]]
    return _EXPRESSION.sub(lambda found: str(values[found[1]]), expression)


def _put(request: dict[str, Any], part: str, place: str, value: Any) -> None:
    if part == "path":
        request["path"] = str(value)
    elif part in ("header", "headers", "query"):
        request.setdefault("headers" if part != "query" else "query", {})[place.split("[")[0]] = [str(value)]
    elif part == "body":
        body = request.get("body")
        node: Any = body["content"] if isinstance(body, dict) and "content" in body else body
        steps = [found[1] or found[2] or int(found[3]) for found in _STEP.finditer(place)]
        for step in steps[:-1]:
            node = node[step]
        if steps:
            node[steps[-1]] = value


def _word(part: str, replaced: Mapping[str, str]) -> str:
    said = unquote(part)
    return quote(replaced[said], safe="") if said in replaced else part


def _renamed(value: Any, replaced: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(inner, replaced) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, replaced) for inner in value]
    return replaced.get(value, value) if isinstance(value, str) else value
