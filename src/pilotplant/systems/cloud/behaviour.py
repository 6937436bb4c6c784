"""At rest the books of both ERPs are compared, row by row, wherever a plant was moved."""

from collections.abc import Mapping, Sequence
from math import isclose
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict

from pilotplant.ledger.records import Reconcile
from pilotplant.systems.legacy.state import BookQuant, Line, PlantBooks, quant_key
from pilotplant.systems.stimuli import Serves

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate
    from pilotplant.systems.system import System

ROWS_NAMED = 20
ROW_TOLERANCE = 1e-9
"""By what share an amount may differ between the two sides."""
LEAST = 1e-5
"""What is less than this is rounding: both ERPs keep six places of a quantity."""


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
        later, twice = _apart(before.documents, after.documents)
        expected = _with(before.quants, later)
        was, is_ = before.totals(), after.totals()
        stock = round(was.stock_quantity + sum(later.values()), 3)
        parts = (
            _Part("items", (was.items, is_.items), rows=_differing(_items(before), _items(after))),
            _Part(
                "orders",
                (was.orders, is_.orders),
                (was.order_quantity, is_.order_quantity),
                rows=_differing(_orders(before), _orders(after)),
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


def _apart(
    before: Mapping[str, Mapping[Line, float]], after: Mapping[str, Mapping[Line, float]]
) -> tuple[dict[str, float], list[tuple[str, str, str]]]:
    """By quant what was booked only after the switch; and the documents of which a line was booked in both ERPs.

    The lines of a document may be booked one by one, some before the switch and some after it.
    """
    later: dict[str, float] = {}
    twice = []
    for number, lines in after.items():
        booked = before.get(number, {})
        for line, quantity in lines.items():
            if line not in booked and quantity:
                name = quant_key(*line[1:])
                later[name] = later.get(name, 0.0) + quantity
        if both := ", ".join(
            f"{movement} of {item}" for movement, item, _lot in lines if (movement, item, _lot) in booked
        ):
            twice.append((number, both, both))
    return later, twice


def _with(quants: Mapping[str, BookQuant], later: Mapping[str, float]) -> dict[str, float]:
    """What stock has to be: what was there, and what was booked after the switch."""
    expected = {name: quant.quantity for name, quant in quants.items()}
    for name, quantity in later.items():
        expected[name] = expected.get(name, 0.0) + quantity
    return expected


def _worth(books: PlantBooks, expected: Mapping[str, float]) -> float:
    prices = {name: item.price for name, item in books.items.items()}
    return round(sum(quantity * prices.get(name.partition(".")[0], 0.0) for name, quantity in expected.items()), 2)


class _Row(NamedTuple):
    """What is compared: an amount, and what else the row says."""

    amount: float
    text: str = ""

    def agrees(self, other: "_Row") -> bool:
        """Amounts went through other hands: the last digits may differ, and nothing else."""
        return self.text == other.text and isclose(self.amount, other.amount, rel_tol=ROW_TOLERANCE, abs_tol=LEAST)

    def told(self) -> str:
        """In words."""
        amount = f"{round(self.amount, 6) + 0.0:.15g}"
        return self.text.format(amount) if self.text else amount


def _differing(were: Mapping[str, _Row], held: Mapping[str, _Row]) -> list[tuple[str, str, str]]:
    """The rows that differ: name, what it has to be, what it is; empty where there is none."""
    rows = []
    for name, row in were.items():
        other = held.get(name)
        if other is None or not row.agrees(other):
            rows.append((name, row.told(), other.told() if other is not None else ""))
    return rows + [(name, "", row.told()) for name, row in held.items() if name not in were]


def _amounts(quantities: Mapping[str, float]) -> dict[str, _Row]:
    return {name: _Row(quantity) for name, quantity in quantities.items()}


def _items(books: PlantBooks) -> dict[str, _Row]:
    return {
        name: _Row(item.price, f"{_plain(item.description)}, {_plain(item.unit)}, {{}}")
        for name, item in books.items.items()
    }


def _orders(books: PlantBooks) -> dict[str, _Row]:
    return {name: _Row(order.quantity, f"{{}} of {_plain(order.item)}") for name, order in books.orders.items()}


def _plain(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
