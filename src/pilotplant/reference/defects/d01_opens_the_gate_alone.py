"""Releases each plant of a launch by itself, although the launch is to begin at all plants together."""

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


class EachPlantAlone(ProductLaunch):
    """Has never heard of a gate."""

    def open_gate(self, change: ChangeReleased, work: Work) -> None:
        self.others[Released.kind].note(work.plant, change.change, msgspec.json.encode(change), work.traceparent)


PARTS = replace(Parts(), flows=(EachPlantAlone,))
