"""The request goes in and nothing ever comes out, until the faults are lifted: only a time-out helps the caller."""

from typing import ClassVar

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Commit, Drop, Hold, Script, carries_out

_EVER_S = 7 * 86_400.0


class BlackHole(Fault):
    """`{fault: black-hole, match: {operation: mes.routing.publish}, probability: 0.1}`"""

    KIND: ClassVar[str] = "black-hole"
    DRAWN: ClassVar[Settings | None] = {"committed": (False, True)}

    committed: bool = False
    """Whether it is carried out before it vanishes."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        if not carries_out(script):
            return script
        inner = script[: next(n for n, step in enumerate(script) if isinstance(step, Commit)) + 1]
        return (*(inner if self.committed else ()), Hold(self.KIND, _EVER_S), Drop(self.KIND))
