"""An estate for one interaction: its systems as they are at the start of a run, brought into the states that the
interaction takes for granted. Nothing happens in it by itself, and nothing of it is left for the next one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pilotplant.channels.cloudevents import CONTENT_TYPE, outgoing
from pilotplant.contracts.openapi import documents
from pilotplant.contracts.pacts import Interaction
from pilotplant.model.errors import InternalError, UsageError
from pilotplant.model.suggestions import did_you_mean, listed
from pilotplant.resources import Project
from pilotplant.run.preparation import Data, Prepared, generate_data, prepare_live
from pilotplant.scenario.loading import EstateSetup, load_estate
from pilotplant.systems.provider_states import PATIENCE_S, Given, StateError, states_of
from pilotplant.systems.system import Published, System

STATE_PATH, MESSAGE_PATH = "/_pilotplant/pact/state", "/_pilotplant/pact/message"


class Scenery:
    """What estates are made of, generated once."""

    def __init__(self, setup: EstateSetup, seed: int, epoch: float) -> None:
        self.setup = setup
        self.seed = seed
        self.epoch = epoch
        self._data = generate_data(setup, seed)
        self._documents = documents(setup.profiles)

    def data(self) -> Data:
        """The data, in mappings of its own: a state may add to them."""
        data = self._data.dataset
        own = {name: dict(getattr(data, name)) for name in ("items", "boms", "routings", "plant_items")}
        return Data(msgspec.structs.replace(data, **own), self._data.digest)

    @asynccontextmanager
    async def stage(self) -> AsyncIterator["Stage"]:
        """An estate, up and waiting."""
        with TemporaryDirectory(prefix="pilotplant-contract-") as folder:
            stage = Stage()
            prepared = prepare_live(
                self.setup,
                self.data(),
                elsewhere=stage.enter,
                run="contracts",
                seed=self.seed,
                epoch=self.epoch,
                speed=1.0,
                directory=Path(folder),
                documents=self._documents,
            )
            async with prepared.host:
                yield stage
                if prepared.host.failure is not None:
                    raise InternalError(f"a simulator failed: {prepared.host.failure!r}")


class Sceneries:
    """The scenery of each interaction: what was recorded meets the data, and the day, of its run."""

    def __init__(self, project: Project, estate: str, now: float) -> None:
        self._project = project
        self._estate = estate
        self._now = now
        self._known: dict[tuple[str, int, float], Scenery] = {}

    def __call__(self, interaction: Interaction) -> Scenery:
        """The scenery of an interaction."""
        origin = interaction.origin if interaction.derived else {}
        estate, seed = str(origin.get("estate") or self._estate), int(origin.get("seed", 0))
        key = (estate, seed, float(origin.get("epoch", self._now)))
        if key not in self._known:
            self._known[key] = Scenery(load_estate(self._project, estate), seed, key[2])
        return self._known[key]


class Stage:
    """One estate, with the door through which states and messages are asked for."""

    def __init__(self) -> None:
        self.prepared: Prepared
        self.system: System
        """Whom the interaction is about."""
        self.values: dict[str, Any] = {}
        """What the states told of themselves."""
        self.letter = b""
        """The message that the interaction is about."""
        self._stated: list[Published] = []
        self._heard = asyncio.Event()

    def enter(self, prepared: Prepared) -> ASGIApp:
        """Take an estate on; returns what answers beside its systems."""
        self.prepared = prepared
        for system in prepared.estate:
            system.listeners.append(self._hear)
        routes = [
            Route(STATE_PATH, self._values, methods=["POST"]),
            Route(MESSAGE_PATH, self._tell, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def choose(self, provider: str, plant: str) -> None:
        """Find the system that a pact calls by its kind, or by its whole name `mes@DE01`."""
        estate = self.prepared.estate
        found = [system for system in estate if provider in (system.name, system.kind.name)]
        if not found:
            names = [*(system.kind.name for system in estate), *estate.systems]
            known = tuple(dict.fromkeys(names))
            message = f"the estate has no system `{provider}`{did_you_mean(provider, known)}"
            raise UsageError(message, help=f"There are {listed(known)}; --as PROVIDER=SYSTEM says which one is meant.")
        self.system = next((system for system in found if plant in system.plants), found[0])

    async def headers(self) -> dict[str, str]:
        """What lets a caller in."""
        address = next(each for each in self.prepared.addresses() if each.name == self.system.name)
        given = address.credentials
        if given.kind == "api-key":
            return {"x-api-key": given.api_key}
        if given.kind == "none":
            return {}
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id,
            "client_secret": given.client_secret,
        }
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(address.token_url, data=form)
        return {"authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}

    async def bring_about(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Bring the system into a state."""
        known = states_of(self.system.kind.name)
        if name not in known:
            raise StateError(unknown_state(self.system.kind.name, name))
        self.prepared.world.advance()
        given = Given(self.prepared.estate, self.system)
        self.values |= await known[name].bring_about(given, parameters)

    async def hear(self, event: str) -> None:
        """Wait for an event of this type, and keep it as it would travel."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := [each for each in self._stated if each.type.name == event]):
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            others = tuple(dict.fromkeys(each.type.name for each in self._stated))
            said = f"; it stated {listed(others)}" if others else ""
            message = f"{self.system.name} did not state {event} in this state{said}"
            raise StateError(message) from None
        self.letter = outgoing(found[-1], self.prepared.world).body

    def _hear(self, published: Published) -> None:
        self._stated.append(published)
        self._heard.set()

    async def _values(self, request: Request) -> Response:
        """The states came about before the library was asked: it tries again for minutes where one does not."""
        await request.body()
        return Response(msgspec.json.encode(self.values), media_type="application/json")

    async def _tell(self, request: Request) -> Response:
        await request.body()
        return Response(self.letter, media_type=CONTENT_TYPE.decode())


def unknown_state(kind: str, name: str) -> str:
    """What to say of a state that nobody knows."""
    known = tuple(states_of(kind))
    knows = ", ".join(f"`{each}`" for each in sorted(known)) or "none"
    return f"{kind} knows no state `{name}`; it knows {knows}{did_you_mean(name, known)}"
