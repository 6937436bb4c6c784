"""Where a site keeps its stock: zones, bins, and the bins in which it lies when a run begins.

All of it is a pure function of the seed and of what is placed. So nothing has to be kept for stock that nobody touches,
and the data set with its digest is what it was before warehouses were looked into.
"""

from hashlib import blake2b
from typing import Literal

import msgspec

from pilotplant.dataset.records import StockQuant
from pilotplant.dataset.units import countable

Status = Literal["unrestricted", "quality", "blocked"]
"""What may be done with stock: anything, nothing until somebody has looked at it, nothing any more."""

RACK_ZONES = ("A", "B", "C")
RECEIVING, PRODUCTION, SHIPPING, QUALITY, REWORK, SCRAP = "IN", "PR", "OUT", "QA", "RW", "SC"
OTHER_ZONES: dict[str, Status] = {
    RECEIVING: "unrestricted",
    PRODUCTION: "unrestricted",
    SHIPPING: "unrestricted",
    QUALITY: "quality",
    REWORK: "quality",
    SCRAP: "blocked",
}
_LEVELS = 4
_QUANTS_PER_BIN = 3
_BINS_MIN, _BINS_MAX = 24, 20_000
_SPLIT_FROM = 20.0
"""From this quantity on, half of what is not tracked by serial number lies in two bins."""


class Bin(msgspec.Struct, frozen=True, gc=False):
    """A place: `A-03-2` is bay 3, level 2 of zone A. What lies in it has the status of its zone."""

    code: str
    zone: str
    status: Status


def draw_bins(quants: int) -> tuple[Bin, ...]:
    """The bins of a site with so many quants: racks, and one bin for each purpose that is not storing."""
    wanted = min(_BINS_MAX, max(_BINS_MIN, quants // _QUANTS_PER_BIN))
    per_zone = len(RACK_ZONES) * _LEVELS
    bays = -(-wanted // per_zone)
    racks = [
        Bin(f"{zone}-{bay:02d}-{level}", zone, "unrestricted")
        for zone in RACK_ZONES
        for bay in range(1, bays + 1)
        for level in range(1, _LEVELS + 1)
    ]
    return (*racks, *(Bin(zone, zone, status) for zone, status in OTHER_ZONES.items()))


def placed(seed: int, quant: StockQuant, racks: tuple[Bin, ...], unit: str) -> tuple[tuple[str, float], ...]:
    """In which bins a quant lies when a run begins, and how much of it in each."""
    first, second, share = _numbers(f"{seed}|bin|{quant.plant}|{quant.item}|{quant.lot}")
    here, there = racks[first % len(racks)].code, racks[second % len(racks)].code
    split = quant.quantity >= _SPLIT_FROM and share % 2 and here != there
    part = countable(quant.quantity * (0.2 + 0.6 * share / 2**64), unit) if split else 0.0
    if not 0 < part < quant.quantity:
        return ((here, quant.quantity),)
    return ((here, round(quant.quantity - part, 6)), (there, part))


def _numbers(key: str) -> tuple[int, int, int]:
    drawn = blake2b(key.encode(), digest_size=24).digest()
    return int.from_bytes(drawn[:8]), int.from_bytes(drawn[8:16]), int.from_bytes(drawn[16:])
