"""The system takes longer before it carries out what it was asked, or before it delivers an event."""

from random import Random
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.faults.fault import Fault, Scene
from pilotplant.model.script import Commit, Delay, Respond, Script, before, carries_out


class Latency(Fault):
    """`{fault: latency, delay_s: 2, probability: 0.2}`"""

    KIND: ClassVar[str] = "latency"

    delay_s: Annotated[float, Field(gt=0, le=600)]

    def bend(self, script: Script) -> Script:
        return before(script, Commit if carries_out(script) else Respond, Delay(self.KIND, self.delay_s))

    @classmethod
    def sampled(cls, chance: Random, scene: Scene) -> Self:
        return cls._drawn(chance, scene, scene.operations + scene.events, delay_s=chance.choice((0.05, 0.5, 2.0, 6.0)))
