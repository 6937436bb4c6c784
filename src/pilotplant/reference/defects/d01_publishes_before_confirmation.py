"""Publishes work instructions while ERP still activates the version: the confirmation comes anyway, so why wait."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

from pilotplant.reference.activations import Activations
from pilotplant.reference.calls import CallFailed
from pilotplant.reference.client import SystemClient
from pilotplant.reference.mapping import Mapping as Translation
from pilotplant.reference.messages import ActivateVersion
from pilotplant.reference.parts import Parts
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.together import Stopped
from pilotplant.reference.transfer import GoOn, Transfer

NUMBER = 1
NAME = "publishes before confirmation"
CHECK = "sequencing"
SCENARIO = "ambiguous-timeouts"

log = logging.getLogger("pilotplant.reference")


class ActivatesInTheBackground(Transfer):
    """Starts the activation and goes on."""

    def __init__(
        self,
        plm: SystemClient,
        erp: Mapping[str, SystemClient],
        retry: RetryPolicy,
        mapping: Translation,
        activations: Activations,
    ) -> None:
        super().__init__(plm, erp, retry, mapping, activations)
        self._under_way: set[asyncio.Task[None]] = set()

    async def activate(self, erp: SystemClient, wish: ActivateVersion, trace: str, go_on: GoOn) -> None:
        task = asyncio.create_task(self._activate(erp, wish, trace, go_on))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _activate(self, erp: SystemClient, wish: ActivateVersion, trace: str, go_on: GoOn) -> None:
        try:
            await super().activate(erp, wish, trace, go_on)
        except (CallFailed, Stopped) as failed:
            log.warning("the activation of %s %s failed: %s", wish.item, wish.revision, failed)


PARTS = replace(Parts(), transfer=ActivatesInTheBackground)
