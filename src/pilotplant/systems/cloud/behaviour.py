"""At rest the books of both ERPs are compared, row by row, wherever a plant was moved."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict

from pilotplant.ledger.records import Reconcile
from pilotplant.systems.legacy.state import BookItem, BookOrder, BookQuant, PlantBooks
from pilotplant.systems.stimuli import Serves

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate
    from pilotplant.systems.system import System

ROWS_NAMED = 20


class Parameters(BaseModel):
    """Nothing can be set for the ERP that comes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Behaviour:
    """Nobody works here before the switch."""

    SERVES: ClassVar[Serves] = "estate"

    def __init__(self, system: "System") -> None:
        self._system = system

    def start(self) -> None:
        """Nobody acts unasked."""

    def start_job(self, job: Any) -> None:
        """This ERP accepts no asynchronous work."""
        raise AssertionError(f"the cloud ERP has no jobs, got {job!r}")

    def at_rest(self, estate: "Estate") -> None:
        """Write for each plant that was moved what the books of both sides come to, and which rows differ."""
        for plant, in_charge in self._system.state.in_charge.items():
            source = estate.serving("legacy", plant)
            if in_charge and source is not None:
                self._reconcile(source, source.state.books[plant], self._system.state.books[plant])

    def _reconcile(self, source: "System", before: PlantBooks, after: PlantBooks) -> None:
        later = [moved for number, moved in after.documents.items() if number not in before.documents]
        twice = [(number, "booked", "booked") for number in after.documents if number in before.documents]
        expected = _with(before.quants, later)
        was, is_ = before.totals(), after.totals()
        stock = round(was.stock_quantity + sum(sum(moved.values()) for moved in later), 3)
        parts = (
            _Part("items", (was.items, is_.items), rows=_differing(_texts(before.items), _texts(after.items))),
            _Part(
                "orders",
                (was.orders, is_.orders),
                (was.order_quantity, is_.order_quantity),
                rows=_differing(_texts(before.orders), _texts(after.orders)),
            ),
            _Part(
                "quants",
                (len(expected), is_.quants),
                (stock, is_.stock_quantity),
                (_worth(before, expected), is_.stock_value),
                _differing(_amounts(expected), _amounts({name: q.quantity for name, q in after.quants.items()})),
            ),
            _Part("documents", (len(before.documents), len(after.documents)), rows=twice),
        )
        for part in parts:
            self._write(source, before.plant, part)

    def _write(self, source: "System", plant: str, part: "_Part") -> None:
        system = self._system
        changed, loaded = _EFFECTS.get(part.name, ("", ""))
        named = tuple(
            (
                name,
                was,
                held,
                source.newest_commit(f"{changed}|{plant}|{name}"),
                system.newest_commit(f"{loaded}|{plant}|{name}"),
            )
            for name, was, held in sorted(part.rows)[:ROWS_NAMED]
        )
        told = (part.name, part.counts, part.quantities, part.value, len(part.rows), named)
        system.ledger.write(Reconcile, system.world.env.now, system.number, plant, *told)


class _Part(NamedTuple):
    """One part of the books: what both sides come to, and the rows that differ."""

    name: str
    counts: tuple[int, int]
    quantities: tuple[float, float] = (0.0, 0.0)
    value: tuple[float, float] = (0.0, 0.0)
    rows: Sequence[tuple[str, str, str]] = ()


_EFFECTS = {
    "items": ("legacy.item.change", "cloud.item.load"),
    "orders": ("legacy.order.change", "cloud.order.load"),
    "quants": ("legacy.quant.count", "cloud.quant.load"),
}


def _with(quants: Mapping[str, BookQuant], later: list[dict[str, float]]) -> dict[str, float]:
    """What stock has to be: what was there, and what was booked after the switch."""
    expected = {name: quant.quantity for name, quant in quants.items()}
    for moved in later:
        for name, quantity in moved.items():
            expected[name] = expected.get(name, 0.0) + quantity
    return expected


def _worth(books: PlantBooks, expected: Mapping[str, float]) -> float:
    prices = {name: item.price for name, item in books.items.items()}
    return round(sum(quantity * prices.get(name.partition(".")[0], 0.0) for name, quantity in expected.items()), 2)


def _differing(were: Mapping[str, str], held: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """The rows that differ: name, what it has to be, what it is; empty where there is none."""
    rows = [(name, text, held.get(name, "")) for name, text in were.items() if held.get(name, "") != text]
    return rows + [(name, "", text) for name, text in held.items() if name not in were]


def _amounts(quantities: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{round(quantity, 4) + 0.0:g}" for name, quantity in quantities.items()}


def _texts(rows: Mapping[str, BookItem] | Mapping[str, BookOrder]) -> dict[str, str]:
    return {name: _text(row) for name, row in rows.items()}


def _text(row: BookItem | BookOrder) -> str:
    if isinstance(row, BookItem):
        return f"{row.description}, {row.unit}, {row.price:g}"
    return f"{row.quantity:g} of {row.item}"
