"""For files that Locust runs: users that let the sources of an estate do something, and our figures in its statistics.

This module imports Locust, which replaces sockets and threads of the whole process. Only Locust may import it; a test
sees to it that the engine does not.

    from pilotplant.load.swarm import Source

    class ShopFloor(Source):
        wait_time = constant_throughput(1)

        @task
        def finish_an_order(self):
            self.stimulus("mes.order.complete")

Locust's own numbers say how long it took to *tell* the estate. The rows of type FLOW are ours: from the moment at
which something was to happen until the last system had taken the effect, read from the estate.
"""

import json
import os
import time
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

import gevent
from locust import User, events
from locust.env import Environment
from locust.runners import WorkerRunner

BASE = "/_pilotplant"
FIGURES_EVERY_S = 0.5
TIMEOUT_S = 10.0


class Estate:
    """The control interface of an estate that is up: one connection that is kept, one request at a time."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is not the address of an estate; `pilotplant up` prints it (give it as --host)")
        self._address = (parts.hostname, parts.port or 80)
        self._headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        self._connection: HTTPConnection | None = None

    def ask(self, method: str, path: str, content: object = None) -> Any:
        """One request; sent once more if the connection that was kept had ended meanwhile."""
        body = json.dumps(content).encode() if content is not None else None
        for fresh in (self._connection is None, True):
            if self._connection is None:
                self._connection = HTTPConnection(*self._address, timeout=TIMEOUT_S)
            try:
                self._connection.request(method, BASE + path, body, self._headers)
                answer = self._connection.getresponse()
                said = answer.read()
            except (OSError, HTTPException):
                self.close()
                if fresh:
                    raise
                continue
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path} was answered with {answer.status}: {said[:200].decode()}")
            return json.loads(said)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def estate_of(environment: Environment) -> Estate:
    """The estate that Locust's --host names, or the environment."""
    url = environment.host or os.environ.get("PILOTPLANT_CONTROL", "")
    return Estate(url, os.environ.get("PILOTPLANT_TOKEN", ""))


class Source(User):
    """Somebody who lets a system of record do something."""

    abstract = True

    def on_start(self) -> None:
        """Connect."""
        self.estate = estate_of(self.environment)

    def on_stop(self) -> None:
        """Let go."""
        self.estate.close()

    def stimulus(self, name: str, **parameters: object) -> None:
        """Let this stimulus happen now; what it is called and takes: `pilotplant list stimuli`."""
        began = time.perf_counter()
        failure: Exception | None = None
        try:
            self.estate.ask("POST", "/stimuli", {"do": name, "with": parameters})
        except (OSError, HTTPException, RuntimeError) as error:
            failure = error
        self.report("STIMULUS", name, 1000 * (time.perf_counter() - began), failure)

    def report(self, kind: str, name: str, took_ms: float, failure: Exception | None = None) -> None:
        """A row of Locust's statistics."""
        fired: Any = self.environment.events.request
        fired.fire(
            request_type=kind, name=name, response_time=took_ms, response_length=0, exception=failure, context={}
        )


def _watch(environment: Environment) -> None:
    """Take our figures over into Locust's statistics until Locust ends."""
    estate, number = estate_of(environment), 0
    fired: Any = environment.events.request
    while True:
        try:
            told = estate.ask("GET", f"/flows?after={number}")
        except (OSError, HTTPException, RuntimeError, ValueError):
            gevent.sleep(2 * FIGURES_EVERY_S)
            continue
        for flow, took_ms in told["done"]:
            fired.fire(
                request_type="FLOW", name=flow, response_time=took_ms, response_length=0, exception=None, context={}
            )
        number = told["finished"]
        gevent.sleep(FIGURES_EVERY_S)


def _on_start(environment: Environment, **_: object) -> None:
    """One process takes our figures over: the only one, or the first worker; else they would count twice."""
    runner = environment.runner
    if getattr(runner, "watching_flows", None) is not None:
        return
    first = not isinstance(runner, WorkerRunner) or runner.worker_index == 0
    if first and type(runner).__name__ != "MasterRunner":
        runner.watching_flows = gevent.spawn(_watch, environment)  # type: ignore[union-attr]


started: Any = events.test_start
started.add_listener(_on_start)
