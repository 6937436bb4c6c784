"""Goods that come in: what is expected against a supplier's announcement, and what really came."""

from typing import Annotated

import msgspec

from pilotplant.dataset.bins import RECEIVING
from pilotplant.model.instants import Instant, Moment, iso
from pilotplant.model.operation import Command, effect_id, fact, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.systems.wms.calendar import posting_date
from pilotplant.systems.wms.events import ReceiptConfirmed, ReceivedLine
from pilotplant.systems.wms.problems import (
    ItemNotAtSite,
    NothingExpected,
    QuantityOutOfRange,
    ReceiptClosed,
    UnitNotKept,
    UnknownReceipt,
    WrongSite,
)
from pilotplant.systems.wms.state import Expected, ExpectedLine, Wms
from pilotplant.systems.wms.stock import QUANTITY_MAX, lying

EXPECT = "wms.receipt.expect"
CONFIRMED = "wms.receipt.confirmed"
VERSION_MAX = 999_999
"""Nobody corrects an announcement more often."""


class ExpectReceipt(Command, frozen=True, kw_only=True):
    """Goods that a supplier has announced. `asn` is the number of its announcement, `version` counts corrections."""

    plant: str
    asn: str
    lines: tuple[ExpectedLine, ...]
    version: Annotated[int, msgspec.Meta(ge=0, le=VERSION_MAX)] = 1
    supplier: str = ""
    arrives_at: Moment | None = None


class NameReceipt(Command, frozen=True, kw_only=True):
    """Which receipt: by the number of the announcement."""

    asn: str


class ListReceipts(PageQuery, frozen=True, kw_only=True):
    """Which receipts: of a status (`expected`, `received`), or all; and which page."""

    status: str = ""


class CameIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """How much came of a line of what was expected, in the site's unit."""

    line: int
    quantity: float


class ConfirmReceipt(Command, frozen=True, kw_only=True):
    """What came. Lines that are not named came as they were expected."""

    asn: str
    lines: tuple[CameIn, ...] = ()


class ReceiptView(msgspec.Struct, frozen=True):
    """An expected receipt as it stands; `received` is what came, once it has. Quantities are in the site's unit."""

    plant: str
    asn: str
    version: int
    supplier: str
    arrives_at: str
    status: str
    receipt: str
    lines: tuple[ExpectedLine, ...]
    received: tuple[ExpectedLine, ...]


@operation(
    EXPECT,
    rest="PUT /expected-receipts",
    keys=("plant", "asn"),
    effect=state("plant", "asn", version="version"),
    returns=ReceiptView,
    rejects=(WrongSite, NothingExpected, ItemNotAtSite, QuantityOutOfRange, UnitNotKept, ReceiptClosed),
)
def expect_receipt(wms: Wms, cmd: ExpectReceipt, now: Instant) -> Outcome:
    """Expect goods, or expect them otherwise. The last that was said holds until they have come."""
    if cmd.plant != wms.plant:
        return Refused(WrongSite(serves=wms.plant))
    if not cmd.lines:
        return Refused(NothingExpected())
    held = wms.expected.get(cmd.asn)
    if held is not None and held.status == "received":
        return Refused(ReceiptClosed(receipt=held.receipt, detail=cmd.asn))
    lines: list[ExpectedLine] = []
    for line in cmd.lines:
        if not wms.knows(line.item):
            return Refused(ItemNotAtSite(items=(line.item,)))
        if not 0 < line.quantity < QUANTITY_MAX:
            return Refused(QuantityOutOfRange(detail=f"{line.item}: {line.quantity}"))
        quantity = wms.in_site_unit(line.item, line.quantity, line.unit)
        if quantity is None:
            return Refused(UnitNotKept(unit=line.unit, detail=f"{line.item} is counted in {wms.unit(line.item)}"))
        lines.append(msgspec.structs.replace(line, quantity=round(quantity, 6), unit=wms.unit(line.item)))
    arrives_at = cmd.arrives_at.timestamp() if cmd.arrives_at else now.business
    expected = Expected(cmd.asn, cmd.version, cmd.supplier, arrives_at, tuple(lines))
    wms.expected[cmd.asn] = expected
    return Committed(_view(wms, expected), jobs=(expected,), stale=held is not None and held.version > cmd.version)


