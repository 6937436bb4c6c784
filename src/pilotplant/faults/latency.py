"""The system takes longer before it carries out what it was asked, or before it delivers an event."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.kernel.draws import lognormal
from pilotplant.model.script import Commit, Delay, Respond, Script, before, carries_out


class Latency(Fault):
    """`{fault: latency, delay_s: 2, probability: 0.2}`"""

    KIND: ClassVar[str] = "latency"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "both"
    DRAWN: ClassVar[Settings | None] = {"delay_s": (0.05, 0.5, 2.0, 6.0)}

    delay_s: Annotated[float, Field(gt=0, le=600)]
    """How long; with `p95_s` the median."""
    p95_s: Annotated[float, Field(gt=0, le=600)] | None = None
    """The 95th percentile of a lognormal distribution; without it every delay is the same."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        delay_s = self.delay_s if self.p95_s is None else lognormal(occasion.u, self.delay_s, self.p95_s)
        return before(script, Commit if carries_out(script) else Respond, Delay(self.KIND, delay_s))
