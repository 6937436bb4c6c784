"""Finds the place that a pydantic error means, and what the models would have accepted there.

A `loc` names keys and positions, but also the labels of union members (`oauth2`, `int`, `function-before[…]`), which
stand for nothing in the document. The annotations of the model say where a label is to be expected; where they say
nothing, what is not in the document is taken for a label.
"""

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pilotplant.model.yaml_positions import Node, Place

Loc = tuple[str | int, ...]

KEY = "[key]"
"""Pydantic's way to say that the key is meant, not its value."""


@dataclass(frozen=True)
class Spot:
    """Where a `loc` leads in a document."""

    node: Node
    key: Place | None
    """Of the key under which the node stands; none in a list and at the top."""
    at_key: bool
    unions: tuple[int, ...]
    """Positions in the `loc` that hold the label of a union member."""
    types: tuple[Any, ...]
    """What the node may be, as far as the model says."""

    @property
    def place(self) -> Place:
        """What to underline: a scalar itself, but of a mapping or list its key, and the key of an empty value."""
        if self.key is not None and (
            self.at_key or not self.node.scalar or not (self.node.written or self.node.quoted)
        ):
            return self.key
        return self.node.place


def find(root: Node, loc: Loc, model: Any = None) -> Spot:
    """Follow a `loc` as far as it leads."""
    node, key, at_key = root, None, False
    unions: list[int] = []
    accepted = _meant(unfold([model] if model is not None else []), root)
    labelled = False
    for position, part in enumerate(loc):
        if len(accepted) > 1 and not labelled and isinstance(part, str) and part != KEY:
            accepted, labelled = _member(accepted, part), True
            unions.append(position)
            continue
        if part == KEY:
            at_key = True
        elif isinstance(part, str) and part in node.entries:
            key, node = node.entries[part]
        elif isinstance(part, int) and 0 <= part < len(node.items):
            key, node = None, node.items[part]
        else:
            continue
        accepted, labelled = _meant(unfold(_inside(accepted, part)), node), False
    return Spot(node, key, at_key, tuple(unions), accepted)


def _meant(accepted: tuple[Any, ...], node: Node) -> tuple[Any, ...]:
    """With the subclass that an entry names in the place of its base, where the base can tell (`chosen`)."""
    choosing = [(each, getattr(each, "chosen", None)) for each in accepted]
    return tuple((choose(node.data) if choose is not None else None) or each for each, choose in choosing)


def field_names(accepted: Iterable[Any]) -> set[str]:
    """The fields that a mapping may have there, as they are written."""
    return {
        name
        for model in _models(accepted)
        for field, info in model.model_fields.items()
        for name in _names(field, info)
    }


def literals(accepted: Iterable[Any], field: str) -> set[str]:
    """The texts between which a field decides."""
    annotations = unfold(_inside(tuple(accepted), field))
    return {str(value) for each in annotations if get_origin(each) is Literal for value in get_args(each)}


def unfold(annotations: Iterable[Any]) -> tuple[Any, ...]:
    """The members of unions, without `None` and without what annotates them."""
    found: list[Any] = []
    for annotation in annotations:
        origin = get_origin(annotation)
        if origin is Annotated:
            found += unfold([get_args(annotation)[0]])
        elif origin in (Union, types.UnionType):
            found += unfold(get_args(annotation))
        elif isinstance(annotation, TypeVar):
            found += unfold([annotation.__bound__] if annotation.__bound__ else [])
        elif annotation is not types.NoneType and annotation is not Any:
            found.append(annotation)
    return tuple(found)


def _models(accepted: Iterable[Any]) -> Iterator[type[BaseModel]]:
    """The models among them. An abstract base stands for its subclasses: which one is meant, a validator decides."""
    for each in accepted:
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each
            if getattr(each, "__abstractmethods__", None):
                yield from _models(each.__subclasses__())


def _names(field: str, info: FieldInfo) -> list[str]:
    alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
    return [alias or field]


def _member(accepted: tuple[Any, ...], label: str) -> tuple[Any, ...]:
    """The union member that a label names: by its class, or by a field that can only have the label as its value."""
    named = [each for each in accepted if getattr(each, "__name__", "") == label]
    tagged = [
        model
        for model in _models(accepted)
        if any(
            get_origin(info.annotation) is Literal and label in map(str, get_args(info.annotation))
            for info in model.model_fields.values()
        )
    ]
    return tuple(named or tagged or accepted)


def _inside(accepted: tuple[Any, ...], part: str | int) -> list[Any]:
    """What may stand under a key, or at a position."""
    found: list[Any] = []
    for model in _models(accepted):
        found += [
            info.annotation for field, info in model.model_fields.items() if part in (field, *_names(field, info))
        ]
    for each in accepted:
        origin, arguments = get_origin(each), get_args(each)
        if not isinstance(origin, type) or not arguments:
            continue
        if issubclass(origin, Mapping):
            found += arguments[1:2]
        elif issubclass(origin, tuple) and isinstance(part, int) and Ellipsis not in arguments:
            found += arguments[part : part + 1]
        elif issubclass(origin, Sequence | AbstractSet):
            found.append(arguments[0])
    return found
