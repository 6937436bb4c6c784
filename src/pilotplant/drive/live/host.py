"""A live estate: simulators on a real port, a pacer on the real clock, events going out. Used by `up` and by `run`."""

import asyncio
import gc
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from starlette.types import ASGIApp

from pilotplant.channels.poster import Poster
from pilotplant.channels.webhook import CONNECTIONS_MAX
from pilotplant.drive.host import Host
from pilotplant.drive.live.application import Application
from pilotplant.drive.live.door import Sign
from pilotplant.drive.live.doors import END_S, Door
from pilotplant.drive.live.wire import Server
from pilotplant.exchange.authentication import Credentials
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.plan import FaultPlan
from pilotplant.model.errors import LedgerError, UsageError
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import System

FLUSH_S = 0.1


class LiveHost(Host):
    """Listens on a port of its own or on one that was chosen."""

    def __init__(
        self,
        estate: Estate,
        profiles: Mapping[str, ProfileSpec],
        credentials: Mapping[str, Credentials],
        faults: FaultPlan,
        *,
        events_secret: str,
        documents: Mapping[str, bytes],
        elsewhere: ASGIApp,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        public_url: str = "",
        began: float | None = None,
    ) -> None:
        super().__init__(estate, profiles, credentials, faults, events_secret=events_secret, documents=documents)
        self._began = began
        """The moment of the monotonic clock from which wire time counts, if not that in which the host begins."""
        self.doors: dict[str, Door] = {}
        self._sign: Callable[[System, float], Sign] | None = None
        application = Application(self.front, elsewhere=elsewhere, incarnation=lambda: self.incarnation)
        self.address = address
        self._server = Server(application, address, port, tls=tls)
        self._scheme = "http" if tls is None else "https"
        self._public_url = public_url
        self._flushing: asyncio.Task[None] | None = None
        self._gc_threshold: tuple[int, int, int] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._server.__aenter__()
        except OSError as error:
            where = f"{self.address}:{self._server.port}"
            raise UsageError(f"cannot listen on {where}: {error.strerror}", help="Choose another --port.") from None
        await super().__aenter__()
        await self._open_doors()
        self._flushing = asyncio.create_task(self._flush())
        self._gc_threshold = gc.get_threshold()
        gc.collect()
        gc.freeze()  # the data of the estate live as long as it does: looking at them again costs latency
        gc.set_threshold(50_000, 50, 1000)
        return self

    def _begins(self) -> float | None:
        return self._began

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
        await super().__aexit__(kind, error, trace)
        if self._gc_threshold is not None:
            gc.unfreeze()
            gc.set_threshold(*self._gc_threshold)

    async def _open_doors(self) -> None:
        try:
            for system in self.estate:
                if self._sign is not None and self._pacer is not None:
                    sign = self._sign(system, self._pacer.start)
                    self.doors[system.name].start(sign, self._pacer, self.fail, self._lost)
            for door in self.doors.values():
                await door.until_open()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise

    def _lost(self, what: str) -> None:
        self.gone = self.gone or what
        self.notes.append(what)

    async def _before_end(self) -> None:
        for door in self.doors.values():
            door.ask_to_end()
        deadline = asyncio.get_running_loop().time() + END_S
        for door in self.doors.values():
            await door.until_ended(deadline)
        await self._server.__aexit__(None, None, None)

    def reach_by_doors(self, sign: Callable[[System, float], Sign]) -> None:
        """Let each system be reached in a process of its own, which knows what `sign` says at its start."""
        self._sign = sign
        self.doors = {name: Door(each.system, each.profile) for name, each in self.boundaries.items()}
        entrances: dict[str, Any] = dict(self.doors)
        self.boundaries = entrances

    @property
    def port(self) -> int:
        """The port that the estate listens on."""
        return self._server.port

    @property
    def processes(self) -> Mapping[str, int]:
        return {name: door.process_id for name, door in self.doors.items() if door.process_id}

    @property
    def url(self) -> str:
        if self._public_url:
            return self._public_url.replace("{port}", str(self.port))
        return f"{self._scheme}://{self._at(self.port)}"

    def system_url(self, system: System) -> str:
        """The base address of a system: that of its door, where it has one."""
        door = self.doors.get(system.name)
        base = f"{self._scheme}://{self._at(door.port)}" if door is not None else self.url
        return f"{base}/{system.name.replace('@', '/')}"

    def _at(self, port: int) -> str:
        return f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"

    def _poster(self, tls: ssl.SSLContext | None = None) -> Poster:
        return Poster(connections_max=CONNECTIONS_MAX, tls=tls)

    async def _flush(self) -> None:
        try:
            while True:
                await asyncio.sleep(FLUSH_S)
                self.ledger.flush()
        except OSError as error:  # the disk is full: without a ledger there is no verdict
            self.fail(LedgerError(f"the ledger cannot be written: {error.strerror}"))
