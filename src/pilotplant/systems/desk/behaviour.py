"""What happens at the desk over time: in this estate people resolve exceptions only when a scenario makes them."""

from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from pilotplant.systems.desk.operations import ResolveException, resolve_exception
from pilotplant.systems.stimuli import Act, Serves, StimulusParameters, stimulus

if TYPE_CHECKING:
    from pilotplant.systems.system import System


class Parameters(BaseModel):
    """What a profile can set for a desk."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResolveParameters(StimulusParameters):
    """How a person resolves the oldest open exception."""

    resolution: Literal["mended", "dropped"] = "dropped"


class Behaviour:
    """The people at the desk."""

    SERVES: ClassVar[Serves] = "estate"

    def __init__(self, system: "System") -> None:
        self._system = system

    def start(self) -> None:
        """Nobody acts unasked."""

    def start_job(self, job: Any) -> None:
        """The desk accepts no asynchronous work."""
        raise AssertionError(f"the desk has no jobs, got {job!r}")

    @stimulus("desk.exception.resolve", ResolveParameters)
    def _resolve(self, parameters: ResolveParameters, chance: Random) -> list[Act]:
        """A person resolves the exception that has been open for longest."""
        del chance
        waiting = [held for held in self._system.state.exceptions.values() if held.status == "open"]
        if not waiting:
            return []
        return [(resolve_exception, ResolveException(exception=waiting[0].exception, resolution=parameters.resolution))]
