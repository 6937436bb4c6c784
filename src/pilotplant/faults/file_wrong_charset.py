"""A file comes in a charset that nobody has declared; its writer notices, and sends it again as it should be."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.model.script import Place, PlaceBesides, Script, before


class FileWrongCharset(Fault):
    """`{fault: file-wrong-charset, match: {system: mes}, charset: utf-16}`"""

    KIND: ClassVar[str] = "file-wrong-charset"
    STRIKES: ClassVar[Literal["requests", "deliveries", "both"]] = "deliveries"
    FILES: ClassVar[bool] = True

    charset: Literal["utf-16", "utf-32", "cp037"] = "utf-16"
    """In which it comes first."""
    after_s: Annotated[float, Field(ge=0, le=600)] = 0.5
    """How long until it comes again, under another name."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return before(script, Place, PlaceBesides(self.KIND, self.charset, first=True, apart_s=self.after_s))
