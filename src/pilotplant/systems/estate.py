"""The estate: which systems there are, and which of them serves which plant."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, create_model

from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Dataset, Plant
from pilotplant.kernel.world import World
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.systems.catalog import kinds
from pilotplant.systems.rules import PlantRules, TakesRules
from pilotplant.systems.system import System

Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,11}$")]


_SIZES: dict[str, Any] = {
    field.name: (field.type, field.default) for field in msgspec.structs.fields(DataPlan) if field.name != "plants"
}


class DataSpec(create_model("Sizes", __config__=ConfigDict(extra="forbid", frozen=True), **_SIZES)):  # type: ignore[misc]
    """Sizes for the data generator: the fields of `DataPlan` and no others."""


class PlantSpec(BaseModel):
    """A plant of the estate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    time_zone: str
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    decimal_comma: bool = False
    rules: PlantRules = PlantRules()


class SystemSpec(BaseModel):
    """A system of the estate: its profile, and whether one serves all plants or each plant has its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    per: Literal["estate", "plant"] = "estate"


class EstateSpec(BaseModel):
    """An enterprise as a YAML document describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    estate: str
    about: str = ""
    plants: Annotated[dict[Code, PlantSpec], Field(min_length=1)]
    systems: Annotated[dict[str, SystemSpec], Field(min_length=1)]
    data: DataSpec = DataSpec()

    def places(self) -> tuple[Plant, ...]:
        """The plants, as the data generator wants them."""
        return tuple(
            Plant(code, spec.name, spec.time_zone, spec.currency, spec.decimal_comma)
            for code, spec in self.plants.items()
        )

    def plan(self) -> DataPlan:
        """What the data generator is to make."""
        return DataPlan(plants=self.places(), **self.data.model_dump())

    def instances(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """The systems to build: name, kind, plants."""
        everywhere = tuple(self.plants)
        built: list[tuple[str, str, tuple[str, ...]]] = []
        for kind, spec in self.systems.items():
            if spec.per == "plant":
                built.extend((f"{kind}@{plant}", kind, (plant,)) for plant in everywhere)
            else:
                built.append((kind, kind, everywhere))
        return tuple(built)


class Estate:
    """The running systems."""

    def __init__(
        self,
        spec: EstateSpec,
        dataset: Dataset,
        parameters: Mapping[str, Any],
        world: World,
        ledger: LedgerWriter,
    ) -> None:
        self.spec = spec
        self.dataset = dataset
        self.world = world
        self.systems: dict[str, System] = {}
        for name, kind_name, plants in spec.instances():
            kind = kinds()[kind_name]
            state = kind.build(dataset, plants, parameters[kind_name])
            if isinstance(state, TakesRules):
                state.take_rules({code: place.rules for code, place in spec.plants.items()})
            system = System(kind, name, plants, state, parameters[kind_name], world, ledger)
            system.intends = partial(self._intends, system)
            self.systems[name] = system

    def __iter__(self) -> Iterator[System]:
        return iter(self.systems.values())

    def of_kind(self, kind: str) -> list[System]:
        """All systems of a kind."""
        return [system for system in self if system.kind.name == kind]

    def serving(self, kind: str, plant: str) -> System | None:
        """The system of a kind that serves a plant."""
        return next((system for system in self.of_kind(kind) if plant in system.plants), None)

    def _intends(self, system: System, effect: str, command: Any) -> bool:
        """Whether what was sent is what the system of record wants to be sent, line by line where there are lines."""
        name, *keys = effect.split("|")
        replica = system.kind.replicas.get(name)
        if replica is None:
            return True
        intended = replica.intended(self, tuple(keys))
        if intended is None:
            return False
        sent = replica.part(command, tuple(keys))
        return bool(replica.form(system.state, sent) == replica.form(system.state, intended))

    def start(self) -> None:
        """Let the behaviours begin."""
        for system in self:
            system.behaviour.start()

    def stop(self) -> None:
        """Let nothing begin any more of its own accord; what was accepted is finished."""
        for system in self:
            system.working = False

    def changed(self) -> Iterator[str]:
        """The state effects that were committed in this run, over all systems."""
        for system in self:
            yield from system.changed()

    @property
    def jobs_open(self) -> int:
        """Accepted work that is not finished, over all systems."""
        return sum(system.jobs_open for system in self)
