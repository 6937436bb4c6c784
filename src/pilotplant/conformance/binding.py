"""Binds the provider states of a pact to records that a real system has: a file says which, and the request is put in
their terms, place by place: a field or a part of the path is bound by its name, never by what it happens to hold."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from pilotplant.contracts.pacts import Interaction, NamedState
from pilotplant.dialects.rest import Rest
from pilotplant.exchange.wire import Route
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import UsageError
from pilotplant.model.suggestions import listed
from pilotplant.systems import catalog

Bindings = Mapping[str, Any]
"""By state, the values that hold in it: of its parameters, and of whatever else requests need. A list of such values is
for interactions that name a state several times."""
EVERYWHERE = "everywhere"
"""In the file: values that hold for every interaction, also for one without a state."""
_EXPRESSION = re.compile(r"\$\{(\w+)\}")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\['([^']+)'\]|\[(\d+)\]")
_HELP = "Such as: states: {an item at a plant: {plant: '1000', item: MAT-4711}}"


class Unbound(Exception):
    """An interaction cannot be put in terms of the system; the message says what is missing."""


def read_bindings(path: Path, known: Collection[str] | None = None) -> Bindings:
    """The bindings in a file; with `known`, no states but these."""
    document = Document.read(path)
    content = document.data
    states = content.get("states") if isinstance(content, dict) else None
    everywhere = content.get(EVERYWHERE, {}) if isinstance(content, dict) else None
    if not isinstance(states, dict) or not isinstance(everywhere, dict):
        raise UsageError(f"{path} does not bind states to values", help=_HELP)
    problems = Problems()
    for name in set(content) - {"states", EVERYWHERE}:
        problems.add(document.problem((name,), "PP-FIELD-UNKNOWN", f"unknown field `{name}`", help=_HELP, key=True))
    for name, values in states.items():
        place = ("states", name)
        if not all(isinstance(each, dict) for each in (values if isinstance(values, list) else [values])):
            problems.add(document.problem(place, "PP-FIELD-TYPE", f"`{name}` is not bound to values", help=_HELP))
        if known is not None and name not in known:
            message, help = f"no system that is asked has a state `{name}`", f"There are {_all(known)}."
            problems.add(
                document.problem(place, "PP-VALUE", message, help=help, key=True, candidates=known, given=name)
            )
    problems.raise_if_any()
    return {**states, EVERYWHERE: everywhere}


def _all(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or listed(names)


@dataclass
class _Terms:
    """What is called how in the system, by the name of a field."""

    values: dict[str, Any] = field(default_factory=dict)
    """What the file says, for a field of this name that no state says otherwise of."""
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a state says a field holds, and what it holds in the system."""
    unbound: dict[str, dict[str, str]] = field(default_factory=dict)
    """What a state says a field holds, and the file does not; with the state."""
    generated: set[str] = field(default_factory=set)
    """Fields that come from a generator."""
    met: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What fields of the request held, and hold now: an answer speaks of the same."""

    def take(self, state: str, parameters: Mapping[str, Any], bound: Mapping[str, Any]) -> None:
        """Take a state in."""
        self.values |= bound
        for name, said in parameters.items():
            if isinstance(said, list):
                given = bound.get(name)
                several = given if isinstance(given, list) else []
                for position, each in enumerate(said):
                    found = several[position : position + 1]
                    self._say(state, name.removesuffix("s"), each, found)
            else:
                self._say(state, name, said, [bound[name]] if name in bound else [])

    def _say(self, state: str, name: str, said: Any, found: list[Any]) -> None:
        if found:
            self.said.setdefault(name, {})[str(said)] = found[0]
        else:
            self.unbound.setdefault(name, {})[str(said)] = state

    def of(self, name: str, value: Any) -> list[Any]:
        """What a field of the request holds in the system, in a list; an empty one if nobody says."""
        if str(value) in self.unbound.get(name, {}):
            state = self.unbound[name][str(value)]
            raise Unbound(f"the state `{state}` is about the {name} {value}, which is bound to nothing: name it there")
        told = self.said.get(name, {})
        if str(value) in told:
            found = [told[str(value)]]
        elif told or isinstance(value, dict | list) or name not in self.values:
            return []
        else:
            found = [self.values[name]]
        self.met.setdefault(name, {})[str(value)] = found[0]
        return found

    def names(self, value: Any) -> bool:
        """Whether a state speaks of a record that is called so, in whatever field."""
        spoken = (*self.said.values(), *self.unbound.values())
        return isinstance(value, str) and any(value in each for each in spoken)

    def in_answer(self, name: str, value: Any) -> Any:
        """What a field of the expected answer holds in the system."""
        known = self.met.get(name, {}) | self.said.get(name, {})
        return known.get(str(value), value)


def bound(interaction: Interaction, bindings: Bindings, kind: str = "") -> Interaction:
    """The interaction about records of the system, without states: they hold, or the file is wrong. `kind` is the
    system that the pact means, where it calls it by another name."""
    terms = _Terms(values=dict(bindings.get(EVERYWHERE, {})))
    for state, values in _occurrences(interaction, bindings):
        terms.take(state.name, state.parameters, values)
    (pact, content) = _opened(interaction)
    request = content.get("request") or {}
    route = _route(interaction, kind or interaction.provider)
    places = list(_generated(request.pop("generators", None) or {}))
    terms.generated = {_last(part, place) for part, place, _expression in places}
    if "path" not in terms.generated:
        request["path"] = _path(request, route, terms)
    keys = _keys(route)
    if query := pairs_of(request.get("query")):
        put = [(name, str(_field(name, value, terms, bool(value) and name in keys))) for name, value in query]
        request["query"] = urlencode(put) if isinstance(request["query"], str) else _by_name(put)
    if "body" in request:
        strict = interaction.method not in READS
        request["body"] = _in_terms(request["body"], "", terms, keys if strict else None)
    for part, place, expression in places:
        _put(request, part, place, _value(expression, terms.values))
    response = content.get("response") or {}
    if "body" in response:
        response["body"] = _answer_in_terms(response["body"], "", terms)
    return replace(interaction, pact=pact, states=())


def _occurrences(interaction: Interaction, bindings: Bindings) -> Iterator[tuple[NamedState, Mapping[str, Any]]]:
    """Each state with what it is bound to: a record of its own for each time that it is named."""
    times: Counter[str] = Counter()
    for state in interaction.states:
        if state.name not in bindings:
            raise Unbound(f"the state `{state.name}` is bound to nothing: name its record in the file of --states")
        given = bindings[state.name]
        several = given if isinstance(given, list) else [given]
        position = times[state.name]
        times[state.name] += 1
        if position >= len(several):
            raise Unbound(
                f"the state `{state.name}` is named {position + 1} times, and bound to {len(several)}: list them"
            )
        yield state, several[position]


READS = frozenset(("GET", "HEAD", "OPTIONS"))


def filled_in(interaction: Interaction, values: Mapping[str, Any]) -> Interaction:
    """The interaction with generated values filled in."""
    (pact, content) = _opened(interaction)
    request = content.get("request") or {}
    for part, place, expression in _generated(request.pop("generators", None) or {}):
        _put(request, part, place, _value(expression, values))
    return replace(interaction, pact=pact, states=())


def _opened(interaction: Interaction) -> tuple[dict[str, Any], dict[str, Any]]:
    pact = deepcopy(interaction.pact)
    content = (pact.get("interactions") or pact["messages"])[0]
    for name in ("providerStates", "providerState"):
        content.pop(name, None)
    return pact, content


def _route(interaction: Interaction, kind: str) -> Route | None:
    known = catalog.kinds().get(kind.partition("@")[0])
    found = Rest(known.operations).route(interaction.method, interaction.path) if known else None
    return found if isinstance(found, Route) else None


def _keys(route: Route | None) -> frozenset[str]:
    """The fields that name a record; which version of it is meant is what a request says of it."""
    if route is None:
        return frozenset()
    effect = route.operation.effect
    return frozenset(route.operation.keys) - {effect.version if effect else ""}


def _path(request: Mapping[str, Any], route: Route | None, terms: _Terms) -> str:
    """The path with the system's records in the places where the operation has its keys."""
    path = str(request.get("path", ""))
    if route is None:
        raise Unbound(f"no operation of the simulator has the path {path}: which record it names cannot be known")
    template = route.operation.path.split("/")
    parts = path.split("/")
    for position, part in enumerate(template):
        if part.startswith("{") and part.endswith("}"):
            value = _field(part[1:-1], unquote(parts[position]), terms, needed=True)
            parts[position] = quote(str(value), safe="")
    return "/".join(parts)


