"""Takes a page that is shorter than was asked for as the last one: in test, all pages but the last were full."""

from dataclasses import replace

from pilotplant.reference.looking import PAGE, ChangeLookout
from pilotplant.reference.messages import ChangePage
from pilotplant.reference.parts import Parts

NUMBER = 22
NAME = "page skipped while paging"
CHECK = "completeness"
SCENARIO = "polled-changes"


class ShortMeansLast(ChangeLookout):
    """Saves a request where it can."""

    def following(self, page: ChangePage) -> str:
        return page.next if len(page.items) >= PAGE else ""


PARTS = replace(Parts(), lookout=ShortMeansLast)
