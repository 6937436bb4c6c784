"""What every fault is: settings, when it strikes, and how it bends the script of an exchange or of a delivery."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotplant.model.discovery import classes
from pilotplant.model.script import Script
from pilotplant.systems import catalog


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a fault may strike: an attempt at an operation, or at the delivery of an event. `u` is drawn for it."""

    operation: str
    system: str
    keys: tuple[str, ...] = ()
    now: float = 0.0
    u: float = 0.5
    delivery: bool = False


Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]*$")]
"""Names the chance of a stimulus or of a fault, independently of where it stands in its scenario."""


Settings = Mapping[str, Sequence[Any]]
"""Values to choose from, by the name of a setting."""


class Match(BaseModel):
    """What a fault may touch: an operation or event, a system, business keys; empty matches all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str = ""
    system: str = ""
    keys: dict[str, str] = {}
    """Such as `{plant: DE01}`: keys of the operation or event, by name."""

    def covers(self, occasion: Occasion) -> bool:
        """Whether this is what the fault is for. A request for a token is meant only where it is named."""
        if self.operation != occasion.operation and (self.operation or occasion.operation == catalog.TOKEN):
            return False
        if not self.within(occasion.system):
            return False
        if not self.keys:
            return True
        given = dict(zip(keys_of(occasion.operation), occasion.keys, strict=False))
        return self.keys.items() <= given.items()

    def within(self, system: str) -> bool:
        """Whether a system is meant: `mes` means that of every plant."""
        return self.system in ("", system, system.partition("@")[0])


class Window(BaseModel):
    """From when to when a fault is armed, in wire seconds since the stimuli began."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_s: Annotated[float, Field(ge=0)] = 0.0
    to_s: Annotated[float, Field(gt=0)] | None = None
    """Without it, to the end of the stimuli."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError(f"the window ends at {self.to_s:g} s, before it begins at {self.from_s:g} s")
        return self

    def open(self, now: float) -> bool:
        """Whether the fault is armed."""
        return self.from_s <= now and (self.to_s is None or now < self.to_s)


@dataclass(frozen=True)
class Scene:
    """What there is to strike in a scenario: operations and events of its flows, and how long its stimuli last."""

    operations: tuple[str, ...]
    events: tuple[str, ...]
    length_s: float


class Fault(BaseModel, ABC):
    """Base of the faults. Subclasses stand one per file, set `KIND` and bend scripts; the first line of their docstring
    is an example."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    KIND: ClassVar[str]
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "requests"

    DRAWN: ClassVar[Settings | None] = None
    """For random runs: values of its settings that a correct middleware survives. Without them it is not drawn."""

    ON_TARGET: ClassVar[bool] = False
    """Whether it is done to the middleware itself, which then has to be one that the run starts."""

    FILES: ClassVar[bool] = False
    """Whether it is about files, which not every system drops."""

    TOKENS: ClassVar[bool] = False
    """Whether it is about tokens, which not every system issues."""

    fault: str
    match: Match = Match()
    """What it may touch."""
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How often it strikes of the times when it could."""
    nth: Annotated[int, Field(ge=1)] | None = None
    """Strike only the nth matching exchange."""
    max_count: Annotated[int, Field(ge=1)] | None = None
    """Strike so often at most."""
    window: Window = Window()
    """From when to when it is armed."""
    key: Key = ""
    """Names its draws, so that it strikes the same exchanges whatever faults stand before it; its position if empty."""

    @classmethod
    def chosen(cls, entry: Any) -> "type[Fault] | None":
        """The kind that an entry of a document means."""
        given = entry.get("fault") if isinstance(entry, dict) else None
        return fault_kinds().get(given) if isinstance(given, str) else None

    @classmethod
    def sampled(cls, chance: Random, scene: Scene) -> Self | None:
        """One of this kind for a random run, which strikes only now and then; nothing if there is none."""
        if cls.DRAWN is None:
            return None
        settings: dict[str, Any] = {name: chance.choice(values) for name, values in cls.DRAWN.items()}
        settings |= chance.choice(
            (
                {"probability": round(chance.uniform(0.05, 0.5), 2)},
                {"max_count": chance.randint(1, 3)},
                {"nth": chance.randint(1, 6)},
            )
        )
        if chance.random() < 0.3:
            from_s = round(chance.uniform(0, scene.length_s), 1)
            settings["window"] = {"from_s": from_s, "to_s": round(from_s + chance.uniform(0.5, 3), 1)}
        among = [*scene.events * cls.strikes(delivery=True), *scene.operations * cls.strikes(delivery=False)]
        if among and chance.random() < 0.75:
            matched = cls.model_validate({"fault": cls.KIND, "match": {"operation": chance.choice(among)}, **settings})
            if not matched.objection():
                return matched
        return cls.model_validate({"fault": cls.KIND, **settings})

    @abstractmethod
    def bend(self, script: Script, occasion: Occasion) -> Script:
        """The script as it is when this fault strikes. Steps that it adds carry `fault=self.KIND`."""

    def concerns(self, occasion: Occasion) -> bool:
        """Whether it may strike here and now. Asked once for every occasion, so that patterns may count."""
        return self.strikes(delivery=occasion.delivery) and self.match.covers(occasion) and self._armed(occasion)

    def _armed(self, occasion: Occasion) -> bool:
        return self.window.open(occasion.now)

    @classmethod
    def strikes(cls, *, delivery: bool) -> bool:
        """Whether it is for deliveries, or for requests."""
        return cls.STRIKES in ("both", "deliveries" if delivery else "requests")

    @property
    def empties(self) -> bool:
        """Whether the target may lose what it keeps, so that it has to be told everything again."""
        return False

    @property
    def refuses_for_good(self) -> bool:
        """Whether what it refuses stays refused, so that a flow has to say what must follow."""
        return False

    def objection(self) -> str:
        """Why it could never strike what it is matched to, in words; empty if it could."""
        return ""


def keys_of(name: str) -> tuple[str, ...]:
    """The names of the business keys of an operation or event."""
    declared = catalog.operations().get(name) or catalog.events().get(name)
    return declared.keys if declared is not None else ()


@cache
def fault_kinds() -> Mapping[str, type[Fault]]:
    """The kinds of faults, by the name that a scenario uses."""
    return {kind.KIND: kind for kind in classes("pilotplant.faults", Fault)}  # type: ignore[type-abstract]
