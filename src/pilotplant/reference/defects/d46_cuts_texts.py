"""Cuts texts to the fields of the ERP before last: lots to ten characters, descriptions to forty, all of it ASCII."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import ErpItem, OrderCompleted, PlmItem, PostStock
from pilotplant.reference.parts import Parts

NUMBER = 46
NAME = "truncation, charset, leading zeros"
CHECK = "data"
SCENARIO = "eco-cascade"

LOT_MAX = 10
DESCRIPTION_MAX = 40


class NarrowFields(Mapping):
    """Makes everything fit."""

    def erp_item(self, plant: str, item: PlmItem, revision: str, held: ErpItem | None) -> ErpItem:
        sent = super().erp_item(plant, item, revision, held)
        description = sent.description.encode("ascii", "replace").decode()[:DESCRIPTION_MAX]
        return msgspec.structs.replace(sent, description=description)

    def stock_document(self, done: OrderCompleted) -> PostStock:
        document = super().stock_document(done)
        lines = (msgspec.structs.replace(line, lot=line.lot[:LOT_MAX]) for line in document.lines)
        return msgspec.structs.replace(document, lines=tuple(lines))


PARTS = replace(Parts(), mapping=NarrowFields)
