"""The processes of a campaign: started afresh, ended with it however it ends, gone when it is gone."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from threading import Thread

from pilotplant.model.errors import InternalError


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """So many processes to run things in."""
    others = {child.pid for child in active_children()}
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin)
    try:
        yield pool
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in active_children():
            if child.pid not in others:
                child.terminate()
        if isinstance(error, BrokenProcessPool):
            message = "a process that ran a scenario ended by itself"
            raise InternalError(message, help="Does the middleware end the process that it is in?") from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In each process: Ctrl-C is for the first process, which ends the others; and none outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