@operation(
    "wms.receipt.get",
    rest="GET /expected-receipts/{asn}",
    keys=("asn",),
    returns=ReceiptView,
    rejects=(UnknownReceipt,),
)
def get_receipt(wms: Wms, query: NameReceipt, now: Instant) -> Outcome:
    """Read what is expected for an announcement, or what came."""
    expected = wms.expected.get(query.asn)
    if expected is None:
        return Refused(UnknownReceipt(detail=query.asn))
    return Found(_view(wms, expected), _reveals(wms, expected))


@operation(
    "wms.receipt.list",
    rest="GET /expected-receipts",
    keys=("status",),
    returns=Page[ReceiptView],
    rejects=(BadCursor,),
    rows=("plant", "asn"),
)
def list_receipts(wms: Wms, query: ListReceipts, now: Instant) -> Outcome:
    """Read expected receipts, a page at a time."""
    return paged(
        [expected.asn for expected in wms.expected.values() if query.status in ("", expected.status)],
        query.limit,
        query.cursor,
        lambda asn: _view(wms, wms.expected[asn]),
        lambda asn: _reveals(wms, wms.expected[asn]),
    )


@operation(
    "wms.receipt.confirm",
    rest="POST /expected-receipts/{asn}/receipt",
    keys=("asn",),
    effect=fact("plant", "asn"),
    returns=ReceiptView,
    rejects=(UnknownReceipt, ReceiptClosed, QuantityOutOfRange, NothingExpected),
)
def confirm_receipt(wms: Wms, cmd: ConfirmReceipt, now: Instant) -> Outcome:
    """Report what came in: the terminal at the dock. The site says so to the world with a receipt number."""
    expected = wms.expected.get(cmd.asn)
    if expected is None:
        return Refused(UnknownReceipt(detail=cmd.asn))
    if expected.status == "received":
        return Refused(ReceiptClosed(receipt=expected.receipt, detail=cmd.asn))
    came = {entry.line: entry.quantity for entry in cmd.lines}
    for number, quantity in came.items():
        if not (0 <= number < len(expected.lines) and 0 <= quantity < QUANTITY_MAX):
            return Refused(QuantityOutOfRange(detail=f"line {number}: {quantity}"))
    received = tuple(
        msgspec.structs.replace(line, quantity=came.get(number, line.quantity))
        for number, line in enumerate(expected.lines)
    )
    if not any(line.quantity for line in received):
        return Refused(NothingExpected(detail="nothing of it came"))
    expected.status, expected.received = "received", received
    expected.receipt = wms.next_number("RCP")
    for line in received:
        if line.quantity:
            wms.put(RECEIVING, line.item, line.lot, line.quantity)
    event = _confirmed(wms, expected, now)
    touched = tuple(lying(wms, RECEIVING, line.item, line.lot) for line in received)
    to_put_away = tuple(line for line in received if line.quantity)
    return Committed(
        _view(wms, expected), emit=(event,), effects=(((wms.plant, cmd.asn), 0),), jobs=to_put_away, touches=touched
    )


def _confirmed(wms: Wms, expected: Expected, now: Instant) -> ReceiptConfirmed:
    lines = zip(expected.received, expected.lines, strict=True)
    return ReceiptConfirmed(
        plant=wms.plant,
        receipt=expected.receipt,
        asn=expected.asn,
        version=expected.version,
        supplier=expected.supplier,
        lines=tuple(
            ReceivedLine(came.item, came.lot, came.po, came.quantity, wanted.quantity, came.unit, RECEIVING)
            for came, wanted in lines
        ),
        received_at=iso(now.business),
        posting_date=posting_date(wms, now),
    )


def _reveals(wms: Wms, expected: Expected) -> tuple[tuple[str, int], ...]:
    known = [(effect_id(EXPECT, (wms.plant, expected.asn)), expected.version)]
    if expected.receipt:
        known.append((effect_id(CONFIRMED, (wms.plant, expected.receipt)), 0))
    return tuple(known)


def _view(wms: Wms, expected: Expected) -> ReceiptView:
    return ReceiptView(
        plant=wms.plant,
        asn=expected.asn,
        version=expected.version,
        supplier=expected.supplier,
        arrives_at=iso(expected.arrives_at),
        status=expected.status,
        receipt=expected.receipt,
        lines=expected.lines,
        received=expected.received,
    )
