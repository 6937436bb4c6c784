"""An empty file comes before the true one: a transfer broke off at its first byte and was made again."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Place, PlaceBesides, Script, before


class FileEmpty(Fault):
    """`{fault: file-empty, match: {system: mes}, after_s: 0.3}`"""

    KIND: ClassVar[str] = "file-empty"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    FILES: ClassVar[bool] = True

    after_s: Annotated[float, Field(ge=0, le=600)] = 0.3
    """How long until the true one comes, under another name."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Place, PlaceBesides(self.KIND, "empty", first=True, apart_s=self.after_s))
