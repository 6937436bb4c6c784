"""What behaviours declare: how their system stands in an estate, and what a scenario can make happen in it."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from pilotplant.model.operation import Command, Operation

Serves = Literal["estate", "plant", "either"]
"""How a kind of system may stand in an estate: one for all plants, one in each, or as the estate says."""

Act = tuple[Operation, Command]
"""An operation and the command to call it with, by the system itself."""


class StimulusParameters(BaseModel):
    """Base of a stimulus' parameters; by itself: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stimulus(NamedTuple):
    """A declared stimulus: its parameters, and the behaviour's method that plans one occurrence."""

    name: str
    parameters: type[StimulusParameters]
    plan: Callable[[Any, Any, Random], list[Act]]


M = TypeVar("M", bound=Callable[[Any, Any, Random], list[Act]])
_DECLARED = "__pilotplant_stimulus__"


def stimulus(name: str, parameters: type[StimulusParameters] = StimulusParameters) -> Callable[[M], M]:
    """Declare the method below as what plans an occurrence of this stimulus."""

    def declare(method: M) -> M:
        setattr(method, _DECLARED, Stimulus(name, parameters, method))
        return method

    return declare


def stimuli_of(behaviour: type) -> Mapping[str, Stimulus]:
    """The stimuli that a behaviour declares."""
    values = (value for base in reversed(behaviour.__mro__) for value in vars(base).values())
    declared = (getattr(value, _DECLARED, None) for value in values)
    return {found.name: found for found in declared if found is not None}
