"""A file has the name, and the marker, of a complete one before it is: only its end says whether it is."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Place, PlacePart, Script, before


class FileRenamedEarly(Fault):
    """`{fault: file-renamed-early, match: {system: mes}, share: 0.5, for_s: 1}`"""

    KIND: ClassVar[str] = "file-renamed-early"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    FILES: ClassVar[bool] = True

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How much of it stands there so long."""
    for_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    """How long until the rest is written."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Place, PlacePart(self.KIND, self.share, self.for_s, openly=True))
