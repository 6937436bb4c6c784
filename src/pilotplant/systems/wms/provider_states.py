"""What contracts may take for granted of the WMS of a site."""

from pilotplant.systems.provider_states import Given, StateError, Values, provider_state
from pilotplant.systems.wms.dispositions import set_disposition
from pilotplant.systems.wms.receipts import confirm_receipt, expect_receipt
from pilotplant.systems.wms.stock import count_stock, move_stock

ITEM, ASN, LOT = "ITM-CONTRACT", "ASN-CONTRACT", "LOT-1"


@provider_state("an item of the site", lets=("wms.disposition.set",))
def item_of_site(given: Given, *, plant: str = "", item: str = ITEM) -> Values:
    """The site knows the item."""
    plant = given.plants_or(plant)
    given.keep_item(item, made=False, plants=(plant,))
    return {"plant": plant, "unit": given.state.unit(item)}


@provider_state("items of the site", lets=("wms.receipt.expect",))
def items_of_site(given: Given, *, plant: str = "", items: tuple[str, ...] = (ITEM,)) -> None:
    """The site knows these items."""
    for item in items:
        item_of_site(given, plant=plant, item=item)


@provider_state("an expected receipt", lets=("wms.receipt.get",))
def expected_receipt(
    given: Given, *, plant: str = "", asn: str = ASN, item: str = ITEM, quantity: float = 12.0, version: int = 1
) -> Values:
    """Goods are expected against a supplier's announcement."""
    told = item_of_site(given, plant=plant, item=item)
    line = {"item": item, "quantity": quantity, "unit": given.state.unit(item), "lot": LOT, "po": "PO-CONTRACT"}
    given.apply(expect_receipt, plant=given.plants_or(plant), asn=asn, lines=[line], version=version, supplier="SUP-1")
    return told


@provider_state("a confirmed receipt", lets=("wms.receipt.confirmed",))
def confirmed_receipt(given: Given, *, plant: str = "", asn: str = ASN, item: str = ITEM) -> Values:
    """What was expected has come, and was counted."""
    told = expected_receipt(given, plant=plant, asn=asn, item=item)
    given.apply(confirm_receipt, asn=asn)
    return told


@provider_state("no such expected receipt", lets=("wms.receipt.get!unknown-receipt",))
def no_receipt(given: Given, *, plant: str = "", asn: str = "ASN-NOWHERE") -> None:
    """Nothing is expected under this number."""
    given.plants_or(plant)
    if asn in given.state.expected:
        raise StateError(f"a receipt is expected for {asn}: name another")


@provider_state("a rule for older stock", lets=("wms.disposition.get",))
def rule(given: Given, *, plant: str = "", item: str = ITEM, revision: str = "B") -> Values:
    """Stock of older revisions of the item is quarantined."""
    told = item_of_site(given, plant=plant, item=item)
    key = {"plant": given.plants_or(plant), "item": item, "revision": revision}
    given.apply(set_disposition, **key, disposition="quarantine")
    return told


@provider_state("stock in a bin", lets=("wms.stock.query",))
def stock(given: Given, *, plant: str = "", item: str = ITEM, lot: str = LOT, quantity: float = 10.0) -> Values:
    """So much of the item lies in a bin."""
    told = item_of_site(given, plant=plant, item=item)
    here = given.state.racks[0].code
    given.state.put(here, item, lot, quantity)
    return {**(told or {}), "bin": here}


@provider_state("stock that was moved", lets=("wms.stock.moved",))
def moved(given: Given, *, plant: str = "", item: str = ITEM, lot: str = LOT, quantity: float = 4.0) -> Values:
    """Somebody carried part of it to another bin."""
    told = stock(given, plant=plant, item=item, lot=lot, quantity=quantity * 2)
    first, second, *_others = (place.code for place in given.state.racks)
    what = {"plant": given.plants_or(plant), "item": item, "lot": lot, "quantity": quantity}
    given.apply(move_stock, **what, from_bin=first, to_bin=second)
    return told


@provider_state("a count that found a difference", lets=("wms.count.adjusted",))
def counted(given: Given, *, plant: str = "", item: str = ITEM, lot: str = LOT) -> Values:
    """Less lay in a bin than was known."""
    told = stock(given, plant=plant, item=item, lot=lot)
    where = {"plant": given.plants_or(plant), "bin": given.state.racks[0].code}
    given.apply(count_stock, **where, item=item, lot=lot, counted=7.0)
    return told
