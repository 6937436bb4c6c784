"""Transfers work instructions to MES as soon as PLM releases them, staged, and makes them executable after ERP."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
from starlette.applications import Starlette

from pilotplant.reference.messages import PublishRouting
from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.transfer import GoOn, Transfer
from tests.different.built import Transport, built, connections


def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
    """The reference, staging early."""
    mes = connections(environment, transport).mes

    class StagesEarly(Transfer):
        """Stages before it even begins with ERP."""

        async def carry_out(self, scope: Scope, item: ScopeItem, go_on: GoOn) -> bytes:
            """Stage the instructions, then make the item active."""
            definition = await self._definition(item, scope.traceparent)
            if definition is not None:
                staged = PublishRouting(scope.plant, item.item, item.revision, definition[1].steps, "staged", "")
                at = mes[scope.plant]
                await self._write(at, "PUT", "/work-instructions", staged, msgspec.Raw, scope.traceparent, go_on)
            return await super().carry_out(scope, item, go_on)

    return built(environment, work, transport, replace(Parts(), transfer=StagesEarly))
