"""What faults do to the middleware itself: it dies and comes back, stands still for a while, or has company."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from pilotplant.drive.host import Host
from pilotplant.faults.second_instance import SecondInstance
from pilotplant.ledger.records import Crash, Restart
from pilotplant.model.errors import UsageError
from pilotplant.model.script import Join, Kill, Step, Suspend
from pilotplant.run.request import RunRequest
from pilotplant.target.model import TargetSpec

_RESTARTING = "the target is being restarted"
INSTANCE = "PILOTPLANT_INSTANCE"
"""Tells a target which of several instances it is, in runs in which there may be several."""


class Body(Protocol):
    """A middleware that the run has started, live or in this process."""

    @property
    def ended(self) -> str:
        """Why it ended by itself; empty while it lives."""
        ...

    async def kill(self) -> None:
        """End it at once; when this is over, it is dead."""
        ...

    async def start(self) -> None:
        """Let it live (again)."""
        ...

    async def stop(self) -> None:
        """End it kindly."""
        ...

    def suspend(self) -> None:
        """Let it stand still."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...


class Instance(NamedTuple):
    """A body, and where events reach it: an address for each entry of `deliver`."""

    body: Body
    urls: Sequence[str]


class Mortal:
    """Strikes a middleware and sees to it that it comes back. While it is away or has company, nothing new is done to
    it."""

    def __init__(
        self, first: Instance, host: Host, *, another: Callable[[], Instance], clear: Callable[[], None]
    ) -> None:
        self.instances = [first]
        """Those that run; the first is the one that is killed or suspended."""
        self._host = host
        self._another = another
        self._clear = clear
        self._numbers = [0]
        """Which start of the target each of them is."""
        self._back: asyncio.Task[None] | None = None
        host.strike = self.strike

    @property
    def _body(self) -> Body:
        return self.instances[0].body

    @property
    def busy(self) -> bool:
        """Whether it is away or has company: one thing at a time is done to it."""
        return bool(self._host.away) or len(self.instances) > 1

    async def strike(self, step: Step, bite: Callable[[], None]) -> None:
        """Perform a step that a fault has put in. Where it cannot be done now, the fault has not bitten."""
        if self.busy:
            return
        bite()
        match step:
            case Kill(restart_after_s=restart_after_s, cold=cold):
                self._host.away = _RESTARTING
                await self._body.kill()
                if cold:
                    self._clear()
                why = "killed by a fault, and its files are gone" if cold else "killed by a fault"
                self.note_death(why, restart_after_s, cold)
            case Suspend(for_s=for_s):
                self._host.away = "the target stands still"
                self._body.suspend()
                self._comes_back(self._go_on(for_s))
            case Join(for_s=for_s, leaves=leaves):
                self.instances.append(self._another())
                self._comes_back(self._share(for_s, leaves))

    def note_death(self, why: str, restart_after_s: float, cold: bool = False) -> None:
        """It was killed, and is to be started again later."""
        self._host.away = _RESTARTING
        self._note_end(0, why)
        self._comes_back(self._begin_again(restart_after_s, cold))

    def note_start(self) -> None:
        """It lives (again)."""
        self._note_start(0)

    def died(self) -> str:
        """Why an instance ended by itself; empty while all live."""
        return next((each.body.ended for each in self.instances if each.body.ended), "")

    async def stop(self) -> None:
        """End all that run."""
        for each in self.instances:
            await each.body.stop()

    def _comes_back(self, work: Coroutine[Any, Any, None]) -> None:
        """See to its return; where that fails, the run cannot go on."""

        def over(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._host.fail(error)

        self._back = asyncio.get_running_loop().create_task(work)
        self._back.add_done_callback(over)

    async def _begin_again(self, after_s: float, cold: bool) -> None:
        await asyncio.sleep(after_s)
        await self._body.start()
        self.note_start()
        self._host.away = ""
        if cold:
            self._host.deliver_again()

    async def _go_on(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._body.resume()
        self._host.away = ""

    async def _share(self, for_s: float, leaves: str) -> None:
        """Two at once for a while; then one of them is asked to end, and seen to have ended."""
        await self.instances[1].body.start()
        self._numbers.append(0)
        self._note_start(1)
        self._readdress(self.instances)
        await asyncio.sleep(for_s)
        if self.died():
            return  # the run ends with that: it is not to be taken for the one that was asked to leave
        leaver = 0 if leaves == "first" else 1
        self._readdress([self.instances[1 - leaver]])
        await self.instances[leaver].body.stop()
        self._note_end(leaver, "it was asked to end, and another instance goes on")
        del self.instances[leaver], self._numbers[leaver]

    def _readdress(self, instances: list[Instance]) -> None:
        self._host.readdress([each.urls for each in instances])

    def _note_start(self, which: int) -> None:
        host = self._host
        host.incarnation += 1
        self._numbers[which] = host.incarnation
        host.world.advance()
        host.ledger.write(Restart, host.world.env.now, host.incarnation)

    def _note_end(self, which: int, why: str) -> None:
        host = self._host
        host.world.advance()
        host.ledger.write(Crash, host.world.env.now, self._numbers[which], why)

    async def revive(self) -> None:
        """Wait until it is back, and alone."""
        if self._back is not None:
            await asyncio.wait([self._back])

    def leave(self) -> None:
        """The run is over: what was to come back need not."""
        if self._back is not None and not self._back.done():
            self._back.cancel()
            for each in self.instances:
                each.body.resume()


def has_company(request: RunRequest) -> bool:
    """Whether several instances of the target may run at once."""
    return any(isinstance(fault, SecondInstance) for fault in request.setup.scenario.faults)


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
    if target.model is not None and target.start is None and target.inprocess is None and not target.deliveries:
        raise UsageError(f"target {target.target} is nothing but a model", help="Add --mode whatif.")
