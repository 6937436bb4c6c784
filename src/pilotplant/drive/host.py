"""An estate that can be reached: its doors, its clock, its channels. A driver says by what way."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pilotplant.channels.cloudevents import outgoing
from pilotplant.channels.files import FileDrop
from pilotplant.channels.forms import AS_IT_IS, Form
from pilotplant.channels.poster import Posts
from pilotplant.channels.signing import OurSignature, Signer
from pilotplant.channels.webhook import Webhook
from pilotplant.dialects.rest import Rest
from pilotplant.drive.front import TOKEN_PATH, Front
from pilotplant.exchange.authentication import Credentials
from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.fault import Fault
from pilotplant.faults.plan import FaultPlan
from pilotplant.kernel.pacer import Pacer
from pilotplant.ledger.records import FaultArmed, FaultLifted, Heal
from pilotplant.model.script import Step, Striking
from pilotplant.systems.estate import Estate, said_of
from pilotplant.systems.system import Published, System


class Host(ABC):
    """`async with host:` the estate is up; afterwards no port, task or file is left open."""

    def __init__(
        self,
        estate: Estate,
        profiles: Mapping[str, ProfileSpec],
        credentials: Mapping[str, Credentials],
        faults: FaultPlan,
        *,
        events_secret: str,
        documents: Mapping[str, bytes],
    ) -> None:
        self.estate = estate
        self.world = estate.world
        self.ledger = next(iter(estate)).ledger
        self.faults = faults
        self.credentials = credentials
        self.events_secret = events_secret
        self.webhooks: list[Webhook] = []
        self.drops: dict[str, FileDrop] = {}
        """By system, the folders of those that tell by files."""
        self.failure: BaseException | None = None
        self.gone = ""
        """What of the estate has ended by itself, if anything has: then the run proves little."""
        self.failed = asyncio.Event()
        self.healed = asyncio.Event()
        self.incarnation = 0
        self.strike: Striking = _nobody_to_strike
        """Set by whoever started the target: kills or suspends it."""
        self.away = ""
        """Why the target cannot be expected to do anything just now, if it cannot."""
        self.busy = ""
        """What the target says of itself that it is busy with, if it can be asked."""
        self.notes: list[str] = []
        """What was noticed while the target was served, for the result."""
        self.unread = ""
        """Why what the target gives up cannot be read just now, if it cannot."""
        self.nudge: Callable[[], Awaitable[None]] = _nothing
        """Lets the target do now what it would do later; called when all is healed."""
        self.look_again: Callable[[], Awaitable[None]] = _nothing
        """Reads once more where the target gives up; called when all seems at rest."""
        self.boundaries = {
            system.name: Boundary(
                system,
                said_of(system.name, system.kind.name, profiles),
                credentials[system.name],
                Rest(system.operations),
                faults,
                self.fail,
            )
            for system in estate
        }
        self.front = Front(self.boundaries, world=self.world, hold=self._hold, strike=self._struck, documents=documents)
        self._pacer: Pacer | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The base address of the estate."""

    @abstractmethod
    def _poster(self, tls: ssl.SSLContext | None = None) -> Posts:
        """What posts events to the target; with `tls`, over connections of this kind."""

    def _begins(self) -> float | None:
        """The moment of the loop's clock from which wire time counts; now, if nobody says."""
        return None

    async def _before_end(self) -> None:
        """What a driver has to end while clock and ledger still stand."""

    async def __aenter__(self) -> Self:
        self._pacer = Pacer(self.world, self.fail, self._begins())
        for label in self.faults.armed:
            self.ledger.write(FaultArmed, self.world.env.now, label)
        for system in self.estate:
            system.listeners.append(self._route)
        self._pacer.arm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for webhook in self.webhooks:
            await webhook.close()
        for drop in self.drops.values():
            await drop.close()
        await self._before_end()
        if self._pacer is not None:
            self._pacer.stop()
        self.ledger.close()

    def system_url(self, system: System) -> str:
        """The base address of a system."""
        return f"{self.url}/{system.name.replace('@', '/')}"

    def token_url(self, system: System) -> str:
        """Where tokens of a system are issued."""
        return self.system_url(system) + TOKEN_PATH

    def subscribe(
        self,
        url: str,
        accepts: Callable[[str], bool],
        *,
        form: Form = AS_IT_IS,
        signer: Signer | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Deliver events to this URL from now on, in the form and signed in the way that its owner wants."""
        webhook = Webhook(
            url,
            signer or OurSignature(self.events_secret),
            poster=self._poster(tls),
            world=self.world,
            ledger=self.ledger,
            faults=self.faults,
            hold=self._hold,
            strike=self._struck,
            accepts=accepts,
            form=form,
            keeps=any(fault.empties for fault in self.faults.faults),
        )
        self.webhooks.append(webhook)

    def deliver_again(self) -> None:
        """The target has lost everything: what it had acknowledged goes out once more."""
        for webhook in self.webhooks:
            webhook.send_again()
        for drop in self.drops.values():
            drop.send_again()

    def readdress(self, instances: Sequence[Sequence[str]]) -> None:
        """Another number of instances of the target, each with an address per webhook: each event goes to one."""
        for webhook, urls in zip(self.webhooks, zip(*instances, strict=True), strict=True):
            webhook.urls = list(urls)

    def begin(self) -> None:
        """Let the plants work. Only now, so that no event is stated before those whom it concerns are listening."""
        self.world.advance()
        self.faults.origin_s = self.world.env.now
        self.estate.start()

    def heal(self) -> None:
        """Lift all faults: nothing strikes any more, and what was held is let go."""
        self.faults.healed = True
        self.world.advance()
        self.ledger.write(Heal, self.world.env.now)
        self.healed.set()
        for drop in self.drops.values():
            drop.flush()  # the plants have stopped: no night comes any more

    def arm(self, fault: Fault) -> str:
        """Put one more fault in place, now; returns its label."""
        self.world.advance()
        label = self.faults.arm(fault)
        self.ledger.write(FaultArmed, self.world.env.now, label)
        return label

    def lift(self, label: str) -> bool:
        """Lift one fault while the others stay; whether it was armed."""
        self.world.advance()
        armed = self.faults.lift(label)
        if armed:
            self.ledger.write(FaultLifted, self.world.env.now, label)
        return armed

    @property
    def processes(self) -> Mapping[str, int]:
        """Further processes that belong to the estate: by system, their ids."""
        return {}

    @property
    def can_strike(self) -> bool:
        """Whether there is a target that faults can be done to."""
        return self.strike is not _nobody_to_strike

    @property
    def open_exchanges(self) -> int:
        """Requests that are being answered."""
        return sum(boundary.open_exchanges for boundary in self.boundaries.values())

    @property
    def undelivered(self) -> int:
        """Events that were stated and not acknowledged by everyone."""
        in_files = sum(drop.pending for drop in self.drops.values())
        return in_files + sum(webhook.pending for webhook in self.webhooks)

    @property
    def longest_retry_gap_s(self) -> float:
        """The longest pause that the target made before it tried something again that had failed."""
        return max(boundary.patience.longest_retry_gap_s for boundary in self.boundaries.values())

    @property
    def told_to_wait_s(self) -> float:
        """How long the target still has to wait, as some answer asked it to."""
        until_s = max(boundary.patience.told_to_wait_until_s for boundary in self.boundaries.values())
        if until_s > self.world.env.now:
            self.world.advance()
        return max(0.0, until_s - self.world.env.now)

    def drop_into(self, folder: Path, *, lasts: bool = False) -> None:
        """Let the systems that tell by files drop them below this folder, each into one of its own. `lasts`: it is not
        the run's own, and there may be files of earlier runs."""
        for name, boundary in self.boundaries.items():
            if boundary.profile.channel == "file":
                self.drops[name] = FileDrop(
                    boundary.system,
                    boundary.profile.files,
                    folder / name.replace("@", "-"),
                    world=self.world,
                    ledger=self.ledger,
                    faults=self.faults,
                    hold=self._hold,
                    strike=self._struck,
                    fail=self.fail,
                    keeps=any(fault.empties for fault in self.faults.faults),
                    lasts=lasts,
                )

    def _route(self, published: Published) -> None:
        if self.boundaries[published.system.name].profile.channel != "webhook":
            if drop := self.drops.get(published.system.name):
                drop.send(outgoing(published, self.world))
            return  # of the others, whoever wants to know looks for itself
        webhooks = [webhook for webhook in self.webhooks if webhook.accepts(published.type.name)]
        if webhooks:
            sent = outgoing(published, self.world)
            for webhook in webhooks:
                webhook.send(sent)

    async def _hold(self, until: float) -> None:
        """Wait until a wire moment of the run, or until all is healed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - self.world.env.now)):
                await self.healed.wait()

    async def _struck(self, step: Step, bite: Callable[[], None]) -> None:
        performed = False

        def bitten() -> None:
            nonlocal performed
            performed = True
            bite()

        await self.strike(step, bitten)
        if not performed:
            self.faults.not_performed(step.fault)
        self.world.advance()

    def fail(self, error: BaseException) -> None:
        """Something broke in the harness: the run cannot go on."""
        if self.failure is None:
            self.failure = error
            self.failed.set()


async def _nothing() -> None:
    """There is nothing to do."""


async def _nobody_to_strike(_step: Step, _bite: Callable[[], None]) -> None:
    raise AssertionError("a fault on the target needs a target that the run has started")
