"""Pact documents of every version of the specification: read with all problems named, taken apart into
interactions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from pilotplant.model.errors import DocumentError, Problem
from pilotplant.model.suggestions import did_you_mean

DERIVED = "pilotplant"
"""Under this key of its metadata a pact says that it was recorded by us, and from what."""
_Kind = Literal["http", "message", "other"]
_HTTP, _MESSAGE = "Synchronous/HTTP", "Asynchronous/Messages"
_KINDS: dict[str, _Kind] = {_HTTP: "http", _MESSAGE: "message", "Synchronous/Messages": "other"}
_VERSIONS = ("1", "2", "3", "4")
_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"))
_HELP = "Pacts are JSON documents with `consumer`, `provider` and `interactions` (or `messages`)."


@dataclass(frozen=True)
class NamedState:
    """A provider state that an interaction asks for."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Interaction:
    """One thing that a consumer expects: an answer to a request, or a message."""

    source: str
    """The file or address that it comes from."""
    consumer: str
    provider: str
    description: str
    kind: _Kind
    states: tuple[NamedState, ...]
    pact: dict[str, Any]
    """A pact that holds this interaction and no other."""
    derived: bool
    """Whether it was recorded from a run, and so promises nothing that was not so already."""

    @property
    def origin(self) -> Mapping[str, Any]:
        """Of one that was recorded: from which run, of which estate, with which seed and at which moment."""
        told: Mapping[str, Any] = (self.pact.get("metadata") or {}).get(DERIVED) or {}
        return told

    @property
    def content(self) -> dict[str, Any]:
        """The interaction as the document has it."""
        found: dict[str, Any] = (self.pact.get("interactions") or self.pact["messages"])[0]
        return found

    @property
    def method(self) -> str:
        """Of a request, its method."""
        return str(self.content.get("request", {}).get("method", "")).upper()

    @property
    def path(self) -> str:
        """Of a request, its path."""
        return str(self.content.get("request", {}).get("path", ""))


def own_pacts(root: Path, named: str = "") -> Path:
    """Where a project keeps its pacts: where its configuration says (`gate.pacts`), or in contracts/pacts. What another
    project promises is none of its business, so nothing stands in for a folder that is not there."""
    return root / (named or "contracts/pacts")


def read_folder(folder: Path) -> list[Interaction]:
    """The interactions of all pacts in a folder, or of one pact."""
    paths = sorted(folder.rglob("*.json")) if folder.is_dir() else [folder]
    problems: list[Problem] = []
    found: list[Interaction] = []
    for path in paths:
        try:
            found += interactions(msgspec.json.decode(path.read_bytes()), path.name)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems.append(Problem("PP-PACT", f"this is not JSON: {error}", str(path), help=_HELP))
        except ValueError as error:
            problems.append(Problem("PP-PACT", str(error), str(path), help=_HELP))
        except OSError as error:
            problems.append(Problem("PP-FILE", f"the file cannot be read: {error.strerror}", str(path)))
    if problems:
        raise DocumentError(problems)
    return found


def interactions(document: Any, source: str) -> Iterator[Interaction]:
    """Take a pact apart; a ValueError says what it lacks."""
    if not isinstance(document, dict):
        raise ValueError("a pact is an object")
    consumer, provider = (_party(document, role) for role in ("consumer", "provider"))
    metadata = document.get("metadata")
    derived = isinstance(metadata, dict) and bool((metadata.get(DERIVED) or {}).get("derived"))
    _check_version(metadata)
    lists = {key: document.get(key) for key in ("interactions", "messages") if document.get(key) is not None}
    if not lists:
        raise ValueError("a pact has `interactions` or `messages`")
    for key, entries in lists.items():
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f"`{key}` of a pact is a list of objects")
        for number, entry in enumerate(entries, start=1):
            alone = {name: value for name, value in document.items() if name not in lists} | {key: [entry]}
            where = f"{source}, interaction {number}"
            kind = _kind(entry, key, where)
            _check(entry, kind, where)
            yield Interaction(
                source=source,
                consumer=consumer,
                provider=provider,
                description=_description(entry, where),
                kind=kind,
                states=tuple(_states(entry, where)),
                pact=alone,
                derived=derived,
            )


def _party(document: Mapping[str, Any], role: str) -> str:
    party = document.get(role)
    name = party.get("name") if isinstance(party, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError(f"a pact names its {role}: `{role}: {{name: …}}`")
    return name


def _description(entry: Mapping[str, Any], where: str) -> str:
    description = entry.get("description")
    if not isinstance(description, str) or not description:
        raise ValueError(f"{where} has no `description`")
    return description


def _kind(entry: Mapping[str, Any], key: str, where: str) -> _Kind:
    kind = entry.get("type", _MESSAGE if key == "messages" else _HTTP)
    if kind not in _KINDS:
        raise ValueError(f"{where} has the type `{kind}`{did_you_mean(str(kind), _KINDS)}")
    return _KINDS[kind]


def _check_version(metadata: Any) -> None:
    told = metadata if isinstance(metadata, dict) else {}
    given = told.get("pactSpecification") or told.get("pact-specification") or {}
    version = given.get("version", "") if isinstance(given, dict) else given
    version = str(version or told.get("pactSpecificationVersion") or "")
    if version and version.partition(".")[0] not in _VERSIONS:
        raise ValueError(f"it follows version {version} of the Pact specification; known are {', '.join(_VERSIONS)}")


def _check(entry: Mapping[str, Any], kind: _Kind, where: str) -> None:
    """A mistake in the file is not to be taken for one of the system."""
    _description(entry, where)
    if kind == "message":
        if "contents" not in entry and "content" not in entry:
            raise ValueError(f"{where} has no `contents`")
    elif kind == "http":
        request, response = (_part(entry, name, where) for name in ("request", "response"))
        for name in ("method", "path"):
            if not isinstance(request.get(name), str) or not request[name]:
                raise ValueError(f"{where}: its `request` has no `{name}`")
        if request["method"].upper() not in _METHODS:
            raise ValueError(f"{where}: there is no method `{request['method']}`")
        if not request["path"].startswith("/"):
            raise ValueError(f"{where}: the path of its `request` begins with /, got `{request['path']}`")
        if not isinstance(request.get("query") or {}, str | dict):
            raise ValueError(f"{where}: `query` is a text, or values by name")
        status = response.get("status", 200)
        if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
            raise ValueError(f"{where}: `status` is a number from 100 to 599, got `{status}`")


def _part(entry: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    part = entry.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"{where} has no `{name}`, an object")
    for inner in ("headers", "matchingRules", "generators"):
        if not isinstance(part.get(inner) or {}, dict):
            raise ValueError(f"{where}: `{inner}` of its `{name}` is an object")
    return part


def _states(entry: Mapping[str, Any], where: str) -> Iterator[NamedState]:
    given = entry.get("providerStates") or []
    if not isinstance(given, list):
        raise ValueError(f"{where}: `providerStates` is a list")
    if single := entry.get(
        "providerState"
    ):  # the first versions of the specification know one state, without parameters
        given = [{"name": single}] if isinstance(single, str) else [single]
    for state in given:
        if not isinstance(state, dict) or not isinstance(state.get("name"), str):
            raise ValueError(f"{where}: a provider state has a `name`")
        parameters = state.get("params") or {}
        if not isinstance(parameters, dict):
            raise ValueError(f"{where}: `params` of the state `{state['name']}` are values by name")
        yield NamedState(state["name"], parameters)
