"""What shop floors and warehouses have reported that stock has to follow, as the postings that a plant's ERP is due."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pilotplant.systems.erp.stock import PostLine

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate


Place = tuple[str, ...]
"""Movement, item and lot: what a line is known by."""


class Reported(NamedTuple):
    """A report: the day on which it happened, and what it moved."""

    posting_date: date
    lines: Mapping[Place, tuple[PostLine, ...]]


def reported(estate: "Estate", plant: str, source: str) -> Reported | None:
    """The report with this number at a plant: a confirmation of the MES, a movement or a count of the WMS."""
    mes, wms = estate.serving("mes", plant), estate.serving("wms", plant)
    if mes is not None and (done := mes.state.confirmed.get(source)) is not None:
        return _confirmed(done)
    if wms is not None and (moved := wms.state.movements.get(source)) is not None:
        return _report(moved, _moved(moved))
    if wms is not None and (counted := wms.state.counts.get(source)) is not None:
        return _report(counted, _counted(counted))
    return None


def _report(event: Any, lines: tuple[PostLine, ...]) -> Reported:
    by_place: dict[Place, tuple[PostLine, ...]] = {}
    for line in lines:
        place = (line.movement, line.item, line.lot)
        by_place[place] = (*by_place.get(place, ()), line)
    return Reported(date.fromisoformat(event.posting_date), by_place)


@lru_cache(maxsize=256)
def _confirmed(done: Any) -> Reported:
    """One confirmation moves many items, and each of its lines is asked for by itself."""
    return _report(done, _made(done))


def _made(done: Any) -> tuple[PostLine, ...]:
    made = {"item": done.item, "lot": done.lot, "unit": done.unit}
    lines = [
        PostLine(movement="receipt", quantity=done.good, **made),
        *(
            PostLine(movement="issue", item=used.item, lot=used.lot, quantity=used.quantity, unit=used.unit)
            for used in done.consumption
        ),
        PostLine(movement="scrap", quantity=done.scrap, **made),
    ]
    return tuple(line for line in lines if line.quantity)


def _moved(moved: Any) -> tuple[PostLine, ...]:
    if moved.from_status == moved.to_status:
        return ()  # from bin to bin: nothing that an ERP knows of
    line = PostLine(
        movement="transfer",
        item=moved.item,
        lot=moved.lot,
        quantity=moved.quantity,
        unit=moved.unit,
        status=moved.from_status,
        to_status=moved.to_status,
    )
    return (line,)


def _counted(counted: Any) -> tuple[PostLine, ...]:
    if not counted.difference:
        return ()
    line = PostLine(
        movement="surplus" if counted.difference > 0 else "shortage",
        item=counted.item,
        lot=counted.lot,
        quantity=abs(counted.difference),
        unit=counted.unit,
        status=counted.status,
    )
    return (line,)
