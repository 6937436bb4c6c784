"""Asks the Pact library, in a process of its own, whether a provider keeps a pact."""

import asyncio
import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from types import TracebackType
from typing import Self

import msgspec

from pilotplant.conformance.pact_process import Found, Job
from pilotplant.model.errors import InternalError, UsageError

_ANSWER_MAX = 64 * 1024 * 1024
_COMMAND = ("-m", "pilotplant.conformance.pact_process")


def require_pact() -> None:
    """Say what to install where the library is missing."""
    if find_spec("pact") is None:
        raise UsageError("pacts need the package pact-python", help="pip install 'pilotplant[contracts]'")


class PactJudge:
    """`async with PactJudge() as judge:` keeps one process for all questions, and ends it."""

    async def __aenter__(self) -> Self:
        require_pact()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_ANSWER_MAX,
            start_new_session=os.name == "posix",  # Ctrl-C is for us, and we end it
        )
        self._said: list[bytes] = []
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._listening

    async def ask(self, job: Job) -> Found:
        """Verify one pact."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(msgspec.json.encode(job) + b"\n")
        try:
            await stdin.drain()
            line = await stdout.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line:
            last = b"".join(self._said).decode(errors="replace").strip().rpartition("\n")[2]
            raise InternalError(f"the Pact library ended by itself: {last or 'it said nothing'}")
        return msgspec.json.decode(line, type=Found)

    async def _listen(self) -> None:
        """What the library writes to its standard error is kept for the case that it dies, and shown to nobody else."""
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._said = [*self._said[-20:], line]
