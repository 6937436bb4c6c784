"""Waits for an answer as long as it takes: the HTTP client's default was no time-out, and nobody set one."""

from dataclasses import replace

import httpx

from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import Clock
from pilotplant.reference.limiter import Limiter
from pilotplant.reference.parts import Parts
from pilotplant.reference.tokens import TokenKeeper
from pilotplant.reference.traces import Traces

NUMBER = 39
NAME = "no time-out"
CHECK = "manners"
SCENARIO = "held-answers"


class WaitsForEver(SystemClient):
    """Trusts that every answer comes."""

    def __init__(
        self,
        url: str,
        *,
        http: httpx.AsyncClient,
        tokens: TokenKeeper,
        limiter: Limiter,
        traces: Traces,
        clock: Clock,
        timeout_s: float | None,
    ) -> None:
        super().__init__(url, http=http, tokens=tokens, limiter=limiter, traces=traces, clock=clock, timeout_s=None)


PARTS = replace(Parts(), client=WaitsForEver)
