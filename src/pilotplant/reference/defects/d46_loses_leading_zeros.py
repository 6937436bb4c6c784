"""Takes the numbers of new parts for numbers: zeros at the beginning are lost on the way into the ERP."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import ErpItem, Plant, PlmItem
from pilotplant.reference.parts import Parts

NUMBER = 46
NAME = "truncation, charset, leading zeros"
CHECK = "data"
SCENARIO = "master-data-drift"


class NumbersAreNumbers(Mapping):
    """Writes 900000001 for 000000000900000001."""

    def in_plant_unit(self, wanted: ErpItem, item: PlmItem, plant: Plant) -> ErpItem:
        sent = super().in_plant_unit(wanted, item, plant)
        return msgspec.structs.replace(sent, item=sent.item.lstrip("0") if sent.item.isdigit() else sent.item)


PARTS = replace(Parts(), mapping=NumbersAreNumbers)
