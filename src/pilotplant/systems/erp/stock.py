"""Stock: postings that are not idempotent by themselves, looking them up, reversing them, balances."""

from datetime import UTC, date, datetime
from typing import Literal

import msgspec

from pilotplant.model.instants import Instant, iso
from pilotplant.model.operation import Command, effect_id, fact, operation
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.systems.erp.events import StockPosted
from pilotplant.systems.erp.problems import (
    AlreadyReversed,
    EmptyDocument,
    ItemNotAtPlant,
    PeriodClosed,
    QuantityNotPositive,
    TransferToNowhere,
    UnitNotConvertible,
    UnknownDocument,
    UnknownPlant,
)
from pilotplant.systems.erp.state import Erp, StockDocument, StockLine
from pilotplant.systems.identified import parts_of

SIGN = {"receipt": 1.0, "issue": -1.0, "scrap": 0.0, "transfer": 0.0, "surplus": 1.0, "shortage": -1.0}
"""What a movement does to the balance. Scrap is reported on what was never received, so it moves cost, not stock; a
transfer changes what may be done with stock, not how much there is."""
FREE = "unrestricted"
_TO = ">"

POST = "erp.stock.post"
FIRST_NUMBER = 4_900_000_000
"""Documents are numbered from here."""


class PostLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A line to book. `status` says what may be done with the stock; a transfer takes it from there `to_status`."""

    movement: Literal["receipt", "issue", "scrap", "transfer", "surplus", "shortage"]
    item: str
    quantity: float
    unit: str
    lot: str = ""
    status: Literal["unrestricted", "quality", "blocked"] = "unrestricted"
    to_status: Literal["", "unrestricted", "quality", "blocked"] = ""


class PostStock(Command, frozen=True, kw_only=True):
    """A stock document. `source_document` is the number of what caused it, e.g. a confirmation of the MES."""

    plant: str
    posting_date: date
    lines: tuple[PostLine, ...]
    source_document: str = ""
    text: str = ""


class FindDocuments(Command, frozen=True, kw_only=True):
    """Which documents: those with this source document at this plant."""

    plant: str
    source_document: str


class ReverseDocument(Command, frozen=True, kw_only=True):
    """Which document to reverse, and why."""

    document: str
    reason: str = ""


class MaterialDocument(msgspec.Struct, frozen=True, gc=False):
    """The number under which a posting was booked."""

    document: str
    source_document: str


class DocumentView(msgspec.Struct, frozen=True):
    """A stock document as it stands."""

    document: str
    plant: str
    source_document: str
    posting_date: str
    posted_at: str
    reversed: bool
    lines: tuple[PostLine, ...]


class DocumentList(msgspec.Struct, frozen=True):
    """Stock documents that were found."""

    items: list[DocumentView]


class BalanceKey(Command, frozen=True, kw_only=True):
    """Which item at which plant."""

    plant: str
    item: str


class LotBalance(msgspec.Struct, frozen=True):
    """Stock of a lot, and how much of it is in quality inspection or blocked."""

    lot: str
    quantity: float
    quality: float = 0.0
    blocked: float = 0.0


class Balance(msgspec.Struct, frozen=True):
    """Stock of an item at a plant, in the plant's unit."""

    plant: str
    item: str
    unit: str
    lots: list[LotBalance]


