"""What the desk tells the world."""

from pilotplant.model.operation import Event, event, fact


@event("desk.exception.resolved", keys=("exception",), effect=fact("exception"))
class ExceptionResolved(Event, frozen=True, kw_only=True, gc=False):
    """A person resolved an exception; the middleware may try again, or drop the matter."""

    exception: str
    flow: str
    plant: str
    subject: str
    resolution: str
