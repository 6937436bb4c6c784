"""Runs work on a virtual loop to its end; Ctrl-C and SIGTERM end it as they would a live run."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from pilotplant.drive.inprocess.loop import VirtualLoop


def run_virtually(
    loop: VirtualLoop,
    work: Coroutine[Any, Any, None],
    afterwards: Callable[[], None],
    on_exit: Callable[[SystemExit], None] | None = None,
) -> None:
    """Run to the end, and do what is to be done afterwards; after a signal `KeyboardInterrupt` is raised.

    Where something in it wants to end the process, `on_exit` is told, and the run goes on.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with suppress(ValueError):  # only the main thread may ask for signals
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    task = loop.create_task(work)
    try:
        _run(loop, task, on_exit)
    except KeyboardInterrupt:
        task.cancel()
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        raise
    finally:
        for number, handler in before.items():
            with suppress(ValueError, TypeError):
                signal.signal(number, handler)
        afterwards()
        loop.close()


def _run(loop: VirtualLoop, task: "asyncio.Task[None]", on_exit: Callable[[SystemExit], None] | None) -> None:
    while True:
        try:
            loop.run_until_complete(task)
        except SystemExit as error:
            if on_exit is None or task.done():
                raise
            on_exit(error)
        else:
            return
