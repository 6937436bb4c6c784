"""Provider states: what a contract takes for granted of a system before a request or an event, each a function with a
name.

A system's states stand in its room `provider_states.py`. They bring the system there by its own operations, so that
what it states on the way is what it would state in a run.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast, get_type_hints

import msgspec

from pilotplant.dataset.records import Bom, BomLine, Item, PlantItem, Routing, RoutingStep
from pilotplant.model.operation import Operation
from pilotplant.model.outcome import Committed, Refused
from pilotplant.model.suggestions import did_you_mean, listed
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import System

COMPONENT = "ITM-COMPONENT"
"""What items that a state adds are made of."""
PATIENCE_S = 10.0
"""How long a state may take to come about."""
_GIVEN = "given"

Values = Mapping[str, object] | None
"""What a state tells back: values that the contract can put into its request."""
SetUp = Callable[..., Values | Awaitable[Values]]
S = TypeVar("S", bound=SetUp)


class StateError(Exception):
    """A state that cannot be brought about; the message says why."""


@dataclass(frozen=True)
class Given:
    """What a state works with: the estate, and the system that the contract is about."""

    estate: Estate
    system: System

    @property
    def state(self) -> Any:
        """What the system knows."""
        return self.system.state

    def apply(self, operation: Operation, **fields: object) -> Committed | None:
        """Let the system carry an operation out; nothing if it was so already."""
        outcome = self.system.apply(operation, msgspec.convert(fields, operation.command))
        if isinstance(outcome, Refused):
            refusal = outcome.rejection
            why = f"{refusal.code} {refusal.detail}".strip()
            raise StateError(f"{self.system.name} refuses {operation.name}: {why}")
        return outcome if isinstance(outcome, Committed) else None

    def plants_or(self, plant: str) -> str:
        """The plant that was named, or the first that the system serves."""
        if plant and plant not in self.system.plants:
            raise StateError(f"{self.system.name} serves no plant {plant}: {listed(self.system.plants)}")
        return plant or self.system.plants[0]

    def keep_item(self, number: str, *, made: bool, plants: tuple[str, ...], unit: str = "EA") -> Item:
        """Have an item in the master data of this estate, with a structure and a routing if it is made."""
        data = self.estate.dataset
        known = data.items.get(number)
        if known is not None:
            return known
        item = Item(number, f"Item {number}", unit, int(made), "A", "lot" if made else "none", plants, made)
        cast(dict[str, Item], data.items)[number] = item
        for plant in plants:
            held = PlantItem(plant, number, unit, 1.0, number, "0001", "A")
            cast(dict[tuple[str, str], PlantItem], data.plant_items)[plant, number] = held
        if made:
            key = (number, item.revision)
            cast(dict[tuple[str, str], Routing], data.routings)[key] = Routing(*key, self.steps(plants[0]))
            cast(dict[tuple[str, str], Bom], data.boms)[key] = Bom(*key, self.lines(COMPONENT))
        return item

    def steps(self, plant: str) -> tuple[RoutingStep, ...]:
        """One operation, on a work centre that is in use at the plant."""
        centres = self.estate.dataset.work_centres.values()
        code = next(centre.code for centre in centres if centre.plant == plant and centre.active)
        return (RoutingStep(10, code, "Assemble", 60.0, 12.0),)

    def lines(self, component: str) -> tuple[BomLine, ...]:
        """A structure of one component, which is kept if it is not known yet."""
        item = self.keep_item(component, made=False, plants=tuple(self.estate.spec.plants))
        return (BomLine(component, 2.0, item.unit),)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that takes its time."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    await asyncio.sleep(0.005)
                    self.estate.world.advance()
        except TimeoutError:
            raise StateError(f"{what} did not come about within {PATIENCE_S:g} s") from None


@dataclass(frozen=True)
class ProviderState:
    """A declared state: its name, the parameters that a contract may give, and what brings it about."""

    name: str
    parameters: tuple[str, ...]
    set_up: SetUp
    about: str
    lets: tuple[str, ...] = ()
    """What it makes possible, of which it is taken for granted in pacts that are recorded: an operation
    (`erp.item.get`), the same once more (`desk.exception.raise again`), a refusal of one
    (`erp.item.get!item-not-at-plant`), an event."""

    async def bring_about(self, given: Given, parameters: Mapping[str, object]) -> Mapping[str, object]:
        """Bring it about, also where that takes time; returns the values that hold in it."""
        unknown = [name for name in parameters if name not in self.parameters]
        if unknown:
            meant = did_you_mean(unknown[0], self.parameters)
            takes = listed(self.parameters) if self.parameters else "none"
            raise StateError(f"the state `{self.name}` has no parameter `{unknown[0]}`; it takes {takes}{meant}")
        hints = get_type_hints(self.set_up)
        try:
            typed = {name: msgspec.convert(value, hints[name], strict=False) for name, value in parameters.items()}
        except msgspec.ValidationError as error:
            raise StateError(f"the state `{self.name}` was given a parameter of another type: {error}") from None
        told = self.set_up(given, **typed)
        if inspect.isawaitable(told):  # never left lying about: a state that was not awaited would be no state
            told = await told
        return {**typed, **(told or {})}

    def takes(self, parameter: str, value: object) -> bool:
        """Whether a value is of the parameter's type."""
        try:
            msgspec.convert(value, get_type_hints(self.set_up)[parameter])
        except msgspec.ValidationError:
            return False
        return True


_DECLARED = "__pilotplant_provider_state__"


def provider_state(name: str, *, lets: tuple[str, ...] = ()) -> Callable[[S], S]:
    """Declare the function below as what brings this state about: `(given, *, parameter: type = default)`.

    In a recorded pact a parameter `item` is the field of this name, `items` all of them.
    """

    def declare(function: S) -> S:
        parameters = tuple(p for p in inspect.signature(function).parameters if p != _GIVEN)
        about = " ".join((function.__doc__ or "").split())
        setattr(function, _DECLARED, ProviderState(name, parameters, function, about, lets))
        return function

    return declare


@cache
def states_of(kind: str) -> Mapping[str, ProviderState]:
    """The states of a kind of system, by name."""
    folder = f"pilotplant.systems.{kind}"
    name = f"{folder}.provider_states"
    if not kind.isidentifier() or find_spec(folder) is None or find_spec(name) is None:
        return {}  # a system of a project, or none at all
    declared = (getattr(value, _DECLARED, None) for value in vars(import_module(name)).values())
    return {found.name: found for found in declared if found is not None}
