"""How a system that tells by files drops them: form, when, and how its readers see that one is complete. Part of a
profile."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.model.durations import Duration

Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class FileSpec(BaseModel):
    """The drops of a system: `{format: csv, finish: rename, at: "02:00"}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["csv", "xml"] = "csv"
    finish: Literal["rename", "marker"] = "rename"
    """Written as `….part` and renamed; or under its own name, with an empty `….done` beside it when it is complete."""
    every: Duration = 0.0
    """Collected for so long, in business time, and dropped as one file; 0: a file for each event, at once."""
    at: Clock | None = None
    """Collected for a day and dropped at this time, on the clock of the system's first plant."""
