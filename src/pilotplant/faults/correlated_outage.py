"""Several systems go down one after the other and come back in the reverse order, as after a failure of the network."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pilotplant.faults.fault import Match, Occasion, Settings
from pilotplant.faults.outage import Outage


class CorrelatedOutage(Outage):
    """`{fault: correlated-outage, systems: [plm, erp], window: {from_s: 1, to_s: 3}, stagger_s: 0.2}`"""

    KIND: ClassVar[str] = "correlated-outage"
    DRAWN: ClassVar[Settings | None] = None

    systems: Annotated[list[str], Field(min_length=2)]
    """Which systems, in the order in which they go down."""
    stagger_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    """How much later each goes down than the one before, and how much earlier it comes back."""

    @model_validator(mode="after")
    def _one_naming(self) -> Self:
        if self.match != Match():
            raise ValueError("`systems` says what is struck; `match` has to be left out")
        return self

    def _armed(self, occasion: Occasion) -> bool:
        names = (occasion.system, occasion.system.partition("@")[0])
        position = next((n for n, system in enumerate(self.systems) if system in names), None)
        if position is None:
            return False
        shift_s, window = position * self.stagger_s, self.window
        begun = window.from_s + shift_s <= occasion.now
        return begun and (window.to_s is None or occasion.now < window.to_s - shift_s)
