"""Contracts from files: what each one is, whatever it is called, and whether it can be read at all."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from pilotplant.contracts.evolution.interfaces import METHODS
from pilotplant.contracts.evolution.merging import resolved
from pilotplant.contracts.evolution.shapes import Flaw, flaws_of_interface, flaws_of_schema
from pilotplant.flows.grammar import FlowSpec
from pilotplant.model.documents import Document
from pilotplant.model.errors import DocumentError, Problem, UsageError

HELP = "Name OpenAPI or AsyncAPI documents, JSON Schemas of events, flows, or folders of them, such as contracts/."
_PATTERNS = tuple(f"{kind}/*.{suffix}" for kind in ("openapi", "events", "flows") for suffix in ("json", "yaml", "yml"))
_FLAWS_MAX = 20
_OF_SCHEMAS = frozenset(
    (
        *("$schema", "$ref", "$defs", "type", "properties", "items", "enum", "const", "allOf", "anyOf", "oneOf"),
        *("required", "additionalProperties", "format", "pattern"),
    )
)
ReadFlow = Callable[[Path], FlowSpec]


class Contract(NamedTuple):
    """What one document says: an interface, an event (a schema, and the document that its references lead into), or a
    flow."""

    kind: Literal["system", "event", "flow"]
    content: Mapping[str, Any]
    schema: Any = None
    flow: FlowSpec | None = None


def load(path: Path, read_flow: ReadFlow) -> dict[str, Contract]:
    """All contracts in a folder or file, by name."""
    if path.is_file():
        return dict(_contracts(path.name, path, read_flow))
    if not path.is_dir():
        raise UsageError(f"there is no file or folder `{path}`", help=HELP)
    files = {each.relative_to(path).as_posix(): each for pattern in _PATTERNS for each in path.glob(pattern)}
    if not files:
        files = {each.name: each for suffix in ("json", "yaml", "yml") for each in path.glob(f"*.{suffix}")}
    if not files:
        raise UsageError(f"there are no contracts in `{path}`", help=HELP)
    found: dict[str, Contract] = {}
    for name, file in sorted(files.items()):
        for known, contract in _contracts(name, file, read_flow):
            found.setdefault(known, contract)  # an event has a schema of its own, and AsyncAPI refers to it
    return found


def _contracts(name: str, path: Path, read_flow: ReadFlow) -> Iterator[tuple[str, Contract]]:
    content = _read(path)
    if path.suffix != ".json" and "flow" in content:
        yield name, Contract("flow", content, flow=read_flow(path))
    elif "asyncapi" in content:
        folder = f"{name.rpartition('/')[0]}/" if "/" in name else ""
        for message, root, schema in _messages(path, content):
            yield f"{folder}{message}.json", Contract("event", root, schema)
    elif "swagger" in content:
        raise _unreadable(path, "this is Swagger 2: convert it to OpenAPI 3")
    elif "openapi" in content or "paths" in content:
        _refuse(path, flaws_of_interface(content))
        yield name, Contract("system", content)
    elif content.keys() & _OF_SCHEMAS:
        _refuse(path, flaws_of_schema(content, content, ""))
        yield name, Contract("event", content, content)
    else:
        raise _unreadable(path, "this is no contract: neither OpenAPI nor AsyncAPI, nor a schema, nor a flow")


def _messages(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """The messages of an AsyncAPI document with their schemas, and the documents that these stand in."""
    found: dict[str, Any] = {}
    parts = content.get("components")
    for holder in (parts, *_held(content.get("channels")).values()):
        found.update(_held(_held(holder).get("messages")))
        for way in ("publish", "subscribe"):  # version 2
            message = _held(_held(_held(holder).get(way)).get("message"))
            if message:
                found[str(message.get("name") or message.get("$ref", way)).rpartition("/")[2]] = message
    if not found:
        raise _unreadable(path, "this AsyncAPI document describes no message")
    for name, given in found.items():
        payload = _held(resolved(content, given)).get("payload")
        if isinstance(payload, Mapping) and "schema" in payload and "schemaFormat" in payload:
            payload = payload["schema"]
        reference = _held(payload).get("$ref")
        root = content
        if isinstance(reference, str) and not reference.startswith("#"):
            file, _hash, place = reference.partition("#")
            root = _read(path.parent / file)
            payload = {"$ref": f"#{place}"} if place else root
        _refuse(path, flaws_of_schema(root, payload, f"/messages/{name}/payload"))
        yield str(name), root, payload


def _held(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _read(path: Path) -> Mapping[str, Any]:
    if path.suffix != ".json":
        content = _with_texts(Document.read(path).data)
    else:
        try:
            content = msgspec.json.decode(path.read_bytes())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _unreadable(path, f"this is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise _unreadable(path, "this is no contract, but a list or a value")
    return content


def _with_texts(value: Any) -> Any:
    """YAML reads the key `200` as a number."""
    if isinstance(value, dict):
        return {str(key): _with_texts(held) for key, held in value.items()}
    return [_with_texts(each) for each in value] if isinstance(value, list) else value


def _refuse(path: Path, flaws: Iterator[Flaw]) -> None:
    try:
        found = [Problem("PP-FILE", f"`{place}` {what}", str(path), help=HELP) for place, what in flaws]
    except RecursionError:
        raise _unreadable(path, "it is nested too deep to be compared") from None
    if found:
        raise DocumentError(found[:_FLAWS_MAX])


def _unreadable(path: Path, why: str) -> DocumentError:
    return DocumentError([Problem("PP-FILE", why, str(path), help=HELP)])


def operations(content: Mapping[str, Any]) -> int:
    """How many operations an interface has."""
    items = [_held(resolved(content, item)) for item in _held(content.get("paths")).values()]
    return sum(method in item for item in items for method in METHODS)
