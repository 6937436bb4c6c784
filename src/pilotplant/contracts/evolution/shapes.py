"""Whether a document can be read as what it says it is: what stands where something else has to stand, and references
that lead nowhere. What was not understood must not be taken for the same."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pilotplant.contracts.evolution.interfaces import METHODS
from pilotplant.contracts.evolution.merging import parts_of, pointed

Flaw = tuple[str, str]
"""Where, and what is wrong."""

_NUMBERS = (
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    "multipleOf",
)
_SCHEMA: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(_NUMBERS, (lambda v: isinstance(v, int | float) and not isinstance(v, bool), "a number")),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), (lambda v: isinstance(v, int | float), "a number")),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems", "enum"), (lambda v: isinstance(v, list), "a list")),
    **dict.fromkeys(("properties", "$defs", "definitions"), (lambda v: isinstance(v, Mapping), "a mapping")),
    **dict.fromkeys(("format", "pattern", "$ref"), (lambda v: isinstance(v, str), "a text")),
    **dict.fromkeys(("patternProperties", "dependentSchemas"), (lambda v: isinstance(v, Mapping), "a mapping")),
    "required": (lambda v: isinstance(v, bool) or _texts(v), "a list of names"),
    "type": (lambda v: isinstance(v, str) or _texts(v), "the name of a type, or a list of them"),
    "items": (lambda v: isinstance(v, Mapping | bool | list), "a schema"),
    "additionalProperties": (lambda v: isinstance(v, Mapping | bool), "a schema, true or false"),
}


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def flaws_of_schema(document: Mapping[str, Any], schema: Any, place: str) -> Iterator[Flaw]:
    """What is wrong with a schema and with those within it."""
    if isinstance(schema, bool) or schema is None:
        return
    if not isinstance(schema, Mapping):
        yield place, "has to be a schema"
        return
    wrong = [key for key, (fits, _what) in _SCHEMA.items() if schema.get(key) is not None and not fits(schema[key])]
    yield from ((f"{place}/{key}", f"has to be {_SCHEMA[key][1]}") for key in wrong)
    yield from _leads(document, schema, place)
    if not wrong:
        for where, part in parts_of(schema):
            yield from flaws_of_schema(document, part, f"{place}/{where}")


def flaws_of_interface(document: Mapping[str, Any]) -> Iterator[Flaw]:
    """What is wrong with an OpenAPI document."""
    yield from _each(document, document, "paths", "", _path)
    yield from _security(document, "")
    parts = document.get("components")
    yield from _node(document, parts, "/components")
    if isinstance(parts, Mapping):
        for name, check in _COMPONENTS.items():
            yield from _each(document, parts, name, "/components", check)


def _path(document: Any, item: Any, place: str) -> Iterator[Flaw]:
    yield from _node(document, item, place)
    if isinstance(item, Mapping):
        yield from _listed(document, item, "parameters", place, _parameter)
        for method in METHODS:
            yield from _operation(document, item.get(method), f"{place}/{method}")


def _operation(document: Any, operation: Any, place: str) -> Iterator[Flaw]:
    yield from _node(document, operation, place)
    if isinstance(operation, Mapping):
        yield from _listed(document, operation, "parameters", place, _parameter)
        yield from _with_content(document, operation.get("requestBody"), f"{place}/requestBody")
        yield from _each(document, operation, "responses", place, _answer)
        yield from _security(operation, place)


def _parameter(document: Any, parameter: Any, place: str) -> Iterator[Flaw]:
    yield from _with_content(document, parameter, place)
    if isinstance(parameter, Mapping):
        yield from flaws_of_schema(document, parameter.get("schema"), f"{place}/schema")


def _answer(document: Any, answer: Any, place: str) -> Iterator[Flaw]:
    yield from _with_content(document, answer, place)
    if isinstance(answer, Mapping):
        yield from _each(document, answer, "headers", place, _parameter)


def _with_content(document: Any, node: Any, place: str) -> Iterator[Flaw]:
    yield from _node(document, node, place)
    if isinstance(node, Mapping):
        yield from _each(document, node, "content", place, _described)


def _described(document: Any, described: Any, place: str) -> Iterator[Flaw]:
    yield from _node(document, described, place)
    if isinstance(described, Mapping):
        yield from flaws_of_schema(document, described.get("schema"), f"{place}/schema")


def _node(document: Any, node: Any, place: str) -> Iterator[Flaw]:
    if node is not None and not isinstance(node, Mapping):
        yield place, "has to be a mapping"
    elif node is not None:
        yield from _leads(document, node, place)


def _leads(document: Any, node: Mapping[str, Any], place: str) -> Iterator[Flaw]:
    reference = node.get("$ref")
    if reference is None:
        return
    if not isinstance(reference, str):
        yield f"{place}/$ref", "has to be a text"
    elif not reference.startswith("#"):
        yield f"{place}/$ref", f"`{reference[:100]}` leads out of the document: put what it names into it"
    elif not isinstance(pointed(document, reference), Mapping | bool):
        yield f"{place}/$ref", f"`{reference[:100]}` leads nowhere"


_Check = Callable[[Any, Any, str], Iterator[Flaw]]
_COMPONENTS: dict[str, _Check] = {
    "schemas": flaws_of_schema,
    "parameters": _parameter,
    "headers": _parameter,
    "responses": _answer,
    "requestBodies": _with_content,
    "securitySchemes": _node,
}


def _each(document: Any, node: Mapping[str, Any], key: str, place: str, check: _Check) -> Iterator[Flaw]:
    held = node.get(key)
    if held is not None and not isinstance(held, Mapping):
        yield f"{place}/{key}", "has to be a mapping"
        return
    for name, each in (held or {}).items():
        yield from check(document, each, f"{place}/{key}/{name}")


def _listed(document: Any, node: Mapping[str, Any], key: str, place: str, check: _Check) -> Iterator[Flaw]:
    held = node.get(key)
    if held is not None and not isinstance(held, list):
        yield f"{place}/{key}", "has to be a list"
        return
    for position, each in enumerate(held or ()):
        yield from check(document, each, f"{place}/{key}/{position}")


def _security(node: Mapping[str, Any], place: str) -> Iterator[Flaw]:
    held = node.get("security")
    ways = held if isinstance(held, list) else []
    fits = held is None or isinstance(held, list)
    if not fits or not all(isinstance(each, Mapping) for each in ways):
        yield f"{place}/security", "has to be a list of mappings"
    elif not all(scopes is None or isinstance(scopes, list) for each in ways for scopes in each.values()):
        yield f"{place}/security", "has to list scopes"
