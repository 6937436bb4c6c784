"""Progress on stderr: a bar on a terminal, plain lines in CI."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from pilotplant.run.request import Progress

LINE_EVERY_S = 5.0
"""Where there is no bar, a phase that lasts says how far it is so often."""


class Watcher:
    """Shows how far a run is."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title = title
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._phase = ""
        self._said_at_s = 0.0

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            self._bar = Bars(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Take note of progress."""
        if self._bar is not None:
            total = progress.total or None
            told = f"{self._title}: {progress.phase}" + (f", {progress.detail}" if progress.detail else "")
            self._bar.update(self._task, description=told, completed=progress.done, total=total)
        elif not self._quiet and progress.phase != self._phase:
            print(f"{self._title}: {progress.phase}", file=sys.stderr, flush=True)
            self._said_at_s = time.monotonic()
        elif not self._quiet and progress.detail and time.monotonic() - self._said_at_s >= LINE_EVERY_S:
            print(f"{self._title}: {progress.done} of {progress.total}, {progress.detail}", file=sys.stderr, flush=True)
            self._said_at_s = time.monotonic()
        self._phase = progress.phase
