"""The processes of a campaign: started afresh, ended with it however it ends, gone when it is gone."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from threading import Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pilotplant.model.errors import InternalError
from pilotplant.model.signals import ENDING, undisturbed

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends a campaign as Ctrl-C does. Only the main thread may ask for signals."""
    before = signal.getsignal(signal.SIGTERM)
    _at_sigterm(signal.default_int_handler)
    try:
        yield
    finally:
        _at_sigterm(before)


def _at_sigterm(handler: Any) -> None:
    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, handler)


def _nothing() -> None:
    """What a process that has just begun can do."""


class _Pool(ProcessPoolExecutor):
    """Processes that can be ended in the middle of a run."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(_ended_when_told, partial(fn, *args, **kwargs))


def _ended_when_told(work: Callable[[], T]) -> T:
    """A run turns SIGTERM into an interruption, to clean up. Then the process has to end too: nobody will tell it
    again."""
    try:
        return work()
    except KeyboardInterrupt:
        os._exit(1)


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """So many processes to run things in."""
    os.environ.setdefault("PYTHONHASHSEED", "0")  # so that whoever walks a set of texts does so alike in all of them
    others = {child.pid for child in active_children()}
    with _terminated_like_interrupted():
        pool = _Pool(jobs, get_context("spawn"), initializer=_begin)
        try:
            with undisturbed():
                for _ in range(jobs):
                    pool.submit(_nothing)  # one is started for each, as long as none is idle
            yield pool
        except BaseException as error:
            # Whoever ends a whole group of processes sends it twice; the second must not end the clean-up.
            _at_sigterm(signal.SIG_IGN)
            for child in active_children():
                if child.pid not in others:
                    child.kill()  # its targets end with it; kindly, it might be held up in the middle of something
            if isinstance(error, BrokenProcessPool):
                message = "a process that ran a scenario ended by itself"
                raise InternalError(message, help="Does the middleware end the process that it is in?") from error
            raise
        finally:
            with suppress(RuntimeError):  # where it was interrupted before it had begun
                pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In each process: Ctrl-C is for the first process, which ends the others; and none outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    sys.unraisablehook = _end_if_swallowed
    Thread(target=_end_with_parent, daemon=True).start()


def _end_if_swallowed(unraisable: "UnraisableHookArgs") -> None:
    """An interruption that reaches a callback of the garbage collector is lost: it ends the process all the same."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        os._exit(1)
    sys.__unraisablehook__(unraisable)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
