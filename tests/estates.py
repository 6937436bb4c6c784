"""Small estates for tests: without sockets, where time passes when told to, and live on a free port."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
from starlette.responses import PlainTextResponse

from pilotplant.contracts.openapi import documents
from pilotplant.dataset.generate import generate
from pilotplant.dataset.plan import DataPlan
from pilotplant.dataset.records import Dataset, Item, Plant, PlantItem
from pilotplant.dialects.rest import Rest
from pilotplant.drive.live.host import LiveHost
from pilotplant.exchange.authentication import Credentials, credentials_for
from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.fault import Fault
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.draws import Draws
from pilotplant.kernel.world import World
from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import AnyRecord, Record
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import Event
from pilotplant.model.outcome import Outcome
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate, EstateSpec
from pilotplant.systems.system import Published, System

EPOCH = 1_700_000_000.0
"""2023-11-14, 22:13:20 UTC: the 15th in Suzhou, late in the evening of the 14th in Leipzig."""
SECRET = "events-secret-of-the-tests"
PLANTS = (
    Plant("DE01", "Leipzig", "Europe/Berlin", "EUR", decimal_comma=True),
    Plant("US01", "Grand Rapids", "America/Detroit", "USD"),
    Plant("CN01", "Suzhou", "Asia/Shanghai", "CNY"),
)
SPEC = EstateSpec.model_validate(
    {
        "estate": "small",
        "plants": {plant.code: {"name": plant.name, "time_zone": plant.time_zone} for plant in PLANTS},
        "systems": {
            "plm": {"profile": "test"},
            "erp": {"profile": "test"},
            "mes": {"profile": "test", "per": "plant"},
            "wms": {"profile": "test", "per": "plant"},
            "supplier": {"profile": "test"},
            "desk": {"profile": "test"},
        },
    }
)
R = TypeVar("R", bound=Record)


@cache
def dataset() -> Dataset:
    """The generated data; nobody changes them."""
    return generate(DataPlan(plants=PLANTS, items=80), 1, Draws(1))


def profile(kind: str, **settings: Any) -> ProfileSpec:
    """A profile without latency and limits; clerks and breakdowns only where a test asks for them."""
    quiet: dict[str, Any] = {
        "erp": {"clerk_edits_per_min": 0},
        "mes": {"breakdown_share": 0, "scrap_share": 0},
    }
    behaviour = {**quiet.get(kind, {}), **settings.pop("behaviour", {})}
    settings = {"auth": {"kind": "none"}, **settings}
    return ProfileSpec.model_validate({"profile": "test", "system": kind, "behaviour": behaviour, **settings})


def profiles(**changed: Mapping[str, Any]) -> dict[str, ProfileSpec]:
    """The profiles of the estate, by kind."""
    return {kind: profile(kind, **changed.get(kind, {})) for kind in catalog.kinds()}


@dataclass
class Bench:
    """An estate without sockets."""

    estate: Estate
    world: World
    ledger: LedgerWriter
    directory: Path
    profiles: Mapping[str, ProfileSpec]
    events: list[Event] = field(default_factory=list)

    def __getitem__(self, name: str) -> System:
        return self.estate.systems[name]

    def apply(self, name: str, operation: Any, **fields: Any) -> Outcome:
        """Call an operation of a system by itself."""
        return self[name].apply(operation, msgspec.convert(fields, operation.command))

    def pass_time(self, seconds: float) -> None:
        """Let wire time go by."""
        self.world.env.run(until=self.world.env.now + seconds)

    def records(self, kind: type[R]) -> list[R]:
        """What was recorded so far, of one kind."""
        self.ledger.flush()
        return [record for record in Ledger(self.directory) if isinstance(record, kind)]

    def boundary(self, name: str, faults: Sequence[Fault] = ()) -> Boundary:
        """The door of a system."""
        system = self[name]
        spec = self.profiles[system.kind.name]
        credentials = credentials_for(name, spec, self.world.draws)
        plan = FaultPlan(faults, self.world.draws)

        def fail(error: BaseException) -> None:
            raise error

        return Boundary(system, spec, credentials, Rest(system.kind.operations), plan, fail)

    def digest(self) -> str:
        """A hash of what all systems hold: the same if and only if nothing was changed."""
        state = {name: _plain(system.state) for name, system in self.estate.systems.items()}
        return blake2b(repr(state).encode(), digest_size=16).hexdigest()


def _plain(state: Any) -> dict[str, Any]:
    kept = {name: value for name, value in vars(state).items() if name not in ("dataset", "documents")}
    if hasattr(state, "documents"):
        kept["documents"] = (len(state.documents), sorted(state.documents.reversed))
        kept["purchases"] = vars(state.purchases)
    return kept


def bench(directory: Path, *, speed: float = 1.0, seed: int = 1, **changed: Mapping[str, Any]) -> Bench:
    """An estate without sockets; `erp={"behaviour": {…}}` changes a profile."""
    world = World(seed=seed, epoch=EPOCH, speed=speed)
    given = profiles(**changed)
    credentials = _credentials(given, world)
    secrets = (SECRET, *(secret for each in credentials.values() for secret in each.secrets()))
    names = tuple(name for name, _kind, _plants in SPEC.instances())
    header = Header("test", seed, EPOCH, speed, "live", names, catalog.ledger_table())
    ledger = LedgerWriter(directory, header, secrets=secrets)
    parameters = {kind: spec.parameters() for kind, spec in given.items()}
    built = Bench(Estate(SPEC, dataset(), parameters, world, ledger), world, ledger, directory, given)
    for system in built.estate:
        system.listeners.append(lambda published: _note(built, published))
    return built


def _note(built: Bench, published: Published) -> None:
    built.events.append(published.event)


def _credentials(given: Mapping[str, ProfileSpec], world: World) -> dict[str, Credentials]:
    return {name: credentials_for(name, given[kind], world.draws) for name, kind, _plants in SPEC.instances()}


@dataclass
class Live:
    """An estate on a port."""

    bench: Bench
    host: LiveHost
    http: httpx.AsyncClient
    credentials: Mapping[str, Credentials]

    async def raw(self, *parts: bytes, pause: bool = False) -> bytes:
        """Send bytes as they are on a connection of their own; what comes back until it ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.host.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
        finally:
            writer.close()

    async def token(self, name: str) -> str:
        """A bearer token of a system."""
        given = self.credentials[name]
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id,
            "client_secret": given.client_secret,
        }
        answer = await self.http.post(self.host.token_url(self.bench[name]), data=form)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def records(self, kind: type[R]) -> list[R]:
        """What was recorded so far, of one kind."""
        return self.bench.records(kind)

    def all_records(self) -> list[AnyRecord]:
        """Everything that was recorded so far."""
        self.bench.ledger.flush()
        return list(Ledger(self.bench.directory))


