"""What the ERP that comes tells the world."""

from pilotplant.model.operation import Event, event, fact


@event("cloud.plant.taken_over", keys=("plant",), effect=fact("plant"))
class PlantTakenOver(Event, frozen=True, kw_only=True, gc=False):
    """This ERP is in charge of the plant from now on."""

    plant: str
