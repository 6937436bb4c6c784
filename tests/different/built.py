"""The reference with other parts: middlewares that differ from it in one policy, or in a few."""

import secrets
from collections.abc import Mapping
from pathlib import Path

import httpx
from starlette.applications import Starlette

from pilotplant.reference.app import create_app
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.connections import Connections
from pilotplant.reference.parts import Parts
from pilotplant.reference.settings import from_environment

Transport = httpx.AsyncBaseTransport | None


def built(environment: Mapping[str, str], work: Path, transport: Transport, parts: Parts) -> Starlette:
    """The middleware that these parts make."""
    return create_app(
        from_environment(environment),
        clock=SystemClock(),
        transport=transport,
        database=work / "middleware.sqlite",
        chance=secrets.SystemRandom(),
        parts=parts,
    )


def connections(environment: Mapping[str, str], transport: Transport, parts: Parts | None = None) -> Connections:
    """Connections to all systems, for policies that speak to one that the reference's own policy does not."""
    settings = from_environment(environment)
    return Connections(settings, SystemClock(), transport, secrets.SystemRandom(), parts or Parts())
