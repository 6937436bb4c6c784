"""Whether a target file means anything: events, fields and systems that exist. Places are paths into the document."""

from collections.abc import Iterator, Mapping
from typing import get_args, get_type_hints

import msgspec

from pilotplant.flows.checking import Flaw, Path
from pilotplant.model.operation import EventType, Operation, Replica
from pilotplant.systems import catalog
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.extensions import place_of
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
    yield from _extensions(target)
    yield from _identity(target)
    yield from _projection(target)
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


def _extensions(target: TargetSpec) -> Iterator[Flaw]:
    operations = catalog.operations()
    for name, fields in target.extensions.items():
        if name not in operations:
            yield Flaw(("extensions", name), f"there is no operation `{name}`", name, tuple(operations))
            continue
        for path in fields:
            if wrong := place_of(operations[name].command, path):
                yield Flaw(("extensions", name, path), wrong, code="PP-VALUE")


def _identity(target: TargetSpec) -> Iterator[Flaw]:
    operations = catalog.operations()
    for name, keys in target.identity.items():
        if name not in operations:
            yield Flaw(("identity", name), f"there is no operation `{name}`", name, tuple(operations))
            continue
        operation = operations[name]
        known = readable(operation, target.extensions.get(name, {}))
        for key, rules in keys.items():
            place: Path = ("identity", name, key)
            if key not in operation.effect.keys:
                listed = operation.effect.keys
                yield Flaw(place, f"`{name}` has no key `{key}`", key, listed)
            for position, rule in enumerate(rules):
                for path in rule.reads():
                    if path not in known:
                        where: Path = (*place, position, "field" if rule.field else "composite")
                        yield Flaw(where, f"`{name}` has no field `{path}`", path, tuple(sorted(known)))


def _projection(target: TargetSpec) -> Iterator[Flaw]:
    operations, events = catalog.operations(), catalog.events()
    replicas = {name: replica for kind in catalog.kinds().values() for name, replica in kind.replicas.items()}
    for name, rules in target.projection.items():
        if name not in replicas:
            known = tuple(replicas)
            what = "copies nothing" if name in operations or name in events else "there is no operation of that name"
            yield Flaw(("projection", name), f"`{name}`: {what}", name, known)
            continue
        known = _comparable(operations.get(name), replicas[name])
        for position, rule in enumerate(rules):
            first = rule.field.partition(".")[0]
            if first and known and first not in known:
                place: Path = ("projection", name, position, "field")
                yield Flaw(place, f"`{name}` has no field `{first}`", first, known)


def _comparable(operation: Operation | None, replica: Replica) -> tuple[str, ...]:
    """The fields of what is sent, and of the form in which it is compared."""
    if operation is None:
        return ()  # what an event states is compared in a form of its own
    form = getattr(replica.form, "__annotations__", {}).get("return")
    return (*operation.command.__struct_fields__, *getattr(form, "__struct_fields__", ()))


def readable(operation: Operation, custom: Mapping[str, object]) -> set[str]:
    """The paths of the fields that a rule can read of an operation."""
    command, each = operation.command, operation.effect.each
    paths = {*command.__struct_fields__, *custom}
    if each:
        (element, *_more) = get_args(get_type_hints(command)[each])
        paths |= {f"{each}.{name}" for name in element.__struct_fields__}
    return paths


def fields_of(event: EventType) -> tuple[str, ...]:
    """The fields of an event's data."""
    return tuple(field.encode_name for field in msgspec.structs.fields(event.payload))
