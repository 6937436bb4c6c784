"""A file comes once more under a new name, as from a transfer that was repeated."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Place, PlaceBesides, Script, before


class FileDuplicated(Fault):
    """`{fault: file-duplicated, match: {system: mes}, after_s: 0.5}`"""

    KIND: ClassVar[str] = "file-duplicated"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    FILES: ClassVar[bool] = True

    after_s: Annotated[float, Field(ge=0, le=600)] = 0.5
    """How long after the first."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Place, PlaceBesides(self.KIND, apart_s=self.after_s))
