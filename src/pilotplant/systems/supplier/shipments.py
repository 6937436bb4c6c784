"""What suppliers ship, and how they announce it."""

from datetime import UTC, datetime

import msgspec

from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, effect_id, operation, state
from pilotplant.model.outcome import Committed, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.systems.supplier.events import AsnSent
from pilotplant.systems.supplier.problems import NotShippable, UnknownAsn
from pilotplant.systems.supplier.state import Asn, AsnLine, Portal

ASN_SENT = "supplier.asn.sent"


class ListAsns(PageQuery, frozen=True, kw_only=True):
    """Which page of the announcements, of one supplier or of all."""

    supplier: str = ""


class ShipLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """How much of an order is shipped, in the order's unit."""

    po: str
    quantity: float
    lot: str = ""


class SendAsn(Command, frozen=True, kw_only=True):
    """Goods that leave a supplier for a plant."""

    asn: str
    lines: tuple[ShipLine, ...]
    arrives_at: Moment | None = None


class CorrectAsn(Command, frozen=True, kw_only=True):
    """What was really loaded. Without lines: the announcement is only sent once more, as it is."""

    asn: str
    lines: tuple[ShipLine, ...] = ()


@operation(
    "supplier.asn.list",
    rest="GET /shipping-notices",
    keys=("supplier",),
    returns=Page[Asn],
    rejects=(BadCursor,),
    rows=("plant", "asn"),
)
def list_asns(portal: Portal, query: ListAsns, now: Instant) -> Outcome:
    """Read what suppliers have announced, each in its latest version, a page at a time."""
    numbers = [number for number, asn in portal.asns.items() if query.supplier in ("", asn.supplier)]
    return paged(
        numbers,
        query.limit,
        query.cursor,
        lambda number: portal.asns[number],
        lambda number: (_reveals(portal.asns[number]),),
    )


@operation(
    "supplier.asn.send",
    rest="POST /shipping-notices",
    keys=("asn",),
    effect=state("plant", "asn", version="version"),
    returns=Asn,
    rejects=(NotShippable,),
)
def send_asn(portal: Portal, cmd: SendAsn, now: Instant) -> Outcome:
    """Ship goods and announce them: the supplier's own screen."""
    if cmd.asn in portal.asns or not cmd.lines:
        return Refused(NotShippable(detail=f"{cmd.asn} is taken" if cmd.lines else "nothing to ship"))
    if why := _objection(portal, cmd.lines, {}):
        return Refused(NotShippable(detail=why))
    first = portal.orders[cmd.lines[0].po]
    arrives_at = cmd.arrives_at.timestamp() if cmd.arrives_at else now.business
    lines = _ship(portal, cmd.lines)
    asn = Asn(cmd.asn, 1, first.plant, first.supplier, iso(now.business), iso(arrives_at), lines)
    portal.asns[cmd.asn] = asn
    return _sent(asn)


@operation(
    "supplier.asn.correct",
    rest="PUT /shipping-notices/{asn}",
    keys=("asn",),
    effect=state("plant", "asn", version="version"),
    returns=Asn,
    rejects=(UnknownAsn, NotShippable),
)
def correct_asn(portal: Portal, cmd: CorrectAsn, now: Instant) -> Outcome:
    """Announce what was really loaded, or the same once more: the supplier's own screen."""
    known = portal.asns.get(cmd.asn)
    if known is None:
        return Refused(UnknownAsn(detail=cmd.asn))
    if not cmd.lines:
        return _sent(known)
    loaded = {line.po: line.quantity for line in known.lines}
    if set(loaded) != {line.po for line in cmd.lines}:
        return Refused(NotShippable(detail="a correction is about the same orders"))
    if why := _objection(portal, cmd.lines, loaded):
        return Refused(NotShippable(detail=why))
    for po, quantity in loaded.items():
        portal.orders[po].shipped -= quantity
    corrected = msgspec.structs.replace(known, version=known.version + 1, lines=_ship(portal, cmd.lines))
    portal.asns[cmd.asn] = corrected
    return _sent(corrected)


def moment(business: float) -> datetime:
    """A moment on the business calendar, as commands carry it."""
    return datetime.fromtimestamp(business, UTC)


def _objection(portal: Portal, lines: tuple[ShipLine, ...], loaded: dict[str, float]) -> str:
    """Why this cannot be shipped; empty if it can. `loaded` is what these lines take the place of."""
    orders = [portal.orders.get(line.po) for line in lines]
    if len({order.po for order in orders if order}) < len(lines):
        return "an order is unknown or named twice"
    if len({(order.plant, order.supplier) for order in orders if order}) > 1:
        return "one shipment goes from one supplier to one plant"
    for order, line in zip(orders, lines, strict=True):
        assert order is not None, "it was found above"
        left = round(order.left + loaded.get(order.po, 0.0), 6)
        if not 0 < line.quantity <= left:
            return f"{order.po}: {line.quantity}, {left} are left"
    return ""


def _ship(portal: Portal, lines: tuple[ShipLine, ...]) -> tuple[AsnLine, ...]:
    shipped: list[AsnLine] = []
    for line in lines:
        order = portal.orders[line.po]
        order.shipped = round(order.shipped + line.quantity, 6)
        shipped.append(AsnLine(order.po, order.item, order.supplier_part, line.lot, line.quantity, order.unit))
    return tuple(shipped)


def _sent(asn: Asn) -> Outcome:
    event = AsnSent(
        plant=asn.plant,
        asn=asn.asn,
        version=asn.version,
        supplier=asn.supplier,
        shipped_at=asn.shipped_at,
        arrives_at=asn.arrives_at,
        lines=asn.lines,
    )
    orders = tuple(("supplier.po.list", line.po) for line in asn.lines)
    return Committed(asn, emit=(event,), effects=(((asn.plant, asn.asn), asn.version),), touches=orders)


def _reveals(asn: Asn) -> tuple[str, int]:
    return effect_id(ASN_SENT, (asn.plant, asn.asn)), asn.version
