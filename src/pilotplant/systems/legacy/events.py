"""What the ERP that goes tells the world."""

from pilotplant.model.operation import Event, event, fact


@event("legacy.cutover.begun", keys=("cutover", "plant"), effect=fact("cutover", "plant"))
class CutoverBegun(Event, frozen=True, kw_only=True, gc=False):
    """The weekend has come: this plant is to be moved. Said once for each plant."""

    cutover: str
    plant: str


@event("legacy.plant.released", keys=("plant",), effect=fact("plant"))
class PlantReleased(Event, frozen=True, kw_only=True, gc=False):
    """This ERP is in charge of the plant no more."""

    plant: str
