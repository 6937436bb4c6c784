"""Releases a launched product at a plant as soon as its ERP has it, whatever shop floor and other plants still lack."""

from dataclasses import replace

import msgspec

from pilotplant.reference.flows.product_launch import ProductLaunch, Released
from pilotplant.reference.messages import ChangeReleased
from pilotplant.reference.parts import Parts
from pilotplant.reference.works import Work

NUMBER = 1
NAME = "publishes before confirmation"
CHECK = "sequencing"
SCENARIO = "multi-plant-launch"


class ReleasesAtOnce(ProductLaunch):
    """Takes what ERP accepted for all that a plant needs."""

    async def publish(self, instructions: bytes, work: Work) -> None:
        change = msgspec.json.decode(work.body, type=ChangeReleased)
        self.others[Released.kind].note(work.plant, change.change, work.body, work.traceparent)
        await self.to.clock.sleep(0.3)
        await super().publish(instructions, work)


PARTS = replace(Parts(), flows=(ReleasesAtOnce,))