def _field(name: str, value: Any, terms: _Terms, needed: bool) -> Any:
    found = terms.of(name, value)
    if found:
        return found[0]
    if needed and name not in terms.generated:
        where = f"no state binds the {name} {value}, a record of the simulator"
        raise Unbound(f"{where}: name it in the file of --states, below a state or below `{EVERYWHERE}`")
    return value


def _in_terms(value: Any, name: str, terms: _Terms, keys: frozenset[str] | None) -> Any:
    """A body in terms of the system. With `keys` it writes something: then nothing may name what is not bound."""
    if isinstance(value, dict):
        return {key: _in_terms(inner, key, terms, keys) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_terms(inner, name.removesuffix("s"), terms, keys) for inner in value]
    told = keys is not None and value not in ("", None)
    return _field(name, value, terms, told and (name in (keys or ()) or terms.names(value)))


def _answer_in_terms(value: Any, name: str, terms: _Terms) -> Any:
    if isinstance(value, dict):
        return {key: _answer_in_terms(inner, key, terms) for key, inner in value.items()}
    if isinstance(value, list):
        return [_answer_in_terms(inner, name.removesuffix("s"), terms) for inner in value]
    return terms.in_answer(name, value)


def pairs_of(query: Any) -> list[tuple[str, str]]:
    """The pairs of a query, as any version of the specification writes it: as a text, or as lists by name."""
    if isinstance(query, str):
        return parse_qsl(query, keep_blank_values=True)
    several = query.items() if isinstance(query, Mapping) else ()
    return [
        (name, str(each)) for name, values in several for each in (values if isinstance(values, list) else [values])
    ]


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _last(part: str, place: str) -> str:
    """The field that a generator is for."""
    if part == "path":
        return "path"
    steps = [found[1] or found[2] for found in _STEP.finditer(place) if found[1] or found[2]]
    return steps[-1] if steps else place.split("[")[0]


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
    elif part == "query":
        name = _last(part, place)
        put = [*((each, held) for each, held in pairs_of(request.get("query")) if each != name), (name, str(value))]
        request["query"] = urlencode(put) if isinstance(request.get("query"), str) else _by_name(put)
    elif part in ("header", "headers"):
        request.setdefault("headers", {})[_last(part, place)] = [str(value)]
    elif part == "body":
        body = request.get("body")
        node: Any = body["content"] if isinstance(body, dict) and "content" in body else body
        steps = [found[1] or found[2] or int(found[3]) for found in _STEP.finditer(place)]
        for step in steps[:-1]:
            node = node[step]
        if steps:
            node[steps[-1]] = value
