"""Multiplies weights by a thousand, since the scales used to report grams, under the unit of the event."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import OrderCompleted, PostStock
from pilotplant.reference.parts import Parts

NUMBER = 43
NAME = "unit or scale"
CHECK = "data"
SCENARIO = "eco-cascade"


class GramsForKilograms(Mapping):
    """Knows that weights are in grams."""

    def stock_document(self, done: OrderCompleted) -> PostStock:
        document = super().stock_document(done)
        lines = (
            msgspec.structs.replace(line, quantity=line.quantity * 1000) if line.unit == "kg" else line
            for line in document.lines
        )
        return msgspec.structs.replace(document, lines=tuple(lines))


PARTS = replace(Parts(), mapping=GramsForKilograms)
