"""Whether a target file means anything: events, fields and systems that exist. Places are paths into the document."""

from collections.abc import Iterator, Mapping
from typing import get_args, get_type_hints

from pilotplant.flows.checking import Flaw, Path
from pilotplant.model.operation import EventType, Operation, Replica
from pilotplant.systems import catalog
from pilotplant.target.delivery import DeliverSpec
from pilotplant.target.extensions import place_of
from pilotplant.target.fields import element, is_text, kinds_of
from pilotplant.target.fields import place as place_at
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
        missed = [place_at(event.payload, path) for event in chosen]
        if spec.constant is None and all(each.missing for each in missed):
            deepest = next((each for each in missed if each.missing != path.partition(".")[0]), missed[0])
            known = sorted({name for each in missed if each.missing == deepest.missing for name in each.known})
            what = f"none of these events has a field `{deepest.missing}`"
            within = f" in `{path.rpartition('.')[0]}`" if deepest.missing != path.partition(".")[0] else ""
            yield Flaw((*place, "fields", path), what + within, deepest.missing, tuple(known))
    yield from _mapping(place, entry, chosen)


def _mapping(place: Path, entry: DeliverSpec, chosen: list[EventType]) -> Iterator[Flaw]:
    """What a mapping says and cannot do: two values in one field, units that are nowhere."""
    if entry.units and not any(spec.unit for spec in entry.fields.values()):
        what = "no field says that it is counted in a unit: `quantity: {unit: unit}`, `unit: {unit: .}`"
        yield Flaw((*place, "units"), what, code="PP-VALUE")
    for path, spec in entry.fields.items():
        start = path.rpartition(".")[0]
        beside = f"{start}.{spec.unit}" if start else spec.unit
        if spec.unit not in ("", ".") and all(place_at(event.payload, beside).missing for event in chosen):
            yield Flaw((*place, "fields", path), f"there is no field `{spec.unit}` beside it", code="PP-VALUE")
    told: set[str] = set()
    for event in chosen:
        taken: dict[str, str] = {}
        for path, name in _named(entry, event):
            if name in taken and path not in told:
                told.add(path)
                what = f"`{path}` and `{taken[name]}` of {event.name} both become `{name}`: one would be lost"
                yield Flaw((*place, "fields", path), what, code="PP-VALUE")
            taken.setdefault(name, path)


def _named(entry: DeliverSpec, event: EventType) -> Iterator[tuple[str, str]]:
    """The fields of an event that are delivered: their path, and what they are called there."""
    scopes = {path.rpartition(".")[0] for path in entry.fields}
    for scope in sorted(scopes):
        inner = element(place_at(event.payload, scope).kind) if scope else event.payload
        start = f"{scope}." if scope else ""
        fields = [f"{start}{name}" for name in kinds_of(inner)] if inner is not None else []
        given = {path: spec for path, spec in entry.fields.items() if path.rpartition(".")[0] == scope}
        kept = [path for path in fields if path not in given and (not entry.only_fields or path in scopes)]
        for path in kept:
            yield path, path
        for path, spec in given.items():
            if not spec.drop and (path in fields or spec.constant is not None):
                yield path, start + (spec.to or path.rpartition(".")[2])


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
                for group in rule.groups():
                    if group not in operation.effect.keys:
                        what = f"`{name}` has no key `{group}`: a group without a name is `{key}`"
                        yield Flaw((*place, position, "pattern"), what, group, operation.effect.keys)
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
            place: Path = ("projection", name, position, "field")
            first = rule.field.partition(".")[0]
            if first and known and first not in known:
                yield Flaw(place, f"`{name}` has no field `{first}`", first, known)
            elif rule.table and name in operations:
                yield from _translated(place, operations[name], rule.field)


def _translated(place: Path, operation: Operation, path: str) -> Iterator[Flaw]:
    """Whether a table of texts can be applied to what stands there."""
    found = place_at(operation.command, path)
    if found.missing:
        yield Flaw(place, f"`{operation.name}` has no field `{path}`", found.missing, found.known)
    elif not is_text(found.kind):
        yield Flaw(place, f"a `table` is for texts, and `{path}` is none", code="PP-VALUE")


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
