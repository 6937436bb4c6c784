"""Writes "None" where there is no lot: the value was formatted as text before anybody asked whether there is one."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import OrderCompleted, PostStock
from pilotplant.reference.parts import Parts

NUMBER = 47
NAME = "null against absent"
CHECK = "data"
SCENARIO = "eco-cascade"


class FormatsNothing(Mapping):
    """Makes a text of everything."""

    def stock_document(self, done: OrderCompleted) -> PostStock:
        document = super().stock_document(done)
        lines = (msgspec.structs.replace(line, lot=str(line.lot or None)) for line in document.lines)
        return msgspec.structs.replace(document, lines=tuple(lines))


PARTS = replace(Parts(), mapping=FormatsNothing)
