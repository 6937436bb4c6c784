"""An operation, an event, an effect: each declared once, and everything else is derived from the declaration.

From an `Operation` come the REST route and the OpenAPI document, the keys that the ledger records, the effect that the
judge counts or compares, and later the Pact state, the what-if call and the load task.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec

from pilotplant.model.outcome import Outcome
from pilotplant.model.problem import Rejection
from pilotplant.model.revisions import ordinal


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Base of what an operation is called with: typed, frozen, unknown fields refused."""


class Kind(StrEnum):
    """How the judge treats an effect."""

    FACT = "fact"
    STATE = "state"
    NONE = "none"


@dataclass(frozen=True)
class Effect:
    """What an operation does to the world.

    A `fact` is counted: exactly one per identity. A `state` is latest-wins: it converges and is never counted.
    """

    kind: Kind
    keys: tuple[str, ...] = ()
    version: str = ""
    each: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names a flow may use in `by`: the keys, and the version of a state."""
        return (*self.keys, self.version) if self.version else self.keys


NO_EFFECT = Effect(Kind.NONE)


def fact(*keys: str, each: str = "") -> Effect:
    """A counted effect, identified by these fields. With `each`, one effect for every element of that field."""
    return Effect(Kind.FACT, keys, each=each)


def state(*keys: str, version: str) -> Effect:
    """A latest-wins effect on the entity with these keys; `version` is the field that orders it."""
    return Effect(Kind.STATE, keys, version)


Row = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
"""A version that counts changes, in a command."""

DIGITS_MAX = 18
"""More digits do not fit into a record."""


def version_number(value: object) -> int:
    """The place of a version in its order: revisions by their letters, everything else as a number."""
    if isinstance(value, int):
        return value
    text = str(value)
    if len(text) <= DIGITS_MAX and text.isascii() and text.isdigit():
        return int(text)
    return ordinal(text)


def effect_id(name: str, values: Sequence[str]) -> str:
    """The identity of an effect as the ledger holds it: `erp.stock.post|DE01|CNF-1|receipt|ITM-7|L1`."""
    identity = "|".join((name, *values))
    if identity.count("|") != len(values):
        identity = "|".join((name, *(value.replace("|", "¦") for value in values)))
    return identity


Values = Callable[[Any], tuple[str, ...]]


def extractor(names: tuple[str, ...]) -> Values:
    """A function that reads these fields of a struct as a tuple; fast, since it runs for every request."""
    if not names:
        return lambda struct: ()
    if len(names) == 1:
        only = attrgetter(names[0])
        return lambda struct: (only(struct),)
    return attrgetter(*names)


@dataclass(frozen=True)
class Operation:
    """A command or query of a system."""

    name: str
    keys: tuple[str, ...]
    effect: Effect
    method: str
    path: str
    status: int
    command: type[Command]
    returns: Any
    rejects: tuple[type[Rejection], ...]
    etag: Callable[[Any, Any], str] | None
    facet: str
    discloses: bool
    handler: Callable[[Any, Any, Any], Outcome]
    about: str
    rows: tuple[str, ...] = ()

    @property
    def system(self) -> str:
        """The kind of system that offers it."""
        return self.name.partition(".")[0]

    @cached_property
    def query(self) -> bool:
        """Whether it only reads."""
        return self.method == "GET"

    @cached_property
    def versioned(self) -> bool:
        """Whether it changes a document of which the latest version counts."""
        return not self.query and not self.counted

    @cached_property
    def counted(self) -> bool:
        """Whether its effects are facts."""
        return self.effect.kind is Kind.FACT


Handler = Callable[[Any, Any, Any], Outcome]

UNWANTED = "unwanted"
"""The facet of what was disclosed and should not have been."""


def operation(
    name: str,
    *,
    rest: str,
    returns: Any,
    keys: tuple[str, ...] = (),
    effect: Effect = NO_EFFECT,
    rejects: tuple[type[Rejection], ...] = (),
    status: int = 0,
    etag: Callable[[Any, Any], str] | None = None,
    facet: str = "",
    rows: tuple[str, ...] = (),
    discloses: bool = False,
) -> Callable[[Handler], Operation]:
    """Declare the function below as an operation. `rest` is method and path: `POST /stock-documents`.

    `etag` gives the entity tag that If-Match has to carry; `facet` names the field that says more of the effect: how
    far it goes (staged or executable), what it changes, what it reports. What an operation `discloses` leaves the
    company: its commits say so where the system of record does not want that (`UNWANTED`), since that cannot be undone.
    `rows` of a list names the keys that identify a row, the one that pages are ordered by last: whatever is done with
    such keys at the front changes the row.
    """
    method, _, path = rest.partition(" ")

    def declare(handler: Handler) -> Operation:
        hints = get_type_hints(handler)
        parameters = list(hints)
        return Operation(
            name=name,
            keys=keys,
            effect=effect,
            method=method,
            path=path,
            status=status or (200 if method in ("GET", "PATCH", "PUT") else 201),
            command=hints[parameters[1]],
            returns=returns,
            rejects=rejects,
            etag=etag,
            facet=facet,
            discloses=discloses,
            handler=handler,
            about=(handler.__doc__ or "").strip(),
            rows=rows,
        )

    return declare


@dataclass(frozen=True)
class EventType:
    """A business fact that a system emits."""

    name: str
    keys: tuple[str, ...]
    effect: Effect
    payload: type[msgspec.Struct]
    about: str

    @property
    def system(self) -> str:
        """The kind of system that emits it."""
        return self.name.partition(".")[0]


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of event payloads: the `data` of a CloudEvent."""