@operation(
    POST,
    rest="POST /stock-documents",
    keys=("plant", "source_document"),
    effect=fact("plant", "source_document", "movement", "item", "lot", each="lines"),
    returns=MaterialDocument,
    rejects=(
        UnknownPlant,
        EmptyDocument,
        PeriodClosed,
        QuantityNotPositive,
        TransferToNowhere,
        ItemNotAtPlant,
        UnitNotConvertible,
    ),
)
def post_stock(erp: Erp, cmd: PostStock, now: Instant) -> Outcome:
    """Book goods. Not idempotent by itself: posting twice books twice; look up the source document before a retry."""
    plant = cmd.plant
    if plant not in erp.plants:
        return Refused(UnknownPlant(detail=f"{plant} is not served by this ERP"))
    if not cmd.lines:
        return Refused(EmptyDocument())
    if not period_open(erp, plant, cmd.posting_date, now):
        return Refused(PeriodClosed(detail=f"{cmd.posting_date} lies outside the open periods"))
    lines = []
    for line in cmd.lines:
        if not 0 < line.quantity < 1e12:
            return Refused(QuantityNotPositive(detail=f"{line.item}: {line.quantity}"))
        if (line.movement == "transfer") != bool(line.to_status) or line.status == line.to_status:
            return Refused(TransferToNowhere(detail=f"{line.item}: {line.movement} to {line.to_status or 'nowhere'}"))
        held = erp.item(plant, line.item)
        if held is None:
            return Refused(ItemNotAtPlant(items=(line.item,)))
        quantity = erp.in_plant_unit(plant, line.item, line.quantity, line.unit)
        if quantity is None:
            return Refused(UnitNotConvertible(unit=line.unit, detail=f"{line.item} is kept in {held.unit}"))
        causes = parts_of(getattr(line, "source_document", ""))
        lines.append(StockLine(line.movement, line.item, line.lot, quantity, held.unit, causes, status_of(line)))
    document = StockDocument(plant, cmd.source_document, cmd.posting_date.isoformat(), now.wire, tuple(lines))
    number = book(erp, document)
    name = str(FIRST_NUMBER + number)
    posted = StockPosted(plant=plant, document=name, source_document=cmd.source_document)
    told = cmd.source_document and not any(line.causes for line in lines)
    effects = None if told else tuple((keys, 0) for keys in _keys_of(number, document))
    return Committed(MaterialDocument(name, cmd.source_document), emit=(posted,), effects=effects)


@operation(
    "erp.stock.documents",
    rest="GET /stock-documents",
    keys=("plant", "source_document"),
    returns=DocumentList,
)
def find_documents(erp: Erp, query: FindDocuments, now: Instant) -> Outcome:
    """Look up what was booked for a source document. Shown with the read lag of the profile."""
    shown: list[DocumentView] = []
    reveals: list[tuple[str, int]] = []
    for number, document in erp.documents.of_source(query.plant, query.source_document):
        if document.posted_at + erp.read_lag_s > now.wire:
            continue
        shown.append(_view(erp, number, document, now))
        reveals.extend((identity, 0) for identity in _identities(number, document))
    return Found(DocumentList(shown), tuple(reveals))


@operation(
    "erp.stock.reverse",
    rest="POST /stock-documents/{document}/reversal",
    keys=("document",),
    effect=fact("document"),
    returns=MaterialDocument,
    rejects=(UnknownDocument, AlreadyReversed),
)
def reverse_document(erp: Erp, cmd: ReverseDocument, now: Instant) -> Outcome:
    """Take a posting back. Its facts do not stand any more and may be booked again."""
    digits = cmd.document if cmd.document.isascii() and cmd.document.isdigit() and len(cmd.document) < 16 else "0"
    number = int(digits) - FIRST_NUMBER
    document = erp.documents.get(number)
    if document is None:
        return Refused(UnknownDocument(detail=cmd.document))
    if number in erp.documents.reversed:
        return Refused(AlreadyReversed(detail=cmd.document))
    take_back(erp, number)
    return Committed(MaterialDocument(cmd.document, document.source_document), undoes=_identities(number, document))


@operation(
    "erp.stock.balance",
    rest="GET /plants/{plant}/items/{item}/stock",
    keys=("plant", "item"),
    returns=Balance,
    rejects=(ItemNotAtPlant,),
)
def get_balance(erp: Erp, query: BalanceKey, now: Instant) -> Outcome:
    """Read the stock of an item at a plant, lot by lot."""
    item = erp.item(query.plant, query.item)
    if item is None:
        return Refused(ItemNotAtPlant(items=(query.item,)))
    lots = [
        LotBalance(
            lot, quantity, *(erp.aside.get((plant, number, lot, status), 0.0) for status in ("quality", "blocked"))
        )
        for (plant, number, lot), quantity in erp.balances.items()
        if plant == query.plant and number == query.item
    ]
    return Found(Balance(query.plant, query.item, item.unit, lots))


