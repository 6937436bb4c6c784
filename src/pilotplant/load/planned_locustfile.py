"""What Locust runs for `pilotplant load`: users that carry out the plan that the estate hands out in slices.

Each user claims a slice, waits for each moment in it, and lets happen what is due. Moments are the estate's; how they
stand to this machine's clock is measured with every claim, by the shortest of the last ways there and back.
"""

import os
import socket
import time
from collections import deque

import gevent
from locust import constant, task

from pilotplant.load.swarm import Source

TOGETHER_S = 0.01
"""What is due so close together is told to the estate in one request."""
IDLE_S = 0.05
RETRIES = 3
_PROCESS = f"{socket.gethostname()}-{os.getpid()}"


class Planned(Source):
    """One of those who carry out the plan."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Connect, and begin to learn how the clocks stand."""
        super().on_start()
        self._failed = 0
        self._ways: deque[tuple[float, float]] = deque(maxlen=32)

    @task
    def carry_out_a_slice(self) -> None:
        """Claim, wait, tell."""
        asked = time.perf_counter()
        try:
            claim = self.estate.ask("POST", "/load/claim", {"driver": _PROCESS})
        except Exception:  # Locust notes it and comes again at once
            self._failed = min(self._failed + 1, 5)
            gevent.sleep(IDLE_S * 2**self._failed)
            raise
        self._failed = 0
        answered = time.perf_counter()
        self._ways.append((answered - asked, claim["now_s"] - (asked + answered) / 2))
        offset_s = min(self._ways)[1]
        due: list[tuple[int, float]] = claim["occurrences"]
        if not due:
            gevent.sleep(1.0 if claim["over"] else IDLE_S)
            return
        position = 0
        while position < len(due):
            until_s = max(due[position][1], time.perf_counter() + offset_s) + TOGETHER_S
            end = position + 1
            while end < len(due) and due[end][1] <= until_s:
                end += 1
            wait_s = due[end - 1][1] - (time.perf_counter() + offset_s)
            if wait_s > 0:  # nothing happens before its moment; the first of those together waits for the last
                gevent.sleep(wait_s)
            self._tell([number for number, _moment in due[position:end]])
            told_s = time.perf_counter() + offset_s
            for _number, moment in due[position:end]:
                self.report("ARRIVAL", "told after its moment", max(0.0, 1000 * (told_s - moment)))
            position = end

    def _tell(self, numbers: list[int]) -> None:
        for attempt in range(RETRIES):
            try:
                self.estate.ask("POST", "/load/fire", {"occurrences": numbers})
            except OSError:
                if attempt == RETRIES - 1:
                    raise
                gevent.sleep(0.05)
            else:
                return
