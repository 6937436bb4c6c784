"""What every fault is: settings, when it strikes, and how it bends the script of an exchange."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotplant.model.discovery import classes
from pilotplant.model.script import Script

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]*$")]
"""Names the chance of a stimulus or of a fault, independently of where it stands in its scenario."""


class Match(BaseModel):
    """What a fault may touch: an operation, a system; empty matches all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str = ""
    system: str = ""


class Window(BaseModel):
    """From when to when a fault is armed, in wire seconds since the start of the run."""

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
    """Base of the faults. Subclasses stand one per file, set `KIND` and bend scripts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    KIND: ClassVar[str]

    fault: str
    match: Match = Match()
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    nth: Annotated[int, Field(ge=1)] | None = None
    """Strike only the nth matching exchange."""
    max_count: Annotated[int, Field(ge=1)] | None = None
    window: Window = Window()
    key: Key = ""
    """Names its draws, so that it strikes the same exchanges whatever faults stand before it; its position if empty."""

    @classmethod
    def sampled(cls, chance: Random, scene: Scene) -> Self | None:
        """One of this kind for a random run, such that a correct middleware survives it; nothing if there is none."""
        del chance, scene
        return None

    @classmethod
    def _drawn(cls, chance: Random, scene: Scene, among: Sequence[str], **settings: Any) -> Self:
        """One with these settings that strikes some of these operations now and then: a retry gets through."""
        often: tuple[dict[str, float], ...] = (
            {"probability": round(chance.uniform(0.05, 0.5), 2)},
            {"max_count": chance.randint(1, 3)},
            {"nth": chance.randint(1, 6)},
        )
        if among and chance.random() < 0.75:
            settings["match"] = {"operation": chance.choice(among)}
        if chance.random() < 0.3:
            from_s = round(chance.uniform(0, scene.length_s), 1)
            settings["window"] = {"from_s": from_s, "to_s": round(from_s + chance.uniform(0.5, 3), 1)}
        return cls.model_validate({"fault": cls.KIND, **chance.choice(often), **settings})

    @abstractmethod
    def bend(self, script: Script) -> Script:
        """The script as it is when this fault strikes. Steps that it adds carry `fault=self.KIND`."""


@cache
def fault_kinds() -> Mapping[str, type[Fault]]:
    """The kinds of faults, by the name that a scenario uses."""
    return {kind.KIND: kind for kind in classes("pilotplant.faults", Fault)}  # type: ignore[type-abstract]
