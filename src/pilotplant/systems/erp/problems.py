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
