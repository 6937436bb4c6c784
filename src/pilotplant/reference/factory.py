"""The middleware as a target's factory makes it: from an environment, with the clock and the chance of the system."""

import secrets
from collections.abc import Mapping
from pathlib import Path

import httpx
from starlette.applications import Starlette

from pilotplant.reference.app import create_app
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.defects import planted
from pilotplant.reference.settings import from_environment


def create(environment: Mapping[str, str], work: Path, transport: httpx.AsyncBaseTransport | None = None) -> Starlette:
    """Put it together, with the defect that the environment names, if any; `work` is where its database is kept."""
    return create_app(
        from_environment(environment),
        clock=SystemClock(),
        transport=transport,
        database=work / "reference.sqlite",
        chance=secrets.SystemRandom(),
        parts=planted(environment),
    )
