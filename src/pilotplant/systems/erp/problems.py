"""Why an ERP says no."""

from pilotplant.model.problem import Rejection, problem


@problem("unknown-plant", 422, "The plant is not served here")
class UnknownPlant(Rejection, frozen=True, kw_only=True, gc=False):
    """This ERP does not serve the plant."""


@problem("item-not-at-plant", 422, "The item is not known at the plant")
class ItemNotAtPlant(Rejection, frozen=True, kw_only=True, gc=False):
    """Send the item to the plant first."""

    items: tuple[str, ...] = ()


@problem("unknown-component", 422, "A component is not known at the plant")
class UnknownComponent(Rejection, frozen=True, kw_only=True, gc=False):
    """A structure may only use items that the plant knows."""

    items: tuple[str, ...] = ()


@problem("effectivity-overlap", 409, "Another structure is effective from the same moment")
class EffectivityOverlap(Rejection, frozen=True, kw_only=True, gc=False):
    """Two revisions cannot become effective at the same moment."""

    revision: str = ""


@problem("unit-not-convertible", 422, "No conversion is declared for this unit")
class UnitNotConvertible(Rejection, frozen=True, kw_only=True, gc=False):
    """The unit is neither the plant's nor engineering's."""

    unit: str = ""


@problem("unknown-work-centre", 422, "The work centre does not exist at the plant")
class UnknownWorkCentre(Rejection, frozen=True, kw_only=True, gc=False):
    """A routing step names a work centre that the plant does not have."""

    work_centre: str = ""


@problem("inactive-work-centre", 422, "The work centre is inactive")
class InactiveWorkCentre(Rejection, frozen=True, kw_only=True, gc=False):
    """A routing step names a work centre that is shut down; planning has to choose another."""

    work_centre: str = ""


@problem("nothing-to-activate", 422, "Structure or routing is missing for this revision")
class NothingToActivate(Rejection, frozen=True, kw_only=True, gc=False):
    """A production version needs both, in this revision."""

    missing: tuple[str, ...] = ()


@problem("unknown-job", 404, "No such job")
class UnknownJob(Rejection, frozen=True, kw_only=True, gc=False):
    """No job has this number."""


@problem("unknown-order", 404, "No such order")
class UnknownOrder(Rejection, frozen=True, kw_only=True, gc=False):
    """No order has this number here."""


@problem("document-locked", 409, "Somebody has the document open")
class DocumentLocked(Rejection, frozen=True, kw_only=True, gc=False):
    """A clerk is editing it; try again in a while."""


@problem("period-closed", 422, "The posting period is closed")
class PeriodClosed(Rejection, frozen=True, kw_only=True, gc=False):
    """The posting date lies outside the open periods."""


@problem("quantity-not-positive", 422, "A quantity must be more than nothing")
class QuantityNotPositive(Rejection, frozen=True, kw_only=True, gc=False):
    """Every line carries a finite quantity greater than zero."""


@problem("transfer-to-nowhere", 422, "A transfer goes from one status to another, and nothing else does")
class TransferToNowhere(Rejection, frozen=True, kw_only=True, gc=False):
    """A transfer names the status that stock gets, another than it has; other movements name none."""


@problem("empty-document", 422, "A document needs at least one line")
class EmptyDocument(Rejection, frozen=True, kw_only=True, gc=False):
    """There is nothing to book."""


@problem("unknown-document", 404, "No such document")
class UnknownDocument(Rejection, frozen=True, kw_only=True, gc=False):
    """No document has this number."""


@problem("already-reversed", 409, "The document was reversed before")
class AlreadyReversed(Rejection, frozen=True, kw_only=True, gc=False):
    """A document is reversed once."""


@problem("not-held", 404, "Nothing is held under these keys")
class NotHeld(Rejection, frozen=True, kw_only=True, gc=False):
    """There is no such record at this plant."""


@problem("effectivity-unsupported", 422, "The plant does not take structures that become effective later")
class EffectivityUnsupported(Rejection, frozen=True, kw_only=True, gc=False):
    """This product knows only structures that hold at once: send it when it takes effect."""

    supported: tuple[str, ...] = ()


