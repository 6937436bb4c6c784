"""`pilotplant` in processes of their own that need not import everything anew: forked from one that has.

Imports cost half a second for every command, and the tests give hundreds of them. The process that is forked has
imported what commands need, and nothing else has happened in it; the child goes on as `python -m pilotplant` would.
"""

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

POSSIBLE = hasattr(os, "fork")
_ROOT = Path(__file__).parents[2]
_NEEDED = ("pilotplant.run.running", "pilotplant.reporting.html")
_SERVING = "from tests.integration.warm import serve; serve()"


def run(
    words: Sequence[str | bytes], folder: Path, environment: Mapping[str, str], limit_s: float
) -> "subprocess.CompletedProcess[bytes]":
    """Run `pilotplant` with these words and wait for it."""
    with TemporaryDirectory(prefix="pilotplant-said-") as said:
        out, err = Path(said, "out"), Path(said, "err")
        told = [os.fsdecode(word) for word in words]
        code = _ask([told, str(folder), dict(environment), str(out), str(err)], limit_s)
        return subprocess.CompletedProcess(told, code, out.read_bytes(), err.read_bytes())


def _ask(asked: list[Any], limit_s: float) -> int:
    warm = _warm()
    assert warm.stdin is not None and warm.stdout is not None
    warm.stdin.write(json.dumps(asked).encode() + b"\n")
    warm.stdin.flush()
    begun, _, _ = select.select([warm.stdout], [], [], limit_s)
    if not begun:
        _end(warm)
        raise subprocess.TimeoutExpired(asked[0], limit_s)
    return int(warm.stdout.readline())


@cache
def _warm() -> "subprocess.Popen[bytes]":
    """One for every process that runs tests; it ends when that one does, since nobody asks any more."""
    command = [sys.executable, "-c", _SERVING]
    pipe = subprocess.PIPE
    warm = subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, start_new_session=True)
    atexit.register(warm.communicate)
    return warm


def _end(warm: "subprocess.Popen[bytes]") -> None:
    """With what hangs in it; the next command gets a new one."""
    _warm.cache_clear()
    os.killpg(warm.pid, signal.SIGKILL)
    warm.wait()


def serve() -> None:
    """Fork for everything that is asked, and say how it ended."""
    for name in _NEEDED:
        import_module(name)
    with redirect_stdout(StringIO()), suppress(SystemExit):
        sys.argv = ["pilotplant", "explain", "latency"]
        _main()
    gc.freeze()
    for line in sys.stdin.buffer:
        child = os.fork()
        if not child:
            _become(*json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(words: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> NoReturn:
    """Be the command: with its folder, environment and streams."""
    for descriptor, (path, flags) in enumerate(((os.devnull, os.O_RDONLY), (out, _WRITTEN), (err, _WRITTEN))):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["pilotplant", *words]
    sys.path.remove("")  # a command does not import from where it is called
    _main()
    sys.exit()


def _main() -> None:
    from pilotplant.cli.main import main

    main()


_WRITTEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
