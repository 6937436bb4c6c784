"""Sends the shop floor the lot as the plant's ERP has it, in grams or boxes, under the unit of engineering."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import ItemChanged, ShopItem
from pilotplant.reference.parts import Parts

NUMBER = 43
NAME = "unit or scale"
CHECK = "data"
SCENARIO = "master-data-drift"


class NotConverted(Mapping):
    """Passes the number on."""

    def shop_item(self, changed: ItemChanged) -> ShopItem:
        return msgspec.structs.replace(super().shop_item(changed), lot_size=changed.lot_size)


PARTS = replace(Parts(), mapping=NotConverted)
