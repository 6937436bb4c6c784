"""Brings assemblies into ERP before the components that the same change affects: from the top down, as one reads a
structure. ERP asks only that the plant knows a component, not in which revision."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from pilotplant.reference.lanes import Key
from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.transfer import GoOn, Transfer
from tests.different.built import Transport, built


class ParentsFirst(Transfer):
    """Has a component wait until the assemblies that use it, of the same change at the same plant, are active."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._under_way: dict[Key, dict[str, asyncio.Event]] = {}
        """By scope and item: set when the item is active, or will not be."""

    async def carry_out(self, scope: Scope, item: ScopeItem, go_on: GoOn) -> bytes:
        """Make the item active, after its parents."""
        others = self._under_way.setdefault(scope.key, {})
        mine = others[item.item] = asyncio.Event()
        try:
            for parent in await self._parents(scope, item):
                await others[parent].wait()
            return await super().carry_out(scope, item, go_on)
        finally:
            mine.set()

    async def _parents(self, scope: Scope, item: ScopeItem) -> list[str]:
        """Which other items of the scope that are under way use the item."""
        using = []
        for other in scope.items:
            definition = await self._definition(other, scope.traceparent)
            if definition and any(line.component == item.item for line in definition[0].lines):
                using.append(other.item)
        # All items of an attempt begin at the same moment; while the definitions were read, all of them have.
        return [parent for parent in using if parent in self._under_way[scope.key]]


def create(environment: Mapping[str, str], work: Path, transport: Transport = None) -> Starlette:
    """The reference, from the top down."""
    return built(environment, work, transport, replace(Parts(), transfer=ParentsFirst))
