"""What contracts may take for granted of the exception desk."""

from pilotplant.systems.desk.operations import raise_exception, resolve_exception
from pilotplant.systems.provider_states import Given, Values, provider_state


@provider_state(
    "an open exception", lets=("desk.exception.list", "desk.exception.resolve", "desk.exception.raise again")
)
def open_exception(
    given: Given,
    *,
    subject: str = "ECO-CONTRACT",
    plant: str = "",
    flow: str = "engineering-change",
    reason: str = "contract",
) -> Values:
    """Somebody raised an exception about the subject, and nobody resolved it."""
    plant = given.plants_or(plant)
    about = {"flow": flow, "subject": subject, "plant": plant, "owner": "engineering", "reason": reason}
    raised = given.apply(raise_exception, **about)
    return {"plant": plant, "exception": raised.result.exception if raised else ""}


@provider_state("a resolved exception", lets=("desk.exception.resolved",))
def resolved_exception(
    given: Given, *, subject: str = "ECO-CONTRACT", plant: str = "", flow: str = "engineering-change"
) -> Values:
    """An exception about the subject was raised and resolved."""
    told = open_exception(given, subject=subject, plant=plant, flow=flow)
    number = given.state.open[given.plants_or(plant), subject, "contract"]
    given.apply(resolve_exception, exception=number, resolution="mended")
    return told
