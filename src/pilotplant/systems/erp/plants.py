"""What holds at a plant: its calendar, its units, and what its ERP takes. For whoever has to translate."""

import msgspec

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, operation
from pilotplant.model.outcome import Found, Outcome, Refused
from pilotplant.systems.erp.problems import UnknownPlant
from pilotplant.systems.erp.state import Erp
from pilotplant.systems.rules import rules_of


class NamePlant(Command, frozen=True, kw_only=True):
    """Which plant."""

    plant: str


class PlantUnit(msgspec.Struct, frozen=True):
    """The unit in which a plant keeps bought items that engineering has in `base_unit`: `per_base` of them are one."""

    base_unit: str
    unit: str
    per_base: float


class PlantView(msgspec.Struct, frozen=True):
    """A plant as its ERP describes it."""

    plant: str
    time_zone: str
    currency: str
    decimal_comma: bool
    units: list[PlantUnit]
    owners: dict[str, str]
    changes: list[str]
    order_revision: str
    effectivities: list[str]
    overlap: str
    gap: str
    use_up: str


@operation("erp.plant.get", rest="GET /plants/{plant}", keys=("plant",), returns=PlantView, rejects=(UnknownPlant,))
def get_plant(erp: Erp, query: NamePlant, now: Instant) -> Outcome:
    """Read what holds at a plant."""
    if query.plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{query.plant} is not served by this ERP"))
    place, rules = erp.dataset.plants[query.plant], rules_of(erp.rules, query.plant)
    view = PlantView(
        plant=place.code,
        time_zone=place.time_zone,
        currency=place.currency,
        decimal_comma=place.decimal_comma,
        units=[PlantUnit(base, rule.unit, rule.per_base) for base, rule in rules.units.items()],
        owners=dict(rules.owners),
        changes=list(rules.changes),
        order_revision=rules.order_revision,
        effectivities=list(erp.effectivities),
        overlap=erp.overlap,
        gap=erp.gap,
        use_up=erp.use_up,
    )
    return Found(view, ())
