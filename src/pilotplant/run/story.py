"""A story: an estate within this process to which a test lets things happen, step by step."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from pilotplant.drive.inprocess.host import InProcessHost
from pilotplant.drive.inprocess.transport import respond, transport
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import AnyRecord, Commit
from pilotplant.model.errors import UsageError
from pilotplant.model.suggestions import did_you_mean
from pilotplant.run.course import Acted
from pilotplant.run.preparation import Prepared
from pilotplant.run.quiescence import until_quiet
from pilotplant.run.request import Finished, RunRequest
from pilotplant.run.running import run
from pilotplant.run.stage import Stage
from pilotplant.run.stimulation import occur_once
from pilotplant.systems.system import System
from pilotplant.target.addresses import environment

LONGEST_S = 7 * 86_400.0
"""A story that is not over by then waits for something that never comes."""

Telling = Callable[[], Awaitable[None]]


class Story:
    """An estate on a virtual clock. `play` runs a coroutine function in it; what else there is works meanwhile.

    The plants work, events are delivered to the target (if the request has one), and when the story is told the estate
    comes to rest and is judged by the flows of the request.
    """

    def __init__(self, request: RunRequest) -> None:
        self._request = replace(request, mode="inprocess")
        self._prepared: Prepared | None = None
        self._stage: Stage | None = None
        self._done = 0
        self._played = 0

    def play(self, story: Telling) -> Finished:
        """Tell a story from beginning to end, and judge what happened."""

        async def act(prepared: Prepared, stage: Stage) -> Acted:
            self._prepared, self._stage = prepared, stage
            try:
                async with asyncio.timeout(LONGEST_S):
                    await story()
            except TimeoutError:
                raise UsageError(f"the story was not over after {LONGEST_S / 3600:g} hours of its own time") from None
            return Acted()

        self._played += 1
        assert self._request.directory is not None
        directory = self._request.directory / f"story-{self._played}"
        self._playing = replace(self._request, directory=directory)
        try:
            return run(self._playing, act)
        finally:
            self._prepared = None

    def do(self, stimulus: str, **parameters: Any) -> None:
        """Let a system of record do something: `do("mes.order.complete")`. It happens at once."""
        self._done += 1
        occur_once(self._now.estate, stimulus, parameters, f"story-{self._done}")

    async def rest(self) -> None:
        """Wait until nothing moves any more."""
        scenario, target = self._request.setup.scenario, self._request.target
        assert self._stage is not None
        await until_quiet(self._now.host, scenario.quiescence, target.declares, self._stage)

    @property
    def transport(self) -> Any:
        """An httpx transport into the estate, for a client of yours."""
        return transport(self._host.network)

    @property
    def respond(self) -> Any:
        """The side effect for a respx route: `respx_mock.route(host=…).mock(side_effect=estate.respond)`."""
        return respond(self._host.network)

    @property
    def environment(self) -> Mapping[str, str]:
        """Addresses and credentials, as a target's process would be told them."""
        now = self._now
        return environment(now.addresses(), now.events_secret, now.estate.spec.plants)

    async def client(self, system: str) -> httpx.AsyncClient:
        """A client that is let in: `async with await estate.client("erp") as erp:`."""
        addresses = {each.name: each for each in self._now.addresses()}
        if system not in addresses:
            raise UsageError(f"the estate has no system `{system}`{did_you_mean(system, addresses)}")
        address = addresses[system]
        given = address.credentials
        headers = {"x-api-key": given.api_key} if given.kind == "api-key" else {}
        client = httpx.AsyncClient(transport=self.transport, base_url=address.url, headers=headers)
        if given.kind == "oauth2":
            form = {"client_id": given.client_id, "client_secret": given.client_secret}
            answer = await client.post(address.token_url, data={"grant_type": "client_credentials", **form})
            client.headers["authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        return client

    def system(self, name: str) -> System:
        """A simulator by name, for a look at its state."""
        return self._now.estate.systems[name]

    def records(self) -> list[AnyRecord]:
        """What the ledger holds so far."""
        ledger = self._now.ledger
        ledger.flush()
        return list(Ledger(self._directory))

    def effects(self, operation: str) -> list[str]:
        """What was committed by an operation so far, an identity for each effect: `erp.stock.post|DE01|CNF-…`."""
        number = self._now.ledger.operations[operation]
        return [each.effect for each in self.records() if isinstance(each, Commit) and each.operation == number]

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    @property
    def _now(self) -> Prepared:
        if self._prepared is None:
            raise UsageError("the estate is there only while a story is played", help="Use it within estate.play(…).")
        return self._prepared

    @property
    def _host(self) -> InProcessHost:
        host = self._now.host
        assert isinstance(host, InProcessHost)
        return host

    @property
    def _directory(self) -> Path:
        assert self._playing.directory is not None
        return self._playing.directory
