"""What happens in the ERP that goes: clerks go on changing its books until a plant is frozen."""

from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.systems.legacy.operations import (
    BeginCutover,
    ChangeItem,
    ChangeOrder,
    CountQuant,
    begin_cutover,
    change_item,
    change_order,
    count_quant,
)
from pilotplant.systems.legacy.state import Legacy, PlantBooks
from pilotplant.systems.stimuli import Act, Serves, stimulus

if TYPE_CHECKING:
    from pilotplant.systems.system import System


class Parameters(BaseModel):
    """How large the books are, over all plants, beside what the shop floors make and use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    items: Annotated[int, Field(ge=0, le=2_000_000)] = 300
    open_orders: Annotated[int, Field(ge=0, le=2_000_000)] = 60
    quants: Annotated[int, Field(ge=0, le=4_000_000)] = 450


class Behaviour:
    """The clerks."""

    SERVES: ClassVar[Serves] = "estate"

    def __init__(self, system: "System") -> None:
        self._system = system
        self._names: dict[str, tuple[list[str], list[str], list[str]]] = {}

    def start(self) -> None:
        """Nobody acts unasked."""

    def start_job(self, job: Any) -> None:
        """This ERP accepts no asynchronous work."""
        raise AssertionError(f"the legacy ERP has no jobs, got {job!r}")

    @stimulus("legacy.cutover.begin")
    def _begin(self, parameters: Any, chance: Random) -> list[Act]:
        """The weekend has come: all plants are to be moved."""
        del parameters, chance
        return [(begin_cutover, BeginCutover(cutover="CUT-1"))]

    @stimulus("legacy.row.edit")
    def _edit(self, parameters: Any, chance: Random) -> list[Act]:
        """A clerk changes an item or an order, or somebody counts a quant; not where the books are frozen."""
        del parameters
        legacy: Legacy = self._system.state
        plant = chance.choice(list(legacy.books))
        kind, place = chance.randrange(3), chance.random()
        number = chance.randint(1, 500)
        if legacy.phases[plant] != "open":
            return []
        return self._change(legacy.books[plant], kind, place, number)

    def _change(self, books: PlantBooks, kind: int, place: float, number: int) -> list[Act]:
        if books.plant not in self._names:
            self._names[books.plant] = (list(books.items), list(books.orders), list(books.quants))
        names = self._names[books.plant][kind]
        if not names:
            return []
        name = names[int(place * len(names))]
        if kind == 0:
            item = books.items[name]
            changed = {"description": f"{item.description.partition(' (')[0]} ({number})", "price": number / 4}
            return [(change_item, ChangeItem(plant=books.plant, item=name, row=item.row + 1, **changed))]  # type: ignore[arg-type]
        if kind == 1:
            order = books.orders.get(name)
            if order is None:
                return []
            quantity = float(number % 60)  # now and then 0: it is closed
            return [(change_order, ChangeOrder(plant=books.plant, order=name, quantity=quantity, row=order.row + 1))]
        quant = books.quants[name]
        return [(count_quant, CountQuant(plant=books.plant, quant=name, quantity=float(number), row=quant.row + 1))]
