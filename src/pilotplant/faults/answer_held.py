"""Keep back an answer, or the delivery of an event, until a moment of the run: what it confirms is not known before.

Holding confirmations on purpose turns a middleware that does not wait for them from a possible miss into a sure hit.
"""

from random import Random
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.faults.fault import Fault, Scene
from pilotplant.model.script import Hold, Respond, Script, before


class AnswerHeld(Fault):
    """`{fault: answer-held, match: {operation: erp.version.activated}, until_s: 6}`"""

    KIND: ClassVar[str] = "answer-held"

    until_s: Annotated[float, Field(gt=0)]

    def bend(self, script: Script) -> Script:
        return before(script, Respond, Hold(self.KIND, self.until_s))

    @classmethod
    def sampled(cls, chance: Random, scene: Scene) -> Self:
        return cls._drawn(
            chance, scene, scene.operations + scene.events, until_s=round(chance.uniform(0.1, scene.length_s), 1)
        )
