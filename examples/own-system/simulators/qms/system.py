"""A small quality management system: it wants an inspection lot for everything that a plant has finished."""

from random import Random
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, Event, Replica, effect_id, event, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.stimuli import Act, Serves, StimulusParameters, stimulus

# --- state ------------------------------------------------------------------------------------------------------------


class InspectionLot(msgspec.Struct):
    """What an inspector has to look at."""

    plant: str
    confirmation: str
    item: str
    quantity: float
    decision: str = ""


class Qms:
    """The inspection lots of all plants."""

    def __init__(self, plants: tuple[str, ...]) -> None:
        self.plants = frozenset(plants)
        self.lots: dict[tuple[str, str], InspectionLot] = {}


def build(dataset: Any, plants: tuple[str, ...], parameters: Any) -> Qms:
    """The QMS at the start of a run."""
    del dataset, parameters
    return Qms(plants)


# --- events -----------------------------------------------------------------------------------------------------------


@event("qms.lot.decided", keys=("plant", "confirmation"), effect=fact("plant", "confirmation"))
class LotDecided(Event, frozen=True, kw_only=True, gc=False):
    """An inspector has decided."""

    plant: str
    confirmation: str
    decision: str


# --- operations -------------------------------------------------------------------------------------------------------


@problem("qms-unknown-plant", 422, "The QMS does not know this plant")
class QmsUnknownPlant(Rejection, frozen=True, kw_only=True, gc=False):
    """Nobody inspects there."""


@problem("qms-no-lot", 404, "No such inspection lot")
class NoLot(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing was opened for this confirmation."""


class OpenLot(Command, frozen=True, kw_only=True):
    """What was finished."""

    plant: str
    confirmation: str
    item: str
    quantity: float


class LotKey(Command, frozen=True, kw_only=True):
    """Which inspection lot."""

    plant: str
    confirmation: str


@operation(
    "qms.lot.open",
    rest="POST /inspection-lots",
    keys=("plant", "confirmation"),
    effect=fact("plant", "confirmation"),
    returns=InspectionLot,
    rejects=(QmsUnknownPlant,),
)
def open_lot(qms: Qms, cmd: OpenLot, now: Instant) -> Outcome:
    """Open an inspection lot. What is open already is not opened again."""
    if cmd.plant not in qms.plants:
        return Refused(QmsUnknownPlant(detail=cmd.plant))
    lot = InspectionLot(cmd.plant, cmd.confirmation, cmd.item, cmd.quantity)
    qms.lots[cmd.plant, cmd.confirmation] = lot
    return Committed(lot)


@operation(
    "qms.lot.get",
    rest="GET /plants/{plant}/inspection-lots/{confirmation}",
    keys=("plant", "confirmation"),
    returns=InspectionLot,
    rejects=(NoLot,),
)
def get_lot(qms: Qms, query: LotKey, now: Instant) -> Outcome:
    """Read an inspection lot."""
    lot = qms.lots.get((query.plant, query.confirmation))
    if lot is None:
        return Refused(NoLot())
    return Found(lot, ((effect_id("qms.lot.open", (query.plant, query.confirmation)), 0),))


# --- what it should hold ----------------------------------------------------------------------------------------------


class Inspected(msgspec.Struct, frozen=True):
    """What is compared."""

    item: str
    quantity: float


def _intended(estate: Any, keys: tuple[str, ...]) -> OpenLot | None:
    plant, confirmation = keys
    mes = estate.serving("mes", plant)
    done = mes.state.confirmed.get(confirmation) if mes else None
    return OpenLot(plant=plant, confirmation=confirmation, item=done.item, quantity=done.good) if done else None


def _held(qms: Qms, keys: tuple[str, ...]) -> OpenLot | None:
    lot = qms.lots.get((keys[0], keys[1]))
    return (
        OpenLot(plant=lot.plant, confirmation=lot.confirmation, item=lot.item, quantity=lot.quantity) if lot else None
    )


LOTS = Replica("qms.lot.open", _intended, _held, lambda _qms, cmd: Inspected(cmd.item, cmd.quantity))


# --- behaviour --------------------------------------------------------------------------------------------------------


class Parameters(BaseModel):
    """What a profile can set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Behaviour:
    """The inspectors."""

    SERVES: ClassVar[Serves] = "estate"

    def __init__(self, system: Any) -> None:
        self._system = system

    def start(self) -> None:
        """They wait until a scenario asks for them."""

    def start_job(self, job: Any) -> None:
        """There are no jobs."""
        raise AssertionError(f"a QMS has no jobs, got {job!r}")

    @stimulus("qms.lot.decide")
    def _decide(self, parameters: StimulusParameters, chance: Random) -> list[Act]:
        """An inspector decides on the oldest lot."""
        del parameters
        for lot in self._system.state.lots.values():
            if not lot.decision:
                lot.decision = chance.choice(("accepted", "rejected"))
                self._system.publish(LotDecided(plant=lot.plant, confirmation=lot.confirmation, decision=lot.decision))
                break
        return []
