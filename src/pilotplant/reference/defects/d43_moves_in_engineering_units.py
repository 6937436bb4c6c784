"""Sends movements in engineering units without converting them: the template of the interface knows pieces only."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import CountAdjusted, PostStock, StockMoved
from pilotplant.reference.parts import Parts

NUMBER = 43
NAME = "movement booked in the wrong unit"
CHECK = "data"
SCENARIO = "stock-movements"

ENGINEERING = {"BX": "EA", "g": "kg", "mm": "m"}


class OnlyEngineeringUnits(Mapping):
    """Has no boxes, grams and millimetres."""

    def transfer(self, moved: StockMoved) -> PostStock | None:
        return super().transfer(msgspec.structs.replace(moved, unit=ENGINEERING.get(moved.unit, moved.unit)))

    def count_difference(self, counted: CountAdjusted) -> PostStock | None:
        unit = ENGINEERING.get(counted.unit, counted.unit)
        return super().count_difference(msgspec.structs.replace(counted, unit=unit))


PARTS = replace(Parts(), mapping=OnlyEngineeringUnits)
