"""Commit, then break the connection after `at_byte` bytes of the answer: the caller cannot know."""

from random import Random
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.faults.fault import Fault, Scene
from pilotplant.model.script import Reset, Respond, Script, carries_out, replaced


class ResponseLost(Fault):
    """`{fault: response-lost, match: {operation: erp.stock.post}, probability: 0.1}`"""

    KIND: ClassVar[str] = "response-lost"

    at_byte: Annotated[int, Field(ge=0)] = 0

    def bend(self, script: Script) -> Script:
        return replaced(script, Respond, Reset(self.KIND, self.at_byte)) if carries_out(script) else script

    @classmethod
    def sampled(cls, chance: Random, scene: Scene) -> Self:
        return cls._drawn(chance, scene, scene.operations, at_byte=chance.choice((0, 0, 20)))
