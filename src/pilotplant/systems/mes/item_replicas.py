"""Items as a shop floor should know them, given the plant's ERP: in engineering's unit."""

from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.systems.mes.items import UpsertShopItem
from pilotplant.systems.mes.state import Mes

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]


class KnownItem(msgspec.Struct, frozen=True):
    """What a shop floor knows of an item."""

    description: str
    unit: str
    lot_size: float


def _intended(estate: "Estate", keys: Keys) -> UpsertShopItem | None:
    plant, item = keys
    erp = estate.serving("erp", plant)
    held = erp.state.item(plant, item) if erp else None
    if held is None:
        return None
    return UpsertShopItem(
        plant=plant,
        item=item,
        row=held.row,
        description=held.description,
        unit=held.base_unit,
        lot_size=held.lot_size / held.per_base,
    )


def _held(mes: Mes, keys: Keys) -> UpsertShopItem | None:
    held = mes.item(keys[1])
    if held is None:
        return None
    return UpsertShopItem(
        plant=held.plant,
        item=held.item,
        row=held.row,
        description=held.description,
        unit=held.unit,
        lot_size=held.lot_size,
    )


def _form(mes: Mes, command: UpsertShopItem) -> KnownItem:
    del mes
    return KnownItem(command.description, command.unit, round(command.lot_size, 4))


def _row(mes: Mes, keys: Keys) -> int:
    held = mes.item(keys[1])
    return held.row if held else 0


ITEMS = Replica("mes.item.upsert", _intended, _held, _form, version=_row)
