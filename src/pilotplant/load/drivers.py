"""The processes that drive the sources: Locust, started behind a warden each, so that none outlives the harness.

Locust is never imported here: it replaces sockets and threads of the process that imports it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from pilotplant.load import planned_locustfile_path
from pilotplant.model.errors import UsageError, define
from pilotplant.model.verdict import Exit
from pilotplant.target import warden
from pilotplant.target.process import free_port

NO_MASTER = define(
    "PP-MASTER",
    "Nobody takes workers at the address that --worker names.",
    "Start `pilotplant load PROFILE --master HOST:PORT --expect N` there; is the port open between the machines?",
    Exit.UNREACHABLE,
)
CONTROL = "PILOTPLANT_CONTROL"
TOKEN = "PILOTPLANT_TOKEN"
_ASK_S = 0.5
USERS_PER_WORKER = 2
"""While one waits for the moments of its slice, the other claims the next."""


class Drivers(Protocol):
    """Whoever drives."""

    @property
    def expected(self) -> int:
        """How many drivers have to ask for work before the load begins."""
        ...

    @property
    def alive(self) -> bool:
        """Whether any of them can still do something."""
        ...

    @property
    def processes(self) -> Sequence[int]:
        """Their process ids, where they are ours: each leads a group."""
        ...

    async def start(self, estate_url: str) -> None:
        """Start them."""
        ...

    async def stop(self) -> None:
        """End them, and see them gone."""
        ...

    def ended(self) -> str:
        """Which of them ended before their time, in words; empty while all live."""
        ...

    def last_words(self) -> str:
        """What they said last."""
        ...


def refuse_without_locust() -> None:
    """Say how to get Locust where it is missing, before anything is started."""
    if find_spec("locust") is None:
        raise UsageError("load needs the package locust", help="pip install 'pilotplant[load]'")


class Locusts:
    """Locust on this machine: one process, or a master and `workers` processes; more workers may come from others."""

    def __init__(
        self, workers: int, directory: Path, *, token: str = "", master: tuple[str, int] | None = None, remote: int = 0
    ) -> None:
        self._workers = workers
        self._remote = remote
        self._directory = directory
        self._token = token
        self._master = master
        self._wardens: dict[str, asyncio.subprocess.Process] = {}
        self._ids: dict[str, int] = {}
        self._stopping = False

    @property
    def expected(self) -> int:
        return self._workers + self._remote

    @property
    def alive(self) -> bool:
        drives = [name for name in self._wardens if name != "master"]
        return bool(self._remote) or any(self._wardens[name].returncode is None for name in drives)

    @property
    def processes(self) -> Sequence[int]:
        return tuple(self._ids.values())

    async def start(self, estate_url: str) -> None:
        distributed = self.expected > 1 or self._remote > 0 or self._master is not None
        if not distributed:
            await self._launch("driver", estate_url, "--headless", *_users(1))
            return
        host, port = self._master or ("127.0.0.1", free_port())
        bind = ("--master", "--master-bind-host", host, "--master-bind-port", str(port))
        await self._launch(
            "master", estate_url, "--headless", *bind, "--expect-workers", str(self.expected), *_users(self.expected)
        )
        local = "127.0.0.1" if host in ("0.0.0.0", "*") else host
        for number in range(1, self._workers + 1):
            await self._launch(
                f"worker-{number}", estate_url, "--worker", "--master-host", local, "--master-port", str(port)
            )

    async def _launch(self, name: str, estate_url: str, *words: str) -> None:
        environment = {**os.environ, CONTROL: estate_url, TOKEN: self._token}
        command = [sys.executable, "-m", "locust", "-f", str(planned_locustfile_path()), "--host", estate_url]
        command += ["--only-summary", "--loglevel", "WARNING", *words]
        with (self._directory / "drivers.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-S",
                "-E",
                warden.__file__,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self._wardens[name] = process
        assert process.stdout is not None
        line = await process.stdout.readline()
        if line.strip().isdigit():
            self._ids[name] = int(line)

    async def stop(self) -> None:
        self._stopping = True
        for name, process in self._wardens.items():
            if process.returncode is None and name in self._ids:
                warden.signal_group(self._ids[name], signal.SIGTERM)
        for name, process in self._wardens.items():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await process.wait()
            if process.returncode is None:
                if name in self._ids:
                    warden.signal_group(self._ids[name], signal.SIGKILL)
                assert process.stdin is not None
                process.stdin.close()
                await process.wait()

    def ended(self) -> str:
        told = [
            f"load driver `{name}` ended by itself with exit code {process.returncode}"
            for name, process in self._wardens.items()
            if process.returncode is not None and not self._stopping
        ]
        return "; ".join(told)

    def last_words(self) -> str:
        try:
            lines = (self._directory / "drivers.log").read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return f"They said: {' | '.join(lines[-3:])[:500]}" if lines else "They said nothing; see drivers.log."


def _users(workers: int) -> tuple[str, ...]:
    users = str(workers * USERS_PER_WORKER)
    return ("--users", users, "--spawn-rate", users)


def address_of(text: str, option: str) -> tuple[str, int]:
    """`HOST:PORT`, read."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{option} {text!r} is not HOST:PORT; write it like 127.0.0.1:5557")
    return host, int(port)


def await_master(master: tuple[str, int], wait_s: float) -> None:
    """Wait until somebody listens there, and say so: Locust would wait without a word, and without an end."""
    refuse_without_locust()
    where, began = f"{master[0]}:{master[1]}", time.monotonic()
    waiting = False
    while True:
        try:
            socket.create_connection(master, timeout=_ASK_S).close()
        except OSError as error:
            if time.monotonic() - began >= wait_s:
                message = f"no master at {where} within {wait_s:g} s: {error.strerror or error}"
                raise UsageError(message, kind=NO_MASTER) from None
        else:
            return
        if not waiting:
            print(f"waiting for the master at {where}, for {wait_s:g} s at most", file=sys.stderr, flush=True)
        waiting = True
        time.sleep(_ASK_S)


def be_a_worker(master: tuple[str, int], token: str) -> int:
    """Work for a master on another machine, until it ends or Ctrl-C. It says where the estate is.

    Locust's own exit codes are no verdict: the master has that. Here only whether it worked to the end is known.
    """
    refuse_without_locust()
    host, port = master
    command = [sys.executable, "-m", "locust", "-f", str(planned_locustfile_path()), "--worker"]
    command += ["--master-host", host, "--master-port", str(port), "--loglevel", "WARNING"]
    guarded = [sys.executable, "-S", "-E", warden.__file__, *command]
    environment = {**os.environ, TOKEN: token}
    process = subprocess.Popen(guarded, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)
    try:
        code = process.wait()
    finally:  # whose input is closed, ends; also if this process is killed
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    if code:
        print(f"the worker ended with exit code {code}; the master knows what that leaves unknown", file=sys.stderr)
    return Exit.UNKNOWN if code else Exit.PASS
