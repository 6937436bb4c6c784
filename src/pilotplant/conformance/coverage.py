"""What runs have exercised, of all that there is: operations, events, refusals, steps of flows; and what pacts expect.

A pact that was recorded from a run says nothing that the run did not say, so it counts for nothing here.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from pilotplant.checks.result import Result
from pilotplant.contracts.pacts import Interaction
from pilotplant.dialects.rest import Rest
from pilotplant.exchange.wire import Route
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Deliver, Emit, Reject, Request, ResponseFirst
from pilotplant.model.errors import LedgerError
from pilotplant.systems import catalog

PARTS = ("operations", "events", "refusals", "steps", "pacts")


class Covered(msgspec.Struct, frozen=True):
    """One thing that can be exercised, and how often it was."""

    name: str
    times: int


class Part(msgspec.Struct, frozen=True):
    """All things of one sort."""

    part: str
    covered: tuple[Covered, ...]

    @property
    def reached(self) -> int:
        """How many were exercised at all."""
        return sum(bool(each.times) for each in self.covered)

    @property
    def percent(self) -> float:
        """Their share; all of nothing is everything."""
        return 100.0 * self.reached / len(self.covered) if self.covered else 100.0


class Coverage(msgspec.Struct, frozen=True):
    """All of it, and the runs that it was seen in."""

    runs: tuple[str, ...]
    parts: tuple[Part, ...]

    def __getitem__(self, name: str) -> Part:
        return next(part for part in self.parts if part.part == name)


def coverage(directories: Sequence[Path], flows: Iterable[FlowSpec], pacts: Iterable[Interaction]) -> Coverage:
    """What these runs exercised and these pacts expect."""
    seen: dict[str, dict[str, int]] = {part: dict.fromkeys(names, 0) for part, names in _everything(flows).items()}
    for directory in directories:
        for part, name in (*_of_ledger(directory), *_of_result(directory)):
            if name in seen[part]:
                seen[part][name] += 1
    for name in _of_pacts(pacts):
        if name in seen["pacts"]:
            seen["pacts"][name] += 1
    parts = (Part(part, tuple(Covered(name, times) for name, times in seen[part].items())) for part in PARTS)
    return Coverage(tuple(directory.name for directory in directories), tuple(parts))


def _everything(flows: Iterable[FlowSpec]) -> dict[str, list[str]]:
    operations, events = catalog.operations(), catalog.events()
    return {
        "operations": sorted(operations),
        "events": sorted(events),
        "refusals": sorted(f"{o.name}!{refusal.code}" for o in operations.values() for refusal in o.rejects),
        "steps": sorted(f"{flow.flow}.{step}" for flow in flows for step in flow.steps),
        "pacts": sorted([*operations, *events]),
    }


def _of_ledger(directory: Path) -> Iterator[tuple[str, str]]:
    ledger = Ledger(directory)
    names = [named.name for named in ledger.header.operations]
    asked: dict[int, str] = {}
    stated: dict[int, str] = {}
    for record in ledger:
        match record:
            case Request():
                asked[record.seq] = names[record.operation]
            case ResponseFirst() if name := asked.pop(record.exchange, ""):
                if record.status < 400:
                    yield "operations", name
            case Reject() if record.exchange:
                yield "refusals", f"{names[record.operation]}!{record.code}"
            case Emit():
                stated[record.seq] = names[record.operation]
            case Deliver() if not record.bent and (event := stated.get(record.emit)):
                yield "events", event


def _of_result(directory: Path) -> Iterator[tuple[str, str]]:
    try:
        result = msgspec.json.decode((directory / "result.json").read_bytes(), type=Result)
    except FileNotFoundError:
        return  # a run that was not judged has exercised no step to its end
    except (OSError, msgspec.MsgspecError) as error:
        raise LedgerError(f"{directory / 'result.json'} cannot be read: {error}") from None
    for row in result.board:
        for cell in row.cells:
            if cell.done:
                yield "steps", f"{row.flow}.{cell.step}"


def _of_pacts(pacts: Iterable[Interaction]) -> Iterator[str]:
    doors = {name: Rest(kind.operations) for name, kind in catalog.kinds().items()}
    for interaction in pacts:
        if interaction.derived:
            continue
        if interaction.kind == "http" and (door := doors.get(interaction.provider)):
            route = door.route(interaction.method, interaction.path)
            if isinstance(route, Route):
                yield route.operation.name
        elif interaction.kind == "message":
            yield event_of(interaction)


def event_of(interaction: Interaction) -> str:
    """The type of event that a message is about: by its contents, its metadata, or else its description."""
    content = interaction.content
    contents = content.get("contents") or {}
    inner = contents.get("content", contents) if isinstance(contents, dict) else {}
    metadata = content.get("metadata") or content.get("metaData") or {}
    told = [inner.get("type") if isinstance(inner, dict) else None]
    told += [metadata.get(key) for key in ("type", "ce-type", "ce_type")]
    named = next((str(each) for each in told if isinstance(each, str)), "")
    return named or next((word for word in interaction.description.split() if word in catalog.events()), "")