@problem("effectivity-gap", 409, "Between two structures nothing would be effective")
class EffectivityGap(Rejection, frozen=True, kw_only=True, gc=False):
    """The structure before ends earlier than this one begins."""

    revision: str = ""


@problem("owned-here", 409, "The ERP has the last word on this field at the plant")
class OwnedHere(Rejection, frozen=True, kw_only=True, gc=False):
    """A clerk maintains it: leave the field out, or ask the plant."""

    field: str = ""


@problem("not-producible", 422, "The item has no active production version at the plant")
class NotProducible(Rejection, frozen=True, kw_only=True, gc=False):
    """Activate a version first."""


@problem("item-on-hold", 409, "The item is held at the plant")
class ItemOnHold(Rejection, frozen=True, kw_only=True, gc=False):
    """Somebody has to release the hold before it is produced."""

    references: tuple[str, ...] = ()


@problem("not-on-hold", 404, "There is no such hold")
class NotOnHold(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing is held under this reference."""


@problem("supplier-not-known", 422, "The ERP does not know the supplier")
class SupplierNotKnown(Rejection, frozen=True, kw_only=True, gc=False):
    """Sources are suppliers that the ERP knows by their code."""


@problem("source-not-approved", 422, "The supplier is not approved for the item at the plant")
class SourceNotApproved(Rejection, frozen=True, kw_only=True, gc=False):
    """Send the approved source first."""


@problem("order-not-open", 409, "The order is not in a status that allows this")
class OrderNotOpen(Rejection, frozen=True, kw_only=True, gc=False):
    """An order is created, released, and then confirmed."""

    status_now: str = ""


@problem("confirmation-exists", 409, "The confirmation was reported before")
class ConfirmationExists(Rejection, frozen=True, kw_only=True, gc=False):
    """A confirmation number is used once per plant."""


@problem("unknown-confirmation", 404, "No such confirmation")
class UnknownConfirmation(Rejection, frozen=True, kw_only=True, gc=False):
    """The order has no confirmation of this number, or it is cancelled already."""


@problem("period-not-closable", 422, "A period that has not begun cannot be closed")
class PeriodNotClosable(Rejection, frozen=True, kw_only=True, gc=False):
    """Periods are closed up to today at the latest."""


@problem("unknown-purchase-order", 422, "No such purchase order at the plant")
class UnknownPurchaseOrder(Rejection, frozen=True, kw_only=True, gc=False):
    """No purchase order has this number here."""


@problem("purchase-order-cancelled", 422, "The purchase order is cancelled")
class PurchaseOrderCancelled(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing more is expected or changed on it."""


@problem("already-received", 422, "Goods of this purchase order were received")
class AlreadyReceived(Rejection, frozen=True, kw_only=True, gc=False):
    """It cannot be cancelled any more; reduce it to what was received."""


@problem("below-received", 422, "More was received than is to be ordered")
class BelowReceived(Rejection, frozen=True, kw_only=True, gc=False):
    """A purchase order cannot be for less than what was received."""


@problem("over-delivery", 422, "More than is open, beyond the tolerance")
class OverDelivery(Rejection, frozen=True, kw_only=True, gc=False):
    """The plant does not take more than it ordered and the profile tolerates."""


@problem("wrong-item", 422, "The purchase order is for another item")
class WrongItem(Rejection, frozen=True, kw_only=True, gc=False):
    """Only what was ordered is announced or received on an order."""


@problem("wrong-supplier", 422, "The purchase order is another supplier's")
class WrongSupplier(Rejection, frozen=True, kw_only=True, gc=False):
    """Goods of an order come from the supplier that was given it."""


@problem("unknown-delivery", 422, "No such inbound delivery")
class UnknownDelivery(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing that stands was noted for this announcement."""


@problem("delivery-received", 422, "The inbound delivery was received")
class DeliveryReceived(Rejection, frozen=True, kw_only=True, gc=False):
    """What has come is not to come any more."""


@problem("receipt-unnamed", 422, "A goods receipt needs the number of the warehouse's receipt")
class ReceiptUnnamed(Rejection, frozen=True, kw_only=True, gc=False):
    """Without it nobody could tell whether it was booked before."""
