"""Goes on exactly where the last look ended: what happened before and became visible after that is never seen."""

from dataclasses import replace

from pilotplant.reference.looking import ChangeLookout
from pilotplant.reference.parts import Parts

NUMBER = 29
NAME = "lost at the poll boundary"
CHECK = "completeness"
SCENARIO = "polled-changes"


class LooksNothingUpTwice(ChangeLookout):
    """Sees to it that no change is read a second time."""

    def earlier(self, as_of: str) -> str:
        return as_of


PARTS = replace(Parts(), lookout=LooksNothingUpTwice)
