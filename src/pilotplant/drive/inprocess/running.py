"""Runs work on a virtual loop to its end; Ctrl-C and SIGTERM end it as they would a live run."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from pilotplant.drive.inprocess.loop import VirtualLoop


def run_virtually(loop: VirtualLoop, work: Coroutine[Any, Any, None], afterwards: Callable[[], None]) -> None:
    """Run to the end, and do what is to be done afterwards; after a signal `KeyboardInterrupt` is raised."""
    before = signal.getsignal(signal.SIGTERM)
    with suppress(ValueError):  # only the main thread may ask for signals
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    task = loop.create_task(work)
    try:
        loop.run_until_complete(task)
    except KeyboardInterrupt:
        task.cancel()
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        raise
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGTERM, before)
        afterwards()
        loop.close()