E = TypeVar("E", bound=type[Event])
DECLARED = "__pilotplant_event__"


def event(name: str, *, keys: tuple[str, ...], effect: Effect = NO_EFFECT) -> Callable[[E], E]:
    """Declare the struct below as an event. Its effect is the fact or state that the event announces."""

    def declare(payload: E) -> E:
        setattr(payload, DECLARED, EventType(name, keys, effect, payload, (payload.__doc__ or "").strip()))
        return payload

    return declare


def event_type(payload: Event | type[Event]) -> EventType:
    """The declaration of an event payload."""
    declared: EventType = getattr(payload, DECLARED)
    return declared


@dataclass(frozen=True)
class Replica:
    """An effect that copies what another system owns: what a middleware ought to send, and what is held.

    `intended(estate, keys)` is the command that a correct middleware sends, given the system of record; `None` where
    nothing should be held. `held(state, keys)` is what the system holds, told as the same command. Both are compared in
    the form that `form(state, command)` gives them: in plant units, without what may differ.
    """

    effect: str
    intended: Callable[[Any, tuple[str, ...]], Command | None]
    held: Callable[[Any, tuple[str, ...]], Command | None]
    form: Callable[[Any, Any], msgspec.Struct]
    part: Callable[[Any, tuple[str, ...]], Any] = lambda command, _keys: command
    """Of a command with several effects, the part that is about this one."""
    version: Callable[[Any, tuple[str, ...]], int] = lambda _state, _keys: 0
    """The ordinal of the version that is held; 0 for facts and for nothing."""
    moments: Callable[[Any, tuple[str, ...]], tuple[tuple[str, str, str], ...]] = lambda _estate, _keys: ()
    """Dates and times that are held and that no correct middleware would have sent: (what, held, intended)."""
    amount: Callable[[Any], float] = lambda _form: 0.0
    """How much a command is about, of its form."""
    together: Callable[[Any, tuple[str, ...]], tuple[tuple[tuple[str, ...], ...], float] | None] = lambda _s, _k: None
    """Where what is held for these keys is summed up with others: the keys of all of them, and the sum."""
    anonymous: Callable[[Any], Mapping[tuple[str, ...], float]] = lambda _state: {}
    """How much is held that nothing ties to what caused it, by its keys with `?` for the one that is missing."""
