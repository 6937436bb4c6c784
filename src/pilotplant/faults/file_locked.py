"""A file stands under its name while its writer still works on it; a lock file beside it says so."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Place, PlacePart, Script, before


class FileLocked(Fault):
    """`{fault: file-locked, match: {system: mes}, for_s: 1}`"""

    KIND: ClassVar[str] = "file-locked"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    FILES: ClassVar[bool] = True

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How much of it stands there so long."""
    for_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    """How long it is locked."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Place, PlacePart(self.KIND, self.share, self.for_s, lock=True))
