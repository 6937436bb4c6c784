"""The answer comes in small pieces with pauses between them."""

from random import Random
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.faults.fault import Fault, Scene
from pilotplant.model.script import Respond, Script, Trickle, carries_out, replaced


class SlowBody(Fault):
    """`{fault: slow-body, bytes_each: 16, pause_s: 0.05}`"""

    KIND: ClassVar[str] = "slow-body"

    bytes_each: Annotated[int, Field(ge=1)] = 16
    pause_s: Annotated[float, Field(gt=0, le=60)] = 0.05

    def bend(self, script: Script) -> Script:
        trickle = Trickle(self.KIND, self.bytes_each, self.pause_s)
        return replaced(script, Respond, trickle) if carries_out(script) else script

    @classmethod
    def sampled(cls, chance: Random, scene: Scene) -> Self:
        return cls._drawn(
            chance, scene, scene.operations, bytes_each=chance.choice((16, 64)), pause_s=chance.choice((0.01, 0.05))
        )
