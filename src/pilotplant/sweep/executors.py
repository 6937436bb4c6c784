"""Who makes the runs: processes of this computer, or the workers of a Dask cluster; both as an `Executor`."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pilotplant.explore.processes import processes
from pilotplant.model.errors import TargetError, UsageError

CONNECT_S = 5.0


@dataclass(frozen=True)
class Crew:
    """An executor, and how many runs it makes at a time."""

    executor: Executor
    jobs: int


@contextmanager
def crew(jobs: int, dask: str = "") -> Iterator[Crew]:
    """So many processes, or the cluster at an address."""
    if not dask:
        with processes(jobs) as pool:
            yield Crew(pool, jobs)
        return
    with _client(dask) as client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise TargetError(f"the Dask scheduler at {dask} has no workers", help="Start one: dask worker ADDRESS")
        executor: Any = client.get_executor(pure=False)
        yield Crew(executor, workers)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--dask needs the package distributed", help="pip install 'pilotplant[dask]'") from None
    try:
        connect: Any = Client
        client = connect(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise TargetError(
            f"there is no Dask scheduler at {address}: {reason}",
            help="Is it running? The address is like tcp://host:8786.",
        ) from None
    try:
        yield client
    finally:
        client.close()
