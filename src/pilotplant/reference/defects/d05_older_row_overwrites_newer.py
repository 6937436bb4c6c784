"""Sends the shop floor every change of an item as it comes in; of two that overtake each other, the older stands."""

from dataclasses import replace

from pilotplant.reference.flows.plant_data import PlantData
from pilotplant.reference.messages import ItemChanged
from pilotplant.reference.parts import Parts

NUMBER = 5
NAME = "stale version overwrites newer"
CHECK = "sequencing"
SCENARIO = "master-data-drift"


class AsTheyCome(PlantData):
    """Takes the last that it heard for the last that happened."""

    def take(self, changed: ItemChanged, traceparent: str) -> None:
        self.renew(changed.plant, changed.item, changed, traceparent)


PARTS = replace(Parts(), flows=(AsTheyCome,))