@asynccontextmanager
async def live(
    directory: Path, *, faults: Sequence[Fault] = (), speed: float = 1.0, **changed: Mapping[str, Any]
) -> AsyncIterator[Live]:
    """An estate on a free port; a simulator that fails fails the test."""
    built = bench(directory, speed=speed, seed=1, **changed)
    credentials = _credentials(built.profiles, built.world)
    host = LiveHost(
        built.estate,
        built.profiles,
        credentials,
        FaultPlan(faults, built.world.draws),
        events_secret=SECRET,
        elsewhere=PlainTextResponse("elsewhere", 404),
        documents=documents(built.profiles),
    )
    async with host, httpx.AsyncClient(base_url=host.url, trust_env=False, timeout=10) as http:
        yield Live(built, host, http, credentials)
        if host.failure is not None:
            raise host.failure


def made_item(plant: str = "DE01") -> Item:
    """An item that is made at a plant, and only from items that the plant knows."""
    data = dataset()
    return next(item for item in data.items.values() if item.made and plant in item.plants)


def bought_item(plant: str = "DE01") -> Item:
    """An item that is bought at a plant."""
    data = dataset()
    return next(item for item in data.items.values() if not item.made and plant in item.plants)


def at_plant(item: Item, plant: str = "DE01") -> PlantItem:
    """The plant's own data of an item."""
    return dataset().plant_items[plant, item.number]


def posting(source: str = "CNF-1", *, quantity: float = 4.0, plant: str = "DE01", date: str = "2023-11-14") -> Any:
    """The body of a stock document with one receipt."""
    item = bought_item(plant)
    unit = at_plant(item, plant).unit
    line = {"movement": "receipt", "item": item.number, "quantity": quantity, "unit": unit, "lot": "L1"}
    return {"plant": plant, "posting_date": date, "lines": [line], "source_document": source}
