"""Something before the system sends the caller elsewhere, to a page that signs people on: nothing was done."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Answer, Commit, Refuse, Rewrite, Script, after, before


@dataclass(frozen=True, slots=True)
class Redirect(Rewrite):
    """Names another address instead of answering."""

    status: int = 302
    location: str = ""

    def rewrite(self, answer: Answer) -> Answer:
        return self.status, ((b"location", self.location.encode()),), b""


class Redirected(Fault):
    """`{fault: redirected, match: {operation: erp.stock.post}, status: 307, max_count: 5}`"""

    KIND: ClassVar[str] = "redirected"
    DRAWN: ClassVar[Settings | None] = {"status": (302, 307)}

    status: Literal[301, 302, 303, 307, 308] = 302
    """The status of the answer."""
    location: str = "/sign-on"
    """Where the caller is sent."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        unasked = before(script, Commit, Refuse())
        return after(unasked, Commit, Redirect(self.KIND, self.status, self.location))
