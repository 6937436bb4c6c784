"""The course of a run on its stage: start, stimuli, healing, rest, and what is held in the end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pilotplant.checks.result import Figure
from pilotplant.drive.host import Host
from pilotplant.ledger.records import Crash, Quiesce
from pilotplant.model.errors import InternalError, PilotplantError
from pilotplant.run.comparison import compare, worth_comparing
from pilotplant.run.preparation import Data, Prepared
from pilotplant.run.quiescence import Rest, until_quiet
from pilotplant.run.request import Progress, RunRequest
from pilotplant.run.stage import Stage
from pilotplant.run.stimulation import Stimulation, occurrences
from pilotplant.scenario.possible import AFTERMATH_S

_LOOK_EVERY_S = 0.02

Act = Callable[[Prepared, Stage], Awaitable["Acted"]]
"""What happens while the estate works."""


@dataclass(frozen=True)
class Acted:
    """What came of it: a hash of what was made to happen, and what could not."""

    digest: str = ""
    notes: Sequence[str] = ()


@dataclass
class Trace:
    """What is learned while the run goes on."""

    stimuli_digest: str = ""
    rest: Rest | None = None
    notes: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    """What only the model knows of itself."""


class Course:
    """What happens between the start of an estate and its rest."""

    def __init__(self, request: RunRequest, stage: Stage, directory: Path, data: Data, act: Act | None = None) -> None:
        self.trace = Trace()
        self._request = request
        self._stage = stage
        self._directory = directory
        self._data = data
        self._act = act or self._stimulate

    @property
    def awaits(self) -> int:
        """In-process: how often the middleware waited."""
        return self._stage.awaits

    def perform(self) -> None:
        """Run it on the clock of its stage."""
        self._stage.perform(self.run())

    async def run(self) -> None:
        """Start everything, let it happen, come to rest, and end everything."""
        stage = self._stage
        prepared = stage.prepare(self._request, self._data, self._directory)
        try:
            async with prepared.host as host:
                try:
                    await stage.start_target(prepared)
                    host.begin()
                    acted = await self._act(prepared, stage)
                    self.trace.stimuli_digest = acted.digest
                    self.trace.notes.extend(acted.notes)
                    await self._come_to_rest(prepared)
                    compare(prepared.estate, prepared.ledger, worth_comparing(prepared.estate, prepared.expander))
                    prepared.estate.come_to_rest()
                finally:
                    await stage.stop_target()
                self._raise_failure(host)
        finally:
            prepared.ledger.close()

    async def _stimulate(self, prepared: Prepared, stage: Stage) -> Acted:
        """Let the scenario's stimuli happen."""
        request, host = self._request, prepared.host
        specs = request.setup.scenario.stimuli
        stimulation = Stimulation(specs, prepared.estate, occurrences(specs, host.world.draws))
        stimulation.start(host.world.env.now)
        while not stimulation.finished:
            request.on_progress(Progress("driving", stimulation.done, len(stimulation.plan)))
            await asyncio.sleep(_LOOK_EVERY_S)
            self._raise_failure(host)
            if stage.died():
                break
        await asyncio.sleep(AFTERMATH_S)
        return Acted(stimulation.digest, stimulation.skipped)

    async def _come_to_rest(self, prepared: Prepared) -> None:
        """Stop the stimuli, heal, and wait."""
        request, host = self._request, prepared.host
        prepared.estate.stop()
        await self._stage.revive_target()
        host.heal()
        await host.nudge()
        request.on_progress(Progress("waiting for rest"))
        waiting = asyncio.create_task(
            until_quiet(host, request.setup.scenario.quiescence, request.target.declares, self._stage)
        )
        failing = asyncio.create_task(host.failed.wait())
        try:
            await asyncio.wait({waiting, failing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failing.cancel()
            if not waiting.done():
                waiting.cancel()
        self._raise_failure(host)
        rest = self.trace.rest = waiting.result()
        if died := self._stage.died():
            host.ledger.write(Crash, host.world.env.now, host.incarnation, died)
            self.trace.notes.append(died)
        await host.look_again()
        if host.unread and not died:
            rest = self.trace.rest = Rest(False, host.unread)  # nobody is to be accused of silence
        self.trace.notes.extend(host.notes)
        host.world.advance()
        host.ledger.write(Quiesce, host.world.env.now, rest.settled, rest.note)

    def _raise_failure(self, host: Host) -> None:
        error = host.failure
        if isinstance(error, PilotplantError):
            raise error
        if error is not None:
            raise InternalError(f"a simulator failed: {type(error).__name__}: {error}") from error
