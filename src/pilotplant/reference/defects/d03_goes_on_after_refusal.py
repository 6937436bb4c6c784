"""Logs a refusal of ERP and goes on with the next step: one item that fails should not stop a whole change."""

import logging
from dataclasses import replace
from typing import TypeVar

import msgspec

from pilotplant.reference.calls import Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.messages import ActivateVersion
from pilotplant.reference.parts import Parts
from pilotplant.reference.transfer import GoOn, Transfer

NUMBER = 3
NAME = "continues after a definite refusal"
CHECK = "sequencing"
SCENARIO = "erp-rejects"

T = TypeVar("T")
log = logging.getLogger("pilotplant.reference")


class GoesOn(Transfer):
    """Carries out as many steps as it can."""

    async def activate(self, erp: SystemClient, wish: ActivateVersion, trace: str, go_on: GoOn) -> None:
        try:
            await super().activate(erp, wish, trace, go_on)
        except Refusal as refusal:
            log.warning("%s %s was not activated: %s", wish.item, wish.revision, refusal)

    async def _write(
        self,
        client: SystemClient,
        method: str,
        path: str,
        body: msgspec.Struct,
        returns: type[T],
        trace: str,
        go_on: GoOn,
    ) -> T:
        try:
            return await super()._write(client, method, path, body, returns, trace, go_on)
        except Refusal as refusal:
            if returns is not msgspec.Raw:
                raise
            log.warning("%s %s was refused: %s", method, path, refusal)
            return returns()  # pyright: ignore[reportReturnType]


PARTS = replace(Parts(), transfer=GoesOn)
