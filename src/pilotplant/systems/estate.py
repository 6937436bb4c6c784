"""The estate: which systems there are, and which of them serves which plant."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal, Protocol, Self, TypeVar, runtime_checkable

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Dataset, Plant
from pilotplant.kernel.world import World
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import Replica
from pilotplant.model.suggestions import did_you_mean
from pilotplant.systems.catalog import kinds
from pilotplant.systems.rows import ListSpec
from pilotplant.systems.rules import PlantRules, TakesRegister, TakesRules
from pilotplant.systems.system import System

Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,11}$")]


_SIZES: dict[str, Any] = {
    field.name: (field.type, field.default) for field in msgspec.structs.fields(DataPlan) if field.name != "plants"
}


_DATA_CONFIG = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class DataSpec(create_model("Sizes", __config__=_DATA_CONFIG, **_SIZES)):  # type: ignore[misc]
    """Sizes for the data generator (the fields of `DataPlan` and no others), or `from`: a folder of tables."""

    from_: Annotated[str, Field(alias="from")] = ""
    """A folder of the project that `pilotplant data import` has made; then there is nothing to generate."""

    @model_validator(mode="after")
    def _generated_or_read(self) -> Self:
        sizes = {name for name, (_type, usual) in _SIZES.items() if getattr(self, name) != usual}
        if self.from_ and sizes:
            raise ValueError(f"with `from` there is nothing to generate: leave out {', '.join(sorted(sizes))}")
        return self


class PlantSpec(BaseModel):
    """A plant of the estate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    time_zone: str
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    decimal_comma: bool = False
    rules: PlantRules = PlantRules()


