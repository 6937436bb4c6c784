"""A file comes late, after others that were written after it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Delay, Place, Script, before


class FileOutOfOrder(Fault):
    """`{fault: file-out-of-order, match: {system: mes}, by_s: 1.5, probability: 0.5}`"""

    KIND: ClassVar[str] = "file-out-of-order"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    FILES: ClassVar[bool] = True

    by_s: Annotated[float, Field(gt=0, le=600)] = 1.5
    """How late."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Place, Delay(self.KIND, self.by_s))
