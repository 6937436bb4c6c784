"""From checked documents to a host that can be entered: data, world, ledger, systems, credentials, fault plan."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from pilotplant.dataset.digest import digest
from pilotplant.dataset.generate import generate
from pilotplant.dataset.marking import marked
from pilotplant.dataset.records import Dataset
from pilotplant.dataset.tables import Writing, read_tables
from pilotplant.drive.host import Host
from pilotplant.drive.live.door import Sign
from pilotplant.drive.live.host import LiveHost
from pilotplant.exchange.authentication import Credentials, credentials_for
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.fault import Fault
from pilotplant.faults.plan import FaultPlan
from pilotplant.flows.expansion import Expander
from pilotplant.flows.grammar import FlowSpec
from pilotplant.kernel.draws import Draws
from pilotplant.kernel.world import World
from pilotplant.ledger.header import Header
from pilotplant.ledger.merging import MAIN, segment_in
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.run.connecting import NOBODY, Connection
from pilotplant.scenario.loading import EstateSetup
from pilotplant.systems.catalog import ledger_table
from pilotplant.systems.estate import Estate, said_of
from pilotplant.systems.losses import Losses
from pilotplant.systems.system import System
from pilotplant.target.addresses import Address


@dataclass(frozen=True)
class Data:
    """The data of an estate, generated or read, and their hash."""

    dataset: Dataset
    digest: str


def generate_data(setup: EstateSetup, seed: int) -> Data:
    """The data of an estate: the same for the same seed, or what the project holds."""
    estate = setup.estate
    if estate.data.from_:
        dataset = read_tables(setup.root / estate.data.from_, estate.places(), seed, Writing())
    else:
        dataset = generate(estate.plan(), seed, Draws(seed))
    return Data(dataset, digest(dataset))


@dataclass(frozen=True)
class Foundation:
    """What every way to run stands on."""

    estate: Estate
    world: World
    ledger: LedgerWriter
    faults: FaultPlan
    expander: Expander
    events_secret: str
    credentials: Mapping[str, Credentials]


@dataclass(frozen=True)
class Prepared:
    """A host and what belongs to it."""

    host: Host
    estate: Estate
    world: World
    ledger: LedgerWriter
    expander: Expander
    events_secret: str
    credentials: Mapping[str, Credentials]
    profiles: Mapping[str, str]
    setup: EstateSetup
    connection: Connection = NOBODY

    def addresses(self) -> list[Address]:
        """Where the systems are; asked after the host was entered."""
        return [
            Address(
                system.name,
                system.kind.name,
                system.plants,
                said_of(system.name, system.kind.name, self.profiles),
                self.host.system_url(system),
                self.host.token_url(system),
                self.credentials[system.name],
                self.host.boundaries[system.name].profile.channel,
                str(self.host.drops[system.name].folder) if system.name in self.host.drops else "",
            )
            for system in self.estate
        ]


class HostBuilder(Protocol):
    """Makes a driver's host of an estate."""

    def __call__(
        self,
        estate: Estate,
        profiles: Mapping[str, ProfileSpec],
        credentials: Mapping[str, Credentials],
        faults: FaultPlan,
        *,
        events_secret: str,
        documents: Mapping[str, bytes],
    ) -> Host:
        """Build it; nothing is begun yet."""
        ...


def lay(
    setup: EstateSetup,
    data: Data,
    *,
    mode: str,
    run: str,
    seed: int,
    epoch: float,
    speed: float,
    directory: Path,
    flows: Sequence[FlowSpec] = (),
    faults: Sequence[Fault] = (),
    connection: Connection = NOBODY,
    processes: bool = False,
) -> Foundation:
    """Build clock, ledger, systems, credentials and fault plan; nobody can reach them yet."""
    world = World(seed=seed, epoch=epoch, speed=speed, mark=connection.mark)
    instances = setup.estate.instances()
    profile_of = {name: said_of(name, kind, setup.profiles) for name, kind, _plants in instances}
    credentials = {
        name: connection.credentials(name, kind) or credentials_for(name, profile_of[name], world.draws)
        for name, kind, _plants in instances
    }
    events_secret = world.draws.token("events-secret")
    header = Header(
        run=run,
        seed=seed,
        epoch=epoch,
        speed=speed,
        mode=mode,
        systems=tuple(name for name, _kind, _plants in instances),
        operations=ledger_table(),
        flows=tuple(flow.flow for flow in flows),
        late_s=tuple(profile.lists.late_s for profile in profile_of.values()),
        segments=tuple(range(1, len(instances) + 1)) if processes else (),
    )
    secrets = _secrets(events_secret, credentials, connection)
    ledger = LedgerWriter(segment_in(directory, MAIN) if processes else directory, header, secrets=secrets)
    parameters = {kind: profile.parameters() for kind, profile in setup.profiles.items()}
    lists = {kind: profile.lists for kind, profile in setup.profiles.items()}
    estate = Estate(setup.estate, marked(data.dataset, connection.mark), parameters, world, ledger, lists)
    connection.instruct(estate)
    expander, losses = Expander(flows, estate, ledger), Losses(estate, ledger)
    connection.identities.promised = expander.effects
    for system in estate:
        system.listeners.append(expander.on_event)
        system.listeners.append(losses.on_event)
    return Foundation(estate, world, ledger, FaultPlan(faults, world.draws), expander, events_secret, credentials)


