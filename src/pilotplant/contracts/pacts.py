"""Pact documents of every version of the specification: read with all problems named, taken apart into
interactions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from pilotplant.model.errors import DocumentError, Problem

DERIVED = "pilotplant"
"""Under this key of its metadata a pact says that it was recorded by us, and from what."""
_HTTP, _MESSAGE = "Synchronous/HTTP", "Asynchronous/Messages"
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
    kind: Literal["http", "message", "other"]
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
    lists = {key: document.get(key) for key in ("interactions", "messages") if document.get(key) is not None}
    if not lists:
        raise ValueError("a pact has `interactions` or `messages`")
    for key, entries in lists.items():
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f"`{key}` of a pact is a list of objects")
        for number, entry in enumerate(entries, start=1):
            alone = {name: value for name, value in document.items() if name not in lists} | {key: [entry]}
            where = f"{source}, interaction {number}"
            yield Interaction(
                source=source,
                consumer=consumer,
                provider=provider,
                description=_description(entry, where),
                kind=_kind(entry, key),
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


def _kind(entry: Mapping[str, Any], key: str) -> Literal["http", "message", "other"]:
    kind = entry.get("type", _MESSAGE if key == "messages" else _HTTP)
    return "http" if kind == _HTTP else "message" if kind == _MESSAGE else "other"


def _states(entry: Mapping[str, Any], where: str) -> Iterator[NamedState]:
    given = entry.get("providerStates") or []
    if single := entry.get(
        "providerState"
    ):  # the first versions of the specification know one state, without parameters
        given = [{"name": single}]
    for state in given:
        if not isinstance(state, dict) or not isinstance(state.get("name"), str):
            raise ValueError(f"{where}: a provider state has a `name`")
        yield NamedState(state["name"], state.get("params") or {})
