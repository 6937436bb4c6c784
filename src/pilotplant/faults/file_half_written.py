"""A file is written slowly: for a while half of it stands there, under the name of one that is not complete."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Place, PlacePart, Script, before


class FileHalfWritten(Fault):
    """`{fault: file-half-written, match: {system: mes}, share: 0.5, for_s: 1}`"""

    KIND: ClassVar[str] = "file-half-written"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    FILES: ClassVar[bool] = True

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How much of it stands there so long."""
    for_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    """How long until the rest is written."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Place, PlacePart(self.KIND, self.share, self.for_s))
