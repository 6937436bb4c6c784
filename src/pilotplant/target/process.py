"""A target that is started by a command: a process of its own, watched by a warden, ended with everything it
started."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx

from pilotplant.model.errors import TargetError
from pilotplant.target import warden
from pilotplant.target.model import Start
from pilotplant.target.words import filled

_LOOK_EVERY_S = 0.02
_SECRET_ENDS = ("SECRET", "KEY", "PASSWORD", "TOKEN", "CREDENTIALS", "PASSPHRASE")
_SECRET_MIN = 6
"""What is shorter, in the words of a target file, is no secret: nothing would be left of the log."""
_SIGNALS = {"TERM": signal.SIGTERM, "INT": signal.SIGINT, "KILL": signal.SIGKILL}


def free_port() -> int:
    """A port that was free a moment ago, for a target that has to be told its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class TargetProcess:
    """The middleware as a child process."""

    def __init__(
        self,
        start: Start,
        placeholders: Mapping[str, str],
        environment: Mapping[str, str],
        *,
        folder: Path,
        log: Path,
        secrets: Iterable[str] = (),
    ) -> None:
        self._start = start
        self._fill = placeholders
        self._environment = environment
        self._directory = folder / filled(start.directory, placeholders)
        self._log = log
        names = [*environment.items(), *(own for own in start.environment.items() if len(own[1]) >= _SECRET_MIN)]
        told = {value for name, value in names if name.upper().endswith(_SECRET_ENDS)}
        self._secrets = tuple(sorted(filter(None, {*told, *secrets}), key=lambda each: (-len(each), each)))
        """The longest first: one may be a part of another."""
        self._warden: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.process_id = 0

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        if not self._directory.is_dir():
            raise TargetError(f"the target cannot be started in {self._directory}: there is no such folder")
        command = [self._filled(part) for part in self._start.command]
        own = {name: self._filled(value) for name, value in self._start.environment.items()}
        with self._log.open("ab") as log:
            self._warden = await asyncio.create_subprocess_exec(
                sys.executable,
                "-S",
                "-E",
                warden.__file__,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=self._directory,
                env={**os.environ, **self._environment, **own},
                start_new_session=True,
            )
        assert self._warden.stdout is not None
        line = await self._warden.stdout.readline()
        if not line.strip().isdigit():
            raise TargetError(f"the target did not start: {self._last_words()}")
        self.process_id = int(line)
        if self._start.ready is not None:
            await self._until_ready(self._filled(self._start.ready.url), self._start.ready.within)

    async def stop(self) -> None:
        """End it, kindly first, and see it gone."""
        process = self._warden
        if process is None:
            return
        self._stopping = True
        try:
            await self._end(process)
            self._warden = None
        finally:
            self._blot()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        if self.process_id:
            self.resume()  # one that stands still would not heed the signal
            warden.signal_group(self.process_id, _SIGNALS[self._start.stop.signal])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._start.stop.within):
                    await process.wait()
            warden.signal_group(self.process_id, signal.SIGKILL)
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()

    async def kill(self) -> None:
        """End it as a power failure would, and see it dead."""
        process = self._warden
        try:
            if process is not None and self.process_id:
                warden.signal_group(self.process_id, signal.SIGKILL)
                await process.wait()
            self._warden = None
        finally:
            self._blot()

    def suspend(self) -> None:
        """Let it stand still."""
        warden.signal_group(self.process_id, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        warden.signal_group(self.process_id, signal.SIGCONT)

    def _blot(self) -> None:
        """A target may print what it was told; the log must not keep it."""
        try:
            said = self._log.read_bytes()
            clean = said
            for secret in self._secrets:
                clean = clean.replace(secret.encode(), b"***")
            if clean != said:
                self._log.write_bytes(clean)
        except OSError:
            return

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._warden is not None and self._warden.returncode is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, or nothing while it runs."""
        return self._warden.returncode if self._warden is not None else None

    @property
    def ended(self) -> str:
        """Why it ended by itself; empty while it lives, and when it was asked to end."""
        if self.exit_code is None or self._stopping:
            return ""
        return f"the target ended by itself with exit code {self.exit_code}"

    def _filled(self, text: str) -> str:
        return filled(text, self._fill)

    async def _until_ready(self, url: str, within_s: float) -> None:
        reason = "no answer"
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            try:
                async with asyncio.timeout(within_s):
                    while True:
                        if self.exit_code is not None:
                            raise TargetError(f"the target ended with {self.exit_code}: {self._last_words()}")
                        try:
                            answer = await client.get(url)
                        except (httpx.HTTPError, httpx.InvalidURL) as error:
                            reason = type(error).__name__
                        else:
                            if answer.status_code < 400:
                                return
                            reason = f"status {answer.status_code}"
                        await asyncio.sleep(_LOOK_EVERY_S)
            except TimeoutError:
                said = self._last_words()
                raise TargetError(f"the target was not ready within {within_s:g} s ({url}: {reason}); {said}") from None

    def _last_words(self) -> str:
        try:
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        said = " | ".join(lines[-3:])[:600]
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return f"it said: {said}" if lines else "it said nothing"
