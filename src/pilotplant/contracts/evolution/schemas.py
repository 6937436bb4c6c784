"""Two JSON Schemas compared: who reads what the new one describes may meet what the old one excluded, and who writes by
the old one may write what the new one excludes."""

from collections.abc import Iterator, Mapping
from typing import Any

from pilotplant.contracts.evolution.change import Change, Roles

Schema = Mapping[str, Any]
DEPTH_MAX = 30
"""Structures that contain themselves are compared so deep."""

_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_FIXED = ("format", "pattern", "const", "multipleOf")


class Comparison:
    """Compares schemas of two documents, whose references lead into the document that each stands in."""

    def __init__(self, document: str, old: Schema, new: Schema, roles: Roles) -> None:
        self._document = document
        self._old = old
        self._new = new
        self._roles = roles

    def compare(self, old: Any, new: Any, place: str, depth: int = 0) -> Iterator[Change]:
        """The differences between two schemas."""
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        if depth > DEPTH_MAX or (old == new and not _refers(old)):
            return
        yield from self._types(old, new, place)
        yield from self._values(old, new, place)
        yield from self._bounds(old, new, place)
        yield from self._fields(old, new, place, depth)
        if isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
            yield from self.compare(old["items"], new["items"], f"{place}[]", depth + 1)
        yield from self._alternatives(old, new, place, depth)
        if not old.get("deprecated") and new.get("deprecated"):
            yield self._change(place, "is deprecated", because="it is still there")

    def _types(self, old: Schema, new: Schema, place: str) -> Iterator[Change]:
        before, after = _types(old), _types(new)
        if not before or not after or before == after:
            return
        gained, lost = _beyond(after, before), _beyond(before, after)
        if gained or lost:
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
        if _closed(new) and not _closed(old):
            yield self._change(place, "takes no other fields now", writer="fields that are not listed are refused now")

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

    def _alternatives(self, old: Schema, new: Schema, place: str, depth: int) -> Iterator[Change]:
        for word in ("anyOf", "oneOf"):
            before = {_kind(self._old, each): each for each in old.get(word) or ()}
            after = {_kind(self._new, each): each for each in new.get(word) or ()}
            for kind in [*after, *(kind for kind in before if kind not in after)]:
                if kind not in before:
                    yield self._change(place, f"may be {kind} as well", reader=f"it may be {kind} now")
                elif kind not in after:
                    yield self._change(place, f"cannot be {kind} any more", writer=f"it may not be {kind} any more")
                else:
                    yield from self.compare(before[kind], after[kind], place, depth + 1)

    def _change(self, place: str, what: str, *, reader: str = "", writer: str = "", because: str = "") -> Change:
        return self._roles.change(self._document, place, what, reader=reader, writer=writer, because=because)


def _resolved(document: Schema, schema: Any) -> Schema:
    for _ in range(DEPTH_MAX):
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            break
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, Mapping) else {}
        schema = target
    return schema if isinstance(schema, Mapping) else {}


def _refers(value: Any) -> bool:
    """Whether there is a reference somewhere in it: what looks the same may then mean something else."""
    if isinstance(value, Mapping):
        return "$ref" in value or any(_refers(each) for each in value.values())
    return isinstance(value, list) and any(_refers(each) for each in value)


def _types(schema: Schema) -> frozenset[str]:
    given = schema.get("type")
    return frozenset([given] if isinstance(given, str) else given or ())


def _beyond(these: frozenset[str], those: frozenset[str]) -> frozenset[str]:
    """The types that those do not cover; every whole number is a number."""
    covered = those | {"integer"} if "number" in those else those
    return these - covered


def _closed(schema: Schema) -> bool:
    return schema.get("additionalProperties") is False


def _kind(document: Schema, schema: Any) -> str:
    """What tells alternatives apart."""
    if isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
        return str(schema["$ref"].rpartition("/")[2])
    resolved = _resolved(document, schema)
    return _or(_types(resolved)) or str(resolved.get("const", resolved.get("enum", "anything")))


def _or(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
