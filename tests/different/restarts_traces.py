"""Begins a trace of its own with every call: its tracing library knows nothing of what came with the event."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from starlette.applications import Starlette

from pilotplant.reference.parts import Parts
from pilotplant.reference.traces import Traces
from tests.different.built import Transport, built


class OwnTraces(Traces):
    """A trace per call."""

    def onward(self, traceparent: str) -> str:
        """The header of a call, whatever has caused it."""
        return super().onward("")


def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
    """The reference, restarting traceparents."""
    return built(environment, work, transport, replace(Parts(), traces=OwnTraces))
