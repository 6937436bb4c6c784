"""From checked documents to a host that can be entered: data, world, ledger, systems, credentials, fault plan."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from pilotplant.dataset.digest import digest
from pilotplant.dataset.generate import generate
from pilotplant.dataset.records import Dataset
from pilotplant.drive.live.host import Host
from pilotplant.exchange.authentication import Credentials, credentials_for
from pilotplant.faults.fault import Fault
from pilotplant.faults.plan import FaultPlan
from pilotplant.flows.grammar import FlowSpec
from pilotplant.kernel.draws import Draws
from pilotplant.kernel.world import World
from pilotplant.ledger.header import Header
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.scenario.loading import EstateSetup
from pilotplant.systems.catalog import ledger_table
from pilotplant.systems.estate import Estate
from pilotplant.target.addresses import Address


@dataclass(frozen=True)
class Data:
    """The generated data of an estate, and their hash."""

    dataset: Dataset
    digest: str


def generate_data(setup: EstateSetup, seed: int) -> Data:
    """The data of an estate; the same for the same seed."""
    dataset = generate(setup.estate.plan(), seed, Draws(seed))
    return Data(dataset, digest(dataset))


@dataclass(frozen=True)
class Prepared:
    """A host and what belongs to it."""

    host: Host
    estate: Estate
    world: World
    ledger: LedgerWriter
    events_secret: str
    credentials: Mapping[str, Credentials]
    profiles: Mapping[str, str]
    setup: EstateSetup

    def addresses(self) -> list[Address]:
        """Where the systems are; asked after the host was entered."""
        return [
            Address(
                system.name,
                system.kind.name,
                system.plants,
                self.profiles[system.kind.name],
                self.host.system_url(system),
                self.host.token_url(system),
                self.credentials[system.name],
            )
            for system in self.estate
        ]


def prepare(
    setup: EstateSetup,
    data: Data,
    *,
    run: str,
    seed: int,
    epoch: float,
    speed: float,
    directory: Path,
    elsewhere: Callable[["Prepared"], ASGIApp],
    documents: Mapping[str, bytes],
    flows: Sequence[FlowSpec] = (),
    faults: Sequence[Fault] = (),
    address: str = "127.0.0.1",
    port: int = 0,
) -> Prepared:
    """Build everything that a live estate needs; nothing listens yet."""
    world = World(seed=seed, epoch=epoch, speed=speed)
    instances = setup.estate.instances()
    credentials = {name: credentials_for(name, setup.profiles[kind], world.draws) for name, kind, _ in instances}
    events_secret = world.draws.token("events-secret")
    header = Header(
        run=run,
        seed=seed,
        epoch=epoch,
        speed=speed,
        mode="live",
        systems=tuple(name for name, _kind, _plants in instances),
        operations=ledger_table(),
        flows=tuple(flow.flow for flow in flows),
    )
    secrets = (events_secret, *(secret for given in credentials.values() for secret in given.secrets()))
    ledger = LedgerWriter(directory, header, secrets=secrets)
    parameters = {kind: profile.parameters() for kind, profile in setup.profiles.items()}
    estate = Estate(setup.estate, data.dataset, parameters, world, ledger)
    app = _Late()
    host = Host(
        estate,
        setup.profiles,
        credentials,
        FaultPlan(faults, world.draws),
        events_secret=events_secret,
        address=address,
        port=port,
        elsewhere=app,
        documents=documents,
    )
    profiles = {kind: profile.profile for kind, profile in setup.profiles.items()}
    prepared = Prepared(host, estate, world, ledger, events_secret, credentials, profiles, setup)
    app.inner = elsewhere(prepared)
    return prepared


class _Late:
    """An application that is filled in once the host that it reports on exists."""

    inner: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner(scope, receive, send)
