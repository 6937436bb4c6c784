"""Which credentials two versions of an interface ask for."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pilotplant.contracts.evolution.change import Change
from pilotplant.contracts.evolution.merging import resolved

Node = Mapping[str, Any]
_WORDS = frozenset(("description", "bearerFormat"))
Way = dict[str, tuple[str, frozenset[str]]]
"""One way to be let in: by what a scheme asks for, what it is called, and its scopes. Empty: without credentials."""


def asked_for(document: Node, said: Node) -> list[Way]:
    """The ways to be let in: those of an operation, or of its document."""
    given: list[Node] = said["security"] if said.get("security") is not None else document.get("security") or []
    return [_way(document, each) for each in given] or [{}]


def _way(document: Node, requirement: Node) -> Way:
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    way: Way = {}
    for name, scopes in requirement.items():
        scheme = resolved(document, schemes.get(name)) or {"name": name}
        asks = msgspec.json.encode({k: v for k, v in scheme.items() if k not in _WORDS}, order="deterministic").decode()
        way[asks] = name, frozenset(map(str, scopes or ()))
    return way


def compare_asked(document: str, place: str, old: list[Way], new: list[Way]) -> Iterator[Change]:
    """Who was let in and is not any more, and who is besides."""
    for way in old:
        if any(_enough(way, asked) for asked in new):
            continue
        if not way:
            yield Change(document, place, "asks for credentials", "calls without credentials are refused now")
        else:
            what = f"does not let in who comes with {_said(way)} any more"
            ways = " or ".join(_said(asked) for asked in new)
            yield Change(document, place, what, f"it takes {ways} to be let in now")
    for way in new:
        if any(_enough(way, asked) for asked in old):
            continue
        producer = "a system of the old version refuses that"
        yield Change(document, place, f"lets in who comes with {_said(way)}", "", producer)


def _enough(way: Way, asked: Way) -> bool:
    """Whether who comes this way has what is asked."""
    return all(asks in way and scopes <= way[asks][1] for asks, (_name, scopes) in asked.items())


def _said(way: Way) -> str:
    named = [name + (f" ({', '.join(sorted(scopes))})" if scopes else "") for name, scopes in way.values()]
    return " and ".join(named) or "no credentials"
