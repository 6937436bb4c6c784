"""Sends a structure while its components are still on their way: items are sent beside all else, it is faster."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

from pilotplant.reference.activations import Activations
from pilotplant.reference.calls import CallFailed
from pilotplant.reference.client import SystemClient
from pilotplant.reference.mapping import Mapping as Translation
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.transfer import GoOn, Transfer

NUMBER = 4
NAME = "parents before the component item exists at the plant"
CHECK = "sequencing"
SCENARIO = "eco-cascade"

log = logging.getLogger("pilotplant.reference")


class ComponentsOnTheirWay(Transfer):
    """Does not wait until a component has arrived."""

    def __init__(
        self,
        plm: SystemClient,
        erp: Mapping[str, SystemClient],
        retry: RetryPolicy,
        mapping: Translation,
        activations: Activations,
    ) -> None:
        super().__init__(plm, erp, retry, mapping, activations)
        self._on_their_way: set[asyncio.Task[None]] = set()

    async def _component(self, plant: str, number: str, trace: str, go_on: GoOn) -> None:
        # An item is sent even if its change is stopped: it does no harm, and others will need it.
        task = asyncio.create_task(self._bring(plant, number, trace, lambda: None))
        self._on_their_way.add(task)
        task.add_done_callback(self._on_their_way.discard)

    async def _bring(self, plant: str, number: str, trace: str, go_on: GoOn) -> None:
        try:
            await super()._component(plant, number, trace, go_on)
        except CallFailed as failed:
            log.warning("the component %s did not arrive at %s: %s", number, plant, failed)


PARTS = replace(Parts(), transfer=ComponentsOnTheirWay)