class SystemSpec(BaseModel):
    """A system of the estate: its profile, whether one serves all its plants or each plant has its own, and which
    plants these are, where not all of them have the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    per: Literal["estate", "plant"] = "estate"
    plants: tuple[Code, ...] = ()
    """Empty: all plants."""
    name: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$")] = ""
    """What it is called behind `kind@` where it serves some plants together; without a name, like its plants."""

    def called(self, kind: str) -> str:
        """The name of the one system that serves these plants."""
        return f"{kind}@{self.name or '-'.join(self.plants)}" if self.plants else kind


def _several(entry: Any) -> Any:
    return entry if isinstance(entry, list | tuple) else (entry,)


Systems = Annotated[tuple[SystemSpec, ...], BeforeValidator(_several), Field(min_length=1)]
"""The systems of a kind: one for all plants, or several that share the plants among them."""

T = TypeVar("T")


def said_of(system: str, kind: str, by: Mapping[str, T]) -> T:
    """What is said of this very system, or else of its kind."""
    return by[system] if system in by else by[kind]


class EstateSpec(BaseModel):
    """An enterprise as a YAML document describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    estate: str
    about: str = ""
    plants: Annotated[dict[Code, PlantSpec], Field(min_length=1)]
    systems: Annotated[dict[str, Systems], Field(min_length=1)]
    data: DataSpec = DataSpec()

    @model_validator(mode="after")
    def _each_plant_once(self) -> Self:
        for kind, entries in self.systems.items():
            given = Counter(plant for entry in entries for plant in entry.plants)
            for plant in given:
                if plant not in self.plants:
                    guess = did_you_mean(plant, self.plants)
                    raise ValueError(f"`{kind}` serves a plant `{plant}` that the estate does not have{guess}")
            if twice := next((plant for plant, times in given.items() if times > 1), ""):
                raise ValueError(f"`{kind}` serves the plant {twice} twice; one system of a kind serves a plant")
            if len(entries) > 1 and not all(entry.plants for entry in entries):
                raise ValueError(f"there are {len(entries)} `{kind}`: each has to say which `plants` it serves")
        names = Counter(name for name, _kind, _plants in self.instances())
        if same := next((name for name, times in names.items() if times > 1), ""):
            raise ValueError(f"two systems are called `{same}`; give one of them another `name`")
        return self

    def places(self) -> tuple[Plant, ...]:
        """The plants, as the data generator wants them."""
        return tuple(
            Plant(code, spec.name, spec.time_zone, spec.currency, spec.decimal_comma)
            for code, spec in self.plants.items()
        )

    def plan(self) -> DataPlan:
        """What the data generator is to make."""
        return DataPlan(plants=self.places(), **self.data.model_dump(exclude={"from_"}))

    def instances(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """The systems to build: name, kind, plants."""
        return tuple((name, kind, plants) for name, kind, plants, _profile in self._placed())

    def profiles(self) -> dict[str, str]:
        """Which profile each system has, by the system's name."""
        return {name: profile for name, _kind, _plants, profile in self._placed()}

    def _placed(self) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
        for kind, entries in self.systems.items():
            for entry in entries:
                plants = entry.plants or tuple(self.plants)
                if entry.per == "plant":
                    yield from ((f"{kind}@{plant}", kind, (plant,), entry.profile) for plant in plants)
                else:
                    yield entry.called(kind), kind, plants, entry.profile


@runtime_checkable
class LooksAtRest(Protocol):
    """A behaviour that compares something once everything has come to rest, and records it."""

    def at_rest(self, estate: "Estate") -> None:
        """Look."""
        ...


class Projects(Protocol):
    """How a target carries over what one system owns into another."""

    def intended(self, operation: str, command: Any) -> Any:
        """What is intended there, given what a copy would be."""
        ...

    def compared(self, operation: str, wanted: Any, held: Any) -> tuple[Any, Any]:
        """Both as they are compared."""
        ...


class Equal:
    """What is copied is the same there."""

    def intended(self, operation: str, command: Any) -> Any:
        del operation
        return command

    def compared(self, operation: str, wanted: Any, held: Any) -> tuple[Any, Any]:
        del operation
        return wanted, held


class Estate:
    """The running systems."""

    def __init__(
        self,
        spec: EstateSpec,
        dataset: Dataset,
        parameters: Mapping[str, Any],
        world: World,
        ledger: LedgerWriter,
        lists: Mapping[str, ListSpec] | None = None,
    ) -> None:
        self.spec = spec
        self.dataset = dataset
        self.world = world
        self.projection: Projects = Equal()
        """Set by the run, where the target's document says that copies differ."""
        self.systems: dict[str, System] = {}
        self._of_kind: dict[str, list[System]] = {}
        self._serving: dict[tuple[str, str], System] = {}
        for name, kind_name, plants in spec.instances():
            kind = kinds()[kind_name]
            set_to = said_of(name, kind_name, parameters)
            state = kind.build(dataset, plants, set_to)
            if isinstance(state, TakesRules):
                state.take_rules({code: place.rules for code, place in spec.plants.items()})
            listed = said_of(name, kind_name, lists) if lists else None
            system = System(kind, name, plants, state, set_to, world, ledger, listed)
            system.intends = partial(self._intends, system)
            self.systems[name] = system
            if isinstance(state, TakesRegister):
                state.take_register(self._given)
            self._of_kind.setdefault(kind_name, []).append(system)
            for plant in plants:
                self._serving.setdefault((kind_name, plant), system)

    def __iter__(self) -> Iterator[System]:
        return iter(self.systems.values())

    def _given(self, number: str) -> bool:
        """Whether engineering has ever given this item number."""
        return self.systems["plm"].state.item(number) is not None

    def of_kind(self, kind: str) -> list[System]:
        """All systems of a kind."""
        return self._of_kind.get(kind, [])

    def serving(self, kind: str, plant: str) -> System | None:
        """The system of a kind that serves a plant."""
        return self._serving.get((kind, plant))

    def holding(self, effect: str) -> System | None:
        """The system that an effect is in: that of its plant, or the only one of its kind."""
        name, _, keys = effect.partition("|")
        kind = name.partition(".")[0]
        serving = self._serving.get((kind, keys.partition("|")[0]))
        if serving is not None:
            return serving
        only = self.of_kind(kind)
        return only[0] if len(only) == 1 else None

    def stands(self, effect: str) -> bool:
        """Whether a fact was committed in this run and not taken back."""
        system = self.holding(effect)
        return system is not None and system.stands(effect)

    def _intends(self, system: System, effect: str, command: Any) -> bool:
        """Whether what was sent is what the system of record wants to be sent, line by line where there are lines."""
        name, *keys = effect.split("|")
        replica = system.kind.replicas.get(name)
        if replica is None:
            return True
        intended = self.intended(replica, tuple(keys))
        if intended is None:
            return False
        sent = replica.form(system.state, replica.part(command, tuple(keys)))
        wanted, told = self.projection.compared(name, replica.form(system.state, intended), sent)
        return bool(wanted == told)

    def intended(self, replica: Replica, keys: tuple[str, ...]) -> Any:
        """What a copy should be, as this target carries it over; `None` where nothing should be."""
        return self.projection.intended(replica.effect, replica.intended(self, keys))

    def start(self) -> None:
        """Let the behaviours begin."""
        for system in self:
            system.behaviour.start()

    def stop(self) -> None:
        """Let nothing begin any more of its own accord; what was accepted is finished."""
        for system in self:
            system.working = False

    def come_to_rest(self) -> None:
        """Let those look at what has become of everything who are to: nothing moves any more."""
        for system in self:
            if isinstance(system.behaviour, LooksAtRest):
                system.behaviour.at_rest(self)

    def changed(self) -> Iterator[str]:
        """The state effects that were committed in this run, over all systems."""
        for system in self:
            yield from system.changed()

    @property
    def jobs_open(self) -> int:
        """Accepted work that is not finished, over all systems."""
        return sum(system.jobs_open for system in self)
