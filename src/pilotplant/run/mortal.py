"""What faults do to the middleware itself: it dies and comes back, or stands still for a while."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from pilotplant.drive.host import Host
from pilotplant.ledger.records import Crash, Restart
from pilotplant.model.errors import UsageError
from pilotplant.model.script import Kill, Step, Suspend
from pilotplant.run.request import RunRequest
from pilotplant.target.model import TargetSpec

_RESTARTING = "the target is being restarted"


class Body(Protocol):
    """A middleware that the run has started, live or in this process."""

    async def kill(self) -> None:
        """End it at once; when this is over, it is dead."""
        ...

    async def start(self) -> None:
        """Let it live (again)."""
        ...

    def suspend(self) -> None:
        """Let it stand still."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...


class Mortal:
    """Strikes a middleware and sees to it that it comes back. While it is away, nothing new is done to it."""

    def __init__(self, body: Body, host: Host) -> None:
        self._body = body
        self._host = host
        self._back: asyncio.Task[None] | None = None
        host.strike = self.strike

    async def strike(self, step: Step) -> None:
        """Perform a step that a fault has put in."""
        if self._host.away:
            return
        match step:
            case Kill(restart_after_s=restart_after_s):
                self._host.away = _RESTARTING
                await self._body.kill()
                self.note_death("killed by a fault", restart_after_s)
            case Suspend(for_s=for_s):
                self._host.away = "the target stands still"
                self._body.suspend()
                self._comes_back(self._go_on(for_s))

    def note_death(self, why: str, restart_after_s: float) -> None:
        """It was killed, and is to be started again later."""
        host = self._host
        host.away = _RESTARTING
        host.world.advance()
        host.ledger.write(Crash, host.world.env.now, host.incarnation, why)
        self._comes_back(self._begin_again(restart_after_s))

    def _comes_back(self, work: Coroutine[Any, Any, None]) -> None:
        """See to its return; where that fails, the run cannot go on."""

        def over(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._host.fail(error)

        self._back = asyncio.get_running_loop().create_task(work)
        self._back.add_done_callback(over)

    async def _begin_again(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._body.start()
        self.note_start()
        self._host.away = ""

    def note_start(self) -> None:
        """It lives (again)."""
        host = self._host
        host.incarnation += 1
        host.world.advance()
        host.ledger.write(Restart, host.world.env.now, host.incarnation)

    async def _go_on(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._body.resume()
        self._host.away = ""

    async def revive(self) -> None:
        """Wait until it is back."""
        if self._back is not None:
            await asyncio.wait([self._back])

    def leave(self) -> None:
        """The run is over: what was to come back need not."""
        if self._back is not None and not self._back.done():
            self._back.cancel()
            self._body.resume()


def refuse_without_body(request: RunRequest, *, startable: bool) -> None:
    """A target that the run does not start cannot be killed by it."""
    struck = [fault.KIND for fault in request.setup.scenario.faults if fault.ON_TARGET]
    if struck and not startable:
        raise UsageError(
            f"the fault {struck[0]} is done to the target, and {request.target.target} is not started by the run",
            help="Name a target with `start` or `inprocess`.",
        )


def refuse_model_alone(target: TargetSpec) -> None:
    """A model has no body that could be reached."""
    if target.model is not None and target.start is None and target.inprocess is None and target.deliver is None:
        raise UsageError(f"target {target.target} is nothing but a model", help="Add --mode whatif.")
