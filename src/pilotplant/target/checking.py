"""Whether a target file means anything: events, fields and systems that exist. Places are paths into the document."""

from collections.abc import Iterator

import msgspec

from pilotplant.flows.checking import Flaw, Path
from pilotplant.model.operation import EventType
from pilotplant.systems import catalog
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.model import TargetSpec


def flaws_of_target(target: TargetSpec) -> Iterator[Flaw]:
    """Everything that is wrong with a target."""
    several = isinstance(target.deliver, list)
    taken: dict[str, int] = {}
    for position, entry in enumerate(target.deliveries):
        place: Path = ("deliver", position) if several else ("deliver",)
        yield from _delivery(place, entry)
        for event in entry.events or ("*",):
            if event in taken:
                what = f"`{event}`" if event != "*" else "all that no other entry names"
                yield Flaw(place, f"two entries take {what}: each event goes to one address", code="PP-VALUE")
            taken[event] = position
    kinds = catalog.kinds()
    for system in target.credentials:
        if system.partition("@")[0] not in kinds:
            yield Flaw(("credentials", system), f"there is no system `{system}`", system, tuple(kinds))


def _delivery(place: Path, entry: DeliverSpec) -> Iterator[Flaw]:
    events = catalog.events()
    for position, name in enumerate(entry.events):
        if name not in events:
            yield Flaw((*place, "events", position), f"there is no event `{name}`", name, tuple(events))
    for name in entry.types:
        if name not in events:
            yield Flaw((*place, "types", name), f"there is no event `{name}`", name, tuple(events))
    chosen = [events[name] for name in entry.events if name in events] or list(events.values())
    for path, spec in entry.fields.items():
        first = path.partition(".")[0]
        known = sorted({name for event in chosen for name in fields_of(event)})
        if spec.constant is None and first not in known:
            yield Flaw((*place, "fields", path), f"none of these events has a field `{first}`", first, tuple(known))


def fields_of(event: EventType) -> tuple[str, ...]:
    """The fields of an event's data."""
    return tuple(field.encode_name for field in msgspec.structs.fields(event.payload))