def _secrets(events: str, credentials: Mapping[str, Credentials], connection: Connection) -> tuple[str, ...]:
    drawn = (secret for given in credentials.values() for secret in given.secrets())
    return (events, *drawn, *connection.secrets.values())


def prepare(
    setup: EstateSetup,
    data: Data,
    *,
    mode: str,
    run: str,
    seed: int,
    epoch: float,
    speed: float,
    directory: Path,
    build: HostBuilder,
    documents: Mapping[str, bytes],
    flows: Sequence[FlowSpec] = (),
    faults: Sequence[Fault] = (),
    connection: Connection = NOBODY,
    processes: bool = False,
) -> Prepared:
    """Build everything that a running estate needs; nothing listens yet."""
    laid = lay(
        setup,
        data,
        mode=mode,
        run=run,
        seed=seed,
        epoch=epoch,
        speed=speed,
        directory=directory,
        flows=flows,
        faults=faults,
        connection=connection,
        processes=processes,
    )
    secret, given = laid.events_secret, laid.credentials
    host = build(laid.estate, setup.profiles, given, laid.faults, events_secret=secret, documents=documents)
    profiles = {kind: profile.profile for kind, profile in setup.profiles.items()}
    return Prepared(
        host, laid.estate, laid.world, laid.ledger, laid.expander, secret, given, profiles, setup, connection
    )


def prepare_live(
    setup: EstateSetup,
    data: Data,
    *,
    elsewhere: Callable[[Prepared], ASGIApp],
    run: str,
    seed: int,
    epoch: float | None = None,
    speed: float,
    directory: Path,
    documents: Mapping[str, bytes],
    flows: Sequence[FlowSpec] = (),
    faults: Sequence[Fault] = (),
    connection: Connection = NOBODY,
    address: str = "127.0.0.1",
    port: int = 0,
    processes: bool = False,
) -> Prepared:
    """Build an estate that will listen on a port; with `processes`, each of its systems on one of its own.

    It shows the time of day, or, counted from the moment in which the host begins, that of another `epoch`.
    """
    app = _Late()
    began = time.monotonic() if epoch is None else None  # what is laid out meanwhile takes its time
    prepared = prepare(
        setup,
        data,
        mode="live",
        run=run,
        seed=seed,
        epoch=time.time() if epoch is None else epoch,
        speed=speed,
        directory=directory,
        build=partial(
            LiveHost,
            elsewhere=app,
            address=address,
            port=port,
            tls=connection.serving(),
            public_url=connection.target.public_url,
            began=began,
        ),
        documents=documents,
        flows=flows,
        faults=faults,
        connection=connection,
        processes=processes,
    )
    if processes and isinstance(prepared.host, LiveHost):
        prepared.host.reach_by_doors(partial(_sign, prepared, directory, address, documents))
    app.inner = elsewhere(prepared)
    return prepared


def _sign(
    prepared: Prepared, directory: Path, address: str, documents: Mapping[str, bytes], system: System, clock: float
) -> Sign:
    """What the process has to know that is the door of this system."""
    header, connection = prepared.ledger.header, prepared.connection
    return Sign(
        system=system.name,
        kind=system.kind.name,
        segment=header.segments[system.number],
        plants=system.plants,
        profile=said_of(system.name, system.kind.name, prepared.setup.profiles),
        credentials=prepared.credentials[system.name],
        header=header,
        secrets=_secrets(prepared.events_secret, prepared.credentials, connection),
        mark=connection.mark,
        directory=directory,
        address=address,
        document=documents.get(system.name) or documents.get(system.kind.name) or b"",
        incarnation=1 if connection.target.start is not None else 0,
        clock=clock,
    )


class _Late:
    """An application that is filled in once the host that it reports on exists."""

    inner: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner(scope, receive, send)
