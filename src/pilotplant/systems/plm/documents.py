"""Documents: drawings and specifications of items, in versions."""

from typing import Literal

from pilotplant.model.instants import Instant
from pilotplant.model.operation import Command, operation, state
from pilotplant.model.outcome import Committed, Found, Outcome, Refused
from pilotplant.model.paging import BadCursor, Page, PageQuery, paged
from pilotplant.model.problem import Rejection, problem
from pilotplant.systems.plm.operations import UnknownItem
from pilotplant.systems.plm.state import Document, Plm


@problem("unknown-drawing", 404, "There is no such document")
class UnknownDrawing(Rejection, frozen=True, kw_only=True, gc=False):
    """No document has this number."""


@problem("document-of-another-item", 409, "The document belongs to another item")
class DocumentOfAnotherItem(Rejection, frozen=True, kw_only=True, gc=False):
    """A document stays with the item that it describes."""

    item: str = ""


class CheckIn(Command, frozen=True, kw_only=True):
    """The next version of a document."""

    document: str
    item: str
    kind: Literal["drawing", "specification"] = "drawing"
    title: str = ""


class NameDocument(Command, frozen=True, kw_only=True):
    """Which document."""

    document: str


class ListDocuments(PageQuery, frozen=True, kw_only=True):
    """Which page of the documents, of one item or of all."""

    item: str = ""


@operation(
    "plm.document.check_in",
    rest="PUT /documents/{document}",
    keys=("document",),
    effect=state("document", version="version"),
    returns=Document,
    rejects=(UnknownItem, DocumentOfAnotherItem),
)
def check_in(plm: Plm, cmd: CheckIn, now: Instant) -> Outcome:
    """Create a document, or put a further version of it in its place."""
    if plm.item(cmd.item) is None:
        return Refused(UnknownItem(items=(cmd.item,)))
    known = plm.drawings.get(cmd.document)
    if known is not None and known.item != cmd.item:
        return Refused(DocumentOfAnotherItem(item=known.item))
    version = known.version + 1 if known else 1
    document = Document(cmd.document, cmd.item, cmd.kind, cmd.title, version)
    plm.drawings[cmd.document] = document
    return Committed(document, effects=(((cmd.document,), version),))


@operation(
    "plm.document.get",
    rest="GET /documents/{document}",
    keys=("document",),
    returns=Document,
    rejects=(UnknownDrawing,),
)
def get_document(plm: Plm, query: NameDocument, now: Instant) -> Outcome:
    """Read what a document is."""
    document = plm.drawings.get(query.document)
    return Found(document, ()) if document else Refused(UnknownDrawing(detail=query.document))


@operation(
    "plm.document.list",
    rest="GET /documents",
    keys=("item",),
    returns=Page[Document],
    rejects=(BadCursor,),
    rows=("document",),
)
def list_documents(plm: Plm, query: ListDocuments, now: Instant) -> Outcome:
    """Read the documents, a page at a time."""
    numbers = [number for number, each in plm.drawings.items() if not query.item or each.item == query.item]
    return paged(numbers, query.limit, query.cursor, lambda number: plm.drawings[number])
