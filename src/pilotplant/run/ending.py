"""Runs asynchronous work such that Ctrl-C and SIGTERM end it alike: cancelled, cleaned up, and the caller told."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from threading import current_thread, main_thread
from typing import Any


def run_until_ended(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, on uvloop where there is one; after a signal and the clean-up `KeyboardInterrupt` is raised."""
    before = signal.getsignal(signal.SIGTERM)
    with _runner() as runner:
        terminated = False

        async def watched() -> None:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert task is not None

            def end() -> None:
                nonlocal terminated
                terminated = True
                task.cancel()

            # Not every platform has this, and only the main thread may ask for signals.
            with suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(signal.SIGTERM, end)
            try:
                await work
            finally:
                with suppress(NotImplementedError, ValueError, RuntimeError):
                    loop.remove_signal_handler(signal.SIGTERM)
                    signal.signal(signal.SIGTERM, before)

        try:
            runner.run(watched())
        except asyncio.CancelledError:
            if terminated:
                raise KeyboardInterrupt from None
            raise


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM interrupts what is done here as Ctrl-C does. Only the main thread may ask for signals."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
