"""What an estate declares of its plants: units, owners of data, kinds of changes, how orders choose their revision.

It is data of the estate, told to every system that has to know.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.dataset.records import Item

ChangeKind = Literal["engineering", "launch"]
OrderRule = Literal["start-date", "snapshot", "run-out"]
"""By which revision an order is made: the one of the day on which it starts, that of the day of its release, or the one
that it was released with until it is used up."""


class UnitRule(BaseModel):
    """What a plant calls an engineering unit, and how many of those are one engineering unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Annotated[str, Field(min_length=1, max_length=8)]
    per_base: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Owners(BaseModel):
    """Which system has the last word on data that several systems hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: Literal["plm", "erp"] = "plm"
    lot_size: Literal["plm", "erp"] = "erp"


class PlantRules(BaseModel):
    """What holds at a plant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: dict[str, UnitRule] = {}
    """For items that are new at the plant: bought items that are not serialised are kept in this unit."""
    owners: Owners = Owners()
    changes: tuple[ChangeKind, ...] = ("engineering", "launch")
    """The kinds of changes that the plant takes part in."""
    order_revision: OrderRule = "start-date"

    def unit_of(self, item: Item) -> tuple[str, float]:
        """The unit of an item that is new at the plant, and how many of those are one engineering unit."""
        rule = self.units.get(item.unit)
        if rule is None or item.made or item.tracking == "serial":
            return item.unit, 1.0
        return rule.unit, rule.per_base


@runtime_checkable
class TakesRules(Protocol):
    """The state of a system that has to know what holds at its plants."""

    def take_rules(self, rules: Mapping[str, PlantRules]) -> None:
        """Take note of it, before the run begins."""
        ...


@runtime_checkable
class TakesRegister(Protocol):
    """The state of a system that knows which item numbers were ever given."""

    def take_register(self, given: Callable[[str], bool]) -> None:
        """Take note of how to ask, before the run begins."""
        ...


_NOTHING_DECLARED = PlantRules()


def rules_of(rules: Mapping[str, PlantRules], plant: str) -> PlantRules:
    """What holds at a plant; what nothing is declared of keeps to the usual."""
    return rules.get(plant, _NOTHING_DECLARED)
