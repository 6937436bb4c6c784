"""What contracts may take for granted of the suppliers' portal."""

from typing import cast

from pilotplant.systems.provider_states import Given, Values, provider_state
from pilotplant.systems.supplier.answers import answer_notice, change_notice
from pilotplant.systems.supplier.shipments import send_asn
from pilotplant.systems.supplier.state import OpenOrder

ITEM, PO, CHANGE, ASN = "ITM-CONTRACT", "PO-CONTRACT", "ECO-CONTRACT", "ASN-CONTRACT"
_DAY_S = 86_400.0


@provider_state("an approved source", lets=("supplier.drawing.share", "supplier.schedule.publish"))
def approved_source(given: Given, *, item: str = ITEM, supplier: str = "") -> Values:
    """The supplier may deliver the item."""
    supplier = supplier or next(iter(given.estate.dataset.suppliers))
    given.keep_item(item, made=False, plants=tuple(given.estate.spec.plants))
    cast(dict[tuple[str, str], str], given.state.sources).setdefault((item, supplier), f"{supplier}-{item}")
    return {"supplier": supplier}


@provider_state("an order that a supplier has", lets=("supplier.po.change_notice", "supplier.po.list"))
def known_order(
    given: Given, *, po: str = PO, plant: str = "", item: str = ITEM, supplier: str = "", quantity: float = 100.0
) -> Values:
    """A purchase order of which part was shipped."""
    plant = given.plants_or(plant)
    told = approved_source(given, item=item, supplier=supplier) or {}
    supplier = str(told["supplier"])
    if po not in given.state.orders:
        part, unit = given.state.sources[item, supplier], given.estate.dataset.plant_items[plant, item].unit
        order = OpenOrder(po, plant, supplier, item, part, unit, quantity, quantity / 4, _DAY_S)
        given.state.orders[po] = order
    return {**told, "plant": plant}


@provider_state("a notice that was given", lets=("supplier.po.change_notice again",))
def noticed(
    given: Given, *, po: str = PO, change: str = CHANGE, item: str = ITEM, plant: str = "", superseded_by: str = ""
) -> Values:
    """The supplier was told of a change, and has not answered yet."""
    told = known_order(given, po=po, plant=plant, item=item)
    given.apply(change_notice, po=po, change=change, item=given.state.orders[po].item, superseded_by=superseded_by)
    return told


@provider_state("a notice that was acknowledged", lets=("supplier.po.acknowledged",))
def acknowledged(given: Given, *, po: str = PO, change: str = CHANGE, item: str = ITEM, plant: str = "") -> Values:
    """The supplier was told of a change, and accepts it."""
    return _answered(given, po, change, item, plant, "accepted")


@provider_state("a notice that was rejected", lets=("supplier.po.rejected",))
def rejected(given: Given, *, po: str = PO, change: str = CHANGE, item: str = ITEM, plant: str = "") -> Values:
    """The supplier was told of a change, and does not accept it."""
    return _answered(given, po, change, item, plant, "rejected")


@provider_state("goods that were announced", lets=("supplier.asn.sent",))
def announced(given: Given, *, asn: str = ASN, po: str = PO, plant: str = "", item: str = ITEM) -> Values:
    """Part of an order was shipped and announced."""
    told = known_order(given, po=po, plant=plant, item=item)
    given.apply(send_asn, asn=asn, lines=[{"po": po, "quantity": 10.0, "lot": "B-1"}])
    return told


def _answered(given: Given, po: str, change: str, item: str, plant: str, answer: str) -> Values:
    told = known_order(given, po=po, plant=plant, item=item)
    given.apply(change_notice, po=po, change=change, item=given.state.orders[po].item)
    reason = "the goods are made" if answer == "rejected" else ""
    given.apply(answer_notice, po=po, change=change, answer=answer, reason=reason)
    return told
