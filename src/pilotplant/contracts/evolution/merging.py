"""A JSON Schema as one mapping: references followed, parts that hold together in one, one way of writing things."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_DEPTH_MAX = 30
_STRICTEST = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}


def pointed(document: Schema, reference: str) -> Any:
    """What a reference leads to within its document; nothing if it leads nowhere."""
    target: Any = document
    for part in filter(None, reference.removeprefix("#").split("/")):
        name = part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
        if isinstance(target, list):
            target = target[int(name)] if name.isdecimal() and int(name) < len(target) else None
        else:
            target = target.get(name) if isinstance(target, Mapping) else None
    return target


def resolved(document: Schema, node: Any) -> Any:
    """A node, or what it refers to."""
    for _ in range(_DEPTH_MAX):
        if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
            break
        node = pointed(document, node["$ref"])
    return node


def merged(document: Schema, schema: Any, within: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A schema with what it refers to and all that it is made of (`allOf`) in one. `within`: what it is part of."""
    if not isinstance(schema, Mapping) or len(within) > _DEPTH_MAX or schema.get("$ref") in within:
        return {}
    parts: list[Any] = list(schema.get("allOf") or ())
    own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
    if isinstance(schema.get("$ref"), str):
        within |= {schema["$ref"]}
        parts.append(pointed(document, schema["$ref"]))
    whole: dict[str, Any] = _plain(own)
    for part in parts:
        whole = _both(whole, merged(document, part, within))
    return whole


def choices(schema: Schema) -> list[Any]:
    """The alternatives of a schema; empty if it has none."""
    return [*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]


def types_of(schema: Schema) -> frozenset[str]:
    """The types that a schema says or shows; empty if it may be anything."""
    given = schema.get("type")
    if given:
        return frozenset([given] if isinstance(given, str) else given)
    if schema.get("enum"):
        return frozenset(_type_of(value) for value in schema["enum"])
    if "properties" in schema:
        return frozenset(("object",))
    return frozenset(("array",)) if "items" in schema or "prefixItems" in schema else frozenset()


def refers(value: Any) -> bool:
    """Whether there is a reference somewhere in it: what looks the same may then mean something else."""
    if isinstance(value, Mapping):
        return "$ref" in value or any(refers(each) for each in value.values())
    return isinstance(value, list) and any(refers(each) for each in value)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The same in one way of writing: OpenAPI 3.0 has some words of its own."""
    plain = dict(schema)
    if "const" in plain:
        plain["enum"] = [plain.pop("const")]
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(plain.get(exclusive), bool) and plain.pop(exclusive) and bound in plain:
            plain[exclusive] = plain.pop(bound)
    if plain.pop("nullable", False) is True and plain.get("type"):
        plain["type"] = sorted({*types_of(plain), "null"})
    if isinstance(plain.get("items"), list):  # as drafts before 2020 say it
        plain["prefixItems"] = plain.pop("items")
    return plain


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What keeps both."""
    whole = {**other, **one}
    for key in one.keys() & other.keys():
        whole[key] = _kept(key, one[key], other[key])
    if one.keys() & {"anyOf", "oneOf"} and other.keys() & {"anyOf", "oneOf"}:
        whole.pop("oneOf", None)  # one of each: every pair of them may come
        whole["anyOf"] = [{"allOf": [a, b]} for a in choices(one) for b in choices(other)]
    return whole


def _kept(key: str, one: Any, other: Any) -> Any:
    if one == other:
        return one
    if key == "properties":
        shared = {name: {"allOf": [one[name], other[name]]} for name in one.keys() & other.keys()}
        return {**other, **one, **shared}
    if key == "required":
        return sorted({*one, *other})
    if key == "enum":
        return [value for value in one if value in other]
    if key == "type":
        return sorted(types_of({"type": one}) & types_of({"type": other})) or one
    if key in _STRICTEST:
        return _STRICTEST[key](one, other)
    if key == "additionalProperties":
        return False if False in (one, other) else {"allOf": [one, other]}
    if key == "items":
        return {"allOf": [one, other]}
    return one


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case None:
            return "null"
    return "array" if isinstance(value, list) else "object"


def parts_of(schema: Schema) -> Iterator[tuple[str, Any]]:
    """The schemas within a schema, with the place of each."""
    for key in ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas"):
        yield from ((f"{key}/{name}", each) for name, each in (schema.get(key) or {}).items())
    for key in ("allOf", "anyOf", "oneOf", "prefixItems"):
        yield from ((f"{key}/{position}", each) for position, each in enumerate(schema.get(key) or ()))
    items = schema.get("items")
    listed = items if isinstance(items, list) else [items] if items is not None else []
    yield from (("items", each) for each in listed)
    yield from ((key, schema[key]) for key in ("additionalProperties", "not") if schema.get(key) is not None)
