"""Two JSON Schemas compared: who reads what the new one describes may meet what the old one excluded, and who writes by
the old one may write what the new one excludes."""

from collections.abc import Iterator, Mapping
from typing import Any

from pilotplant.contracts.evolution.change import Change, Roles
from pilotplant.contracts.evolution.merging import Schema, choices, merged, refers, types_of

DEPTH_MAX = 30
"""Structures that contain themselves are compared so deep."""

_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FIXED = ("format", "pattern", "multipleOf")


class Comparison:
    """Compares schemas of two documents, whose references lead into the document that each stands in."""

    def __init__(self, document: str, old: Schema, new: Schema, roles: Roles) -> None:
        self._document = document
        self._old = old
        self._new = new
        self._roles = roles
        self._open: set[tuple[str, str]] = set()
        """Pairs of references that are being compared: structures may contain themselves."""
        self._same: set[tuple[str, str]] = set()

    def compare(self, old: Any, new: Any, place: str, depth: int = 0) -> Iterator[Change]:
        """The differences between two schemas."""
        named = _named(old), _named(new)
        if depth > DEPTH_MAX or named in self._open or named in self._same:
            return
        before, after = merged(self._old, old), merged(self._new, new)
        if before == after and not refers(before):
            return
        if all(named):
            self._open.add(named)
        found = list(self._compared((old, before), (new, after), place, depth))
        self._open.discard(named)
        if all(named) and not found:
            self._same.add(named)
        yield from found

    def _compared(self, olds: tuple[Any, Schema], news: tuple[Any, Schema], place: str, depth: int) -> Iterator[Change]:
        (_given, old), (_too, new) = olds, news
        if bool(choices(old)) != bool(choices(new)):  # one of them is a choice: so is then the other, of one
            yield from self._choices(olds, news, place, depth, whole=True)
        else:
            yield from self._choices(olds, news, place, depth, whole=False)
            yield from self._types(old, new, place)
            yield from self._values(old, new, place)
            yield from self._bounds(old, new, place)
            yield from self._fields(old, new, place, depth)
            yield from self._others(old, new, place, depth)
            yield from self._entries(old, new, place, depth)
        if not old.get("deprecated") and new.get("deprecated"):
            yield self._change(place, "is deprecated", because="it is still there")

    def _types(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        before, after = types_of(old), types_of(new)
        if before == after or (choices(old) and choices(new)) or ("enum" in old and "enum" in new):
            return
        gained = _beyond(after, before) if before else frozenset[str]()
        lost = _beyond(before, after) if after else frozenset[str]()
        if not before:
            writer = f"it may be nothing but {_or(after)} any more"
            yield self._change(place, f"is {_or(after)}, was anything", writer=writer)
        elif not after:
            yield self._change(
                place, f"is anything, was {_or(before)}", reader=f"it need not be {_or(before)} any more"
            )
        elif gained or lost:
            yield self._change(
                place,
                f"is {_or(after)}, was {_or(before)}",
                reader=f"it may be {_or(gained)} now" if gained else "",
                writer=f"it may not be {_or(lost)} any more" if lost else "",
            )

    def _values(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        before, after = old.get("enum"), new.get("enum")
        if before is None and after is None:
            return
        if before is None or after is None:
            listed = before is None
            yield self._change(
                place,
                "takes only listed values now" if listed else "takes any value now",
                reader="" if listed else "values may come that were not among the listed ones",
                writer="values that are not listed are not valid any more" if listed else "",
            )
            return
        for value in after:
            if value not in before:
                reader = f"a reader that knows only the old values does not know `{value}`"
                yield self._change(place, f"has a new value `{value}`", reader=reader)
        for value in before:
            if value not in after:
                writer = f"`{value}` is not valid any more"
                yield self._change(place, f"has lost its value `{value}`", writer=writer)

    def _bounds(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        for names, direction in ((_LOWEST, 1), (_HIGHEST, -1)):
            for name in names:
                before, after = old.get(name), new.get(name)
                if before != after:
                    yield self._bound(name, before, after, direction, place)
        for name in _FIXED:
            before, after = old.get(name), new.get(name)
            if before != after:
                yield self._change(
                    place,
                    f"has {name} {after!r}, had {before!r}" if after is not None else f"has no {name} any more",
                    reader="" if before is None else f"it need not have {name} {before!r} any more",
                    writer="" if after is None else f"it has to have {name} {after!r} now",
                )

    def _bound(self, name: str, before: Any, after: Any, direction: int, place: str) -> Change:
        tighter = before is None or (after is not None and (after - before) * direction > 0)
        what = f"has {name} {after}, had {before if before is not None else 'none'}"
        return self._change(
            place,
            what if after is not None else f"has no {name} any more",
            reader="" if tighter else "values may come that were out of bounds before",
            writer="values that were valid are out of bounds now" if tighter else "",
        )

    def _fields(self, old: Schema, new: Schema, place: str, depth: int) -> Iterator[Change]:
        before: Schema = old.get("properties") or {}
        after: Schema = new.get("properties") or {}
        had, has = set(old.get("required") or ()), set(new.get("required") or ())
        for name in before:
            where = f"{place}.{name}"
            if name not in after:
                yield self._lost(where, needed=name in had, closed=_closed(new))
                continue
            if name in had - has:
                yield self._change(where, "is optional now", reader="it may be missing now")
            elif name in has - had:
                yield self._change(where, "is required now", writer="it has to be there now")
            yield from self.compare(before[name], after[name], where, depth + 1)
        for name in after:
            if name not in before:
                yield self._gained(f"{place}.{name}", needed=name in has, closed=_closed(old))

    def _others(self, old: Schema, new: Schema, place: str, depth: int) -> Iterator[Change]:
        """Fields that are not listed: refused, taken, or taken if they are as a schema says."""
        if _closed(new) and not _closed(old):
            yield self._change(place, "takes no other fields now", writer="fields that are not listed are refused now")
        elif _closed(old) and not _closed(new):
            reader = "fields may come that are not listed, and the old contract takes none"
            yield self._change(place, "takes other fields now", reader=reader)
        elif not _closed(old):
            before, after = old.get("additionalProperties"), new.get("additionalProperties")
            yield from self.compare(before, after, f"{place}.*", depth + 1)

    def _entries(self, old: Schema, new: Schema, place: str, depth: int) -> Iterator[Change]:
        before, after = old.get("prefixItems") or [], new.get("prefixItems") or []
        for position in range(max(len(before), len(after))):
            was = before[position] if position < len(before) else old.get("items")
            will = after[position] if position < len(after) else new.get("items")
            yield from self.compare(was, will, f"{place}[{position}]", depth + 1)
        yield from self.compare(old.get("items"), new.get("items"), f"{place}[]", depth + 1)

    def _lost(self, place: str, *, needed: bool, closed: bool) -> Change:
        return self._change(
            place,
            "is gone",
            reader="whoever needs it does not find it" if needed else "",
            writer="whoever still sends it is refused" if closed else "",
            because="it was optional, and is passed over where it still comes",
        )

    def _gained(self, place: str, *, needed: bool, closed: bool) -> Change:
        return self._change(
            place,
            "is new and required" if needed else "is new and optional",
            reader="the old contract takes no fields that it does not list" if closed else "",
            writer="it has to be there now" if needed else "",
            because="readers pass over what they do not know",
        )

    def _choices(
        self, olds: tuple[Any, Schema], news: tuple[Any, Schema], place: str, depth: int, *, whole: bool
    ) -> Iterator[Change]:
        """Alternatives, matched by name or type; one that is left on either side with the same type is the same one."""
        before = _kinds(self._old, *olds, whole=whole)
        after = _kinds(self._new, *news, whole=whole)
        for kind, (shape, _schema) in tuple(after.items()):
            twin = next((k for k, (s, _x) in before.items() if k not in after and s == shape), None)
            if kind not in before and twin is not None:
                before[kind] = before.pop(twin)
        shapes = {shape for shape, _schema in after.values()}, {shape for shape, _schema in before.values()}
        for kind in [*after, *(kind for kind in before if kind not in after)]:
            if kind not in before:
                if not (after[kind][0] == "integer" and "number" in shapes[1]):
                    yield self._change(place, f"may be {kind} as well", reader=f"it may be {kind} now")
            elif kind not in after:
                if not (before[kind][0] == "integer" and "number" in shapes[0]):
                    yield self._change(place, f"cannot be {kind} any more", writer=f"it may not be {kind} any more")
            else:
                yield from self.compare(before[kind][1], after[kind][1], place, depth + 1)

    def _change(self, place: str, what: str, *, reader: str = "", writer: str = "", because: str = "") -> Change:
        return self._roles.change(self._document, place, what, reader=reader, writer=writer, because=because)


def _named(schema: Any) -> str:
    """What tells a schema that leads elsewhere from others; empty if it does not."""
    leads = isinstance(schema, Mapping) and ("$ref" in schema or "allOf" in schema)
    return repr(schema) if leads else ""


def _beyond(these: frozenset[str], those: frozenset[str]) -> frozenset[str]:
    """The types that those do not cover; every whole number is a number."""
    covered = those | {"integer"} if "number" in those else those
    return these - covered


def _closed(schema: Schema) -> bool:
    return schema.get("additionalProperties") is False


def _kinds(document: Schema, given: Any, schema: Schema, *, whole: bool) -> dict[str, tuple[str, Any]]:
    """Alternatives by what tells them apart, each with its type; `whole`: a schema without any is one, by its types."""
    listed: list[Any] = choices(schema)
    if listed and whole:  # what stands beside the alternatives holds for each
        beside = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        listed = [{"allOf": [beside, each]} if beside else each for each in listed]
    elif not listed and whole:
        types = types_of(schema)
        listed = [{**schema, "type": each} for each in sorted(types)] if len(types) > 1 else [given]
    kinds: dict[str, tuple[str, Any]] = {}
    for each in listed:
        resolved = merged(document, each)
        shape = _or(types_of(resolved)) or "anything"
        kind = _called(each) or (str(*resolved["enum"]) if len(resolved.get("enum") or ()) == 1 else shape)
        while kind in kinds:
            kind += " of another kind"
        kinds[kind] = shape, each
    return kinds


def _called(schema: Any) -> str:
    """The name of what a schema refers to."""
    parts = schema.get("allOf") if isinstance(schema, Mapping) and "allOf" in schema else [schema]
    named = next((part["$ref"] for part in parts or () if isinstance(part, Mapping) and "$ref" in part), "")
    return str(named).rpartition("/")[2]


def _or(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
