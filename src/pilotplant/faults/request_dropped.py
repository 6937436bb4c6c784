"""Close the connection before anything was done: the caller sees a broken connection, and nothing happened."""

from random import Random
from typing import ClassVar, Self

from pilotplant.faults.fault import Fault, Scene
from pilotplant.model.script import Drop, Script, carries_out


class RequestDropped(Fault):
    """`{fault: request-dropped, probability: 0.05}`"""

    KIND: ClassVar[str] = "request-dropped"

    def bend(self, script: Script) -> Script:
        return (Drop(self.KIND),) if carries_out(script) else script

    @classmethod
    def sampled(cls, chance: Random, scene: Scene) -> Self:
        return cls._drawn(chance, scene, scene.operations)
