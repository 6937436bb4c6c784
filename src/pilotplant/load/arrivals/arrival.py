"""What a shape of arrivals is: moments at which a source does something, whatever became of those before.

That is the open model. A plant does not wait for the middleware before it finishes the next order, so neither do
arrivals here; every latency counts from the moment that was intended.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from sys import modules
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotplant.faults.fault import Key
from pilotplant.model.discovery import classes
from pilotplant.scenario.model import OCCURRENCES_MAX, Stretch


def _with_its_name(schema: dict[str, Any], shape: type["Arrivals"]) -> None:
    """Editors tell the shapes apart by their names, too."""
    schema["properties"]["shape"] = {"const": shape.SHAPE}


class Arrivals(BaseModel):
    """Base of all shapes. Subclasses stand one per file and set `SHAPE`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, json_schema_extra=_with_its_name)

    SHAPE: ClassVar[str] = ""

    do: str
    shape: str
    start: Stretch = 0.0
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    key: Key = ""
    """Names its chance, so that it does the same whatever else the profile holds; its position if empty."""

    @classmethod
    def about(cls) -> str:
        """What it is, in a sentence."""
        return (modules[cls.__module__].__doc__ or "").partition(": ")[2].strip()

    @classmethod
    def settings(cls) -> dict[str, str]:
        """Its fields as they are written, each with its default."""
        return {
            info.alias or name: "needed" if info.is_required() else str(info.default or "not set")
            for name, info in cls.model_fields.items()
        }

    @classmethod
    def chosen(cls, entry: Any) -> type["Arrivals"] | None:
        """The shape that an entry of a document means."""
        given = entry.get("shape") if isinstance(entry, dict) else None
        return shapes().get(given) if isinstance(given, str) else None

    @property
    @abstractmethod
    def length_s(self) -> float:
        """How long it lasts, from its own start."""

    @abstractmethod
    def moments(self, chance: Random) -> Iterator[float]:
        """When something happens, in order, counted from its own start."""

    @abstractmethod
    def scaled(self, factor: float) -> Self:
        """The same shape with so many times as many arrivals."""

    @property
    @abstractmethod
    def expected(self) -> float:
        """How many arrivals are to be expected."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.expected > OCCURRENCES_MAX:
            raise ValueError(f"these are more than {OCCURRENCES_MAX:,} arrivals")
        return self


class Intensity(Arrivals):
    """Base of shapes that say how many come a second at each moment; chance does the rest (a Poisson process)."""

    @abstractmethod
    def rate_at(self, moment_s: float) -> float:
        """Arrivals a second that are to be expected at a moment."""

    @property
    @abstractmethod
    def rate_max(self) -> float:
        """No moment has a higher rate."""

    def moments(self, chance: Random) -> Iterator[float]:
        """Thinning: draw at the highest rate, keep as many as the rate of the moment says."""
        highest, length_s = self.rate_max, self.length_s
        moment = chance.expovariate(highest)
        while moment < length_s:
            if chance.random() * highest < self.rate_at(moment):
                yield moment
            moment += chance.expovariate(highest)

    @property
    def expected(self) -> float:
        """The integral of the rate, by the middles of a thousand strips."""
        strip_s = self.length_s / 1000
        return sum(self.rate_at((number + 0.5) * strip_s) for number in range(1000)) * strip_s


@cache
def shapes() -> Mapping[str, type[Arrivals]]:
    """All shapes by name, found by looking at the folder."""
    found = classes("pilotplant.load.arrivals", Arrivals)  # type: ignore[type-abstract]
    return {shape.SHAPE: shape for shape in found if shape.SHAPE}
