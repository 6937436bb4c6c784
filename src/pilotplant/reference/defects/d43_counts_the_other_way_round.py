"""Takes a difference for what is missing: the old warehouse system reported what was expected less what was counted."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import CountAdjusted, PostStock
from pilotplant.reference.parts import Parts

NUMBER = 43
NAME = "count booked with the wrong sign"
CHECK = "completeness"
SCENARIO = "stock-movements"


class ExpectedLessCounted(Mapping):
    """Reads the difference as it always was."""

    def count_difference(self, counted: CountAdjusted) -> PostStock | None:
        return super().count_difference(msgspec.structs.replace(counted, difference=-counted.difference))


PARTS = replace(Parts(), mapping=ExpectedLessCounted)