def book(erp: Erp, document: StockDocument) -> int:
    """Book a document and move its stock; its number."""
    number = erp.documents.add(document)
    _move(erp, document, 1.0)
    return number


def take_back(erp: Erp, number: int) -> StockDocument:
    """Reverse a document that is there and stands; what it was."""
    document = erp.documents.get(number)
    assert document is not None, f"there is no document {number}"
    erp.documents.reversed.add(number)
    _move(erp, document, -1.0)
    return document


def period_open(erp: Erp, plant: str, posting_date: date, now: Instant) -> bool:
    """Periods reach from the profile's `open_period` in the past to tomorrow, which covers every time zone; those that
    a plant has closed by hand are closed."""
    midnight = datetime(posting_date.year, posting_date.month, posting_date.day, tzinfo=UTC).timestamp()
    if midnight < erp.closed_until.get(plant, midnight):
        return False
    return now.business + erp.closed_before <= midnight <= now.business + 36 * 3600


def _move(erp: Erp, document: StockDocument, direction: float) -> None:
    balances = erp.balances
    for line in document.lines:
        key = (document.plant, line.item, line.lot)
        balances[key] = balances.get(key, 0.0) + direction * SIGN[line.movement] * line.quantity
        if line.status:
            _set_aside(erp, key, line, direction)


def _set_aside(erp: Erp, key: tuple[str, str, str], line: StockLine, direction: float) -> None:
    """What is in quality inspection or blocked follows as well; the rest is free."""
    begin, _, end = line.status.partition(_TO)
    changes = ((begin, -1.0), (end, 1.0)) if end else ((begin, SIGN[line.movement]),)
    for status, sign in changes:
        if status != FREE:
            place = (*key, status)
            erp.aside[place] = round(erp.aside.get(place, 0.0) + direction * sign * line.quantity, 6)


def status_of(line: PostLine) -> str:
    """What a line says of what may be done with stock, in one word; empty for what is simply free."""
    if line.to_status:
        return f"{line.status}{_TO}{line.to_status}"
    return "" if line.status == FREE else line.status


def as_posted(line: StockLine) -> PostLine:
    """A line as it was sent, in the plant's unit."""
    begin, _, end = line.status.partition(_TO)
    return PostLine(
        movement=line.movement,  # type: ignore[arg-type]
        item=line.item,
        quantity=line.quantity,
        unit=line.unit,
        lot=line.lot,
        status=begin or FREE,  # type: ignore[arg-type]
        to_status=end,  # type: ignore[arg-type]
    )


def _identities(number: int, document: StockDocument) -> tuple[str, ...]:
    return tuple(effect_id(POST, keys) for keys in _keys_of(number, document))


def _keys_of(number: int, document: StockDocument) -> tuple[tuple[str, ...], ...]:
    """The facts of a document, each once. Without a source document nothing ties them to a cause: each is its own."""
    source = document.source_document or f"?{FIRST_NUMBER + number}"
    keys = (
        (document.plant, cause, line.movement, line.item, line.lot)
        for line in document.lines
        for cause in line.causes or (source,)
    )
    return tuple(dict.fromkeys(keys))


def _view(erp: Erp, number: int, document: StockDocument, now: Instant) -> DocumentView:
    posted_at = iso(now.business - (now.wire - document.posted_at))
    return DocumentView(
        document=str(FIRST_NUMBER + number),
        plant=document.plant,
        source_document=document.source_document,
        posting_date=document.posting_date,
        posted_at=posted_at,
        reversed=number in erp.documents.reversed,
        lines=tuple(map(as_posted, document.lines)),
    )
