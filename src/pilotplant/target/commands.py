"""A command that a hook calls: run to its end, whatever it leaves running behind it."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pilotplant.target.warden import signal_group

SAID_MAX = 1024 * 1024


async def run_command(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, bytes]:
    """Its exit code and what it said. It ends when the command does: what that started in the background may go on, as
    a target that is started so has to. Whoever stops waiting ends them all."""
    with tempfile.TemporaryFile() as said:  # not a pipe: it would stay open as long as anybody in the background lives
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                signal_group(process.pid, signal.SIGKILL)
                await process.wait()
        said.seek(0)
        return code, said.read(SAID_MAX)
