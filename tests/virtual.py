"""A small estate in this process, on a virtual clock."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from pilotplant.drive.inprocess.host import InProcessHost
from pilotplant.drive.inprocess.loop import VirtualLoop
from pilotplant.drive.inprocess.outside import Outside, kept_out
from pilotplant.drive.inprocess.running import run_virtually
from pilotplant.drive.inprocess.transport import transport
from pilotplant.exchange.authentication import credentials_for
from pilotplant.faults.fault import Fault
from pilotplant.faults.plan import FaultPlan
from pilotplant.ledger.records import Record
from tests.estates import EPOCH, SECRET, SPEC, Bench, R, bench


@dataclass
class Virtual:
    """What a test has at hand while the clock is virtual."""

    bench: Bench
    host: InProcessHost
    loop: VirtualLoop
    outside: Outside

    def client(self, timeout: httpx.Timeout | float | None = 5, **settings: Any) -> httpx.AsyncClient:
        """A client whose calls reach the estate."""
        into = transport(self.host.network, **settings)
        return httpx.AsyncClient(transport=into, base_url=self.host.url, timeout=timeout)

    def records(self, kind: type[R]) -> list[R]:
        """What was recorded so far, of one kind."""
        return self.bench.records(kind)


def virtually(
    directory: Path,
    story: Callable[[Virtual], Awaitable[None]],
    *,
    faults: Sequence[Fault] = (),
    seed: int = 1,
    **changed: Mapping[str, Any],
) -> None:
    """Tell a story with an estate; a simulator that fails fails the test."""
    loop = VirtualLoop(Random(seed))

    async def work() -> None:
        built = bench(directory, speed=1.0, seed=seed, **changed)
        draws = built.world.draws
        host = InProcessHost(
            built.estate,
            built.profiles,
            {name: credentials_for(name, built.profiles[kind], draws) for name, kind, _ in SPEC.instances()},
            FaultPlan(faults, draws),
            events_secret=SECRET,
            documents={},
            chance=Random(seed),
            outside=outside,
        )
        async with host:
            await story(Virtual(built, host, loop, outside))
            if host.failure is not None:
                raise host.failure

    with kept_out(loop, epoch=EPOCH, chance=Random(seed)) as outside:
        run_virtually(loop, work(), lambda: None)


__all__ = ["Record", "Virtual", "virtually"]
