"""Why a WMS says no."""

from pilotplant.model.problem import Rejection, problem


@problem("wrong-site", 422, "This WMS serves another site")
class WrongSite(Rejection, frozen=True, kw_only=True, gc=False):
    """Each site has its own WMS."""

    serves: str = ""


@problem("item-not-at-site", 422, "The site does not know the item")
class ItemNotAtSite(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing is known of this item at the site."""

    items: tuple[str, ...] = ()


@problem("unknown-bin", 422, "There is no such bin")
class UnknownBin(Rejection, frozen=True, kw_only=True, gc=False):
    """The site has no bin with this code."""


@problem("not-enough-stock", 422, "There is not so much in the bin")
class NotEnoughStock(Rejection, frozen=True, kw_only=True, gc=False):
    """Less lies there than is to be taken."""

    available: float = 0.0


@problem("stock-blocked", 422, "The stock may not be used")
class StockBlocked(Rejection, frozen=True, kw_only=True, gc=False):
    """A rule, or the zone in which it lies, keeps it from being picked or shipped."""

    disposition: str = ""


@problem("quantity-out-of-range", 422, "A quantity is not a sensible one")
class QuantityOutOfRange(Rejection, frozen=True, kw_only=True, gc=False):
    """Quantities are finite and more than nothing; what is counted may be nothing."""


@problem("unit-not-kept", 422, "The site does not count the item in this unit")
class UnitNotKept(Rejection, frozen=True, kw_only=True, gc=False):
    """The unit is neither the site's nor engineering's."""

    unit: str = ""


@problem("task-exists", 409, "The task was created before")
class TaskExists(Rejection, frozen=True, kw_only=True, gc=False):
    """A task is created once."""


@problem("unknown-task", 404, "No such task")
class UnknownTask(Rejection, frozen=True, kw_only=True, gc=False):
    """The site has no task with this number."""


@problem("task-ended", 409, "The task is done, failed or cancelled")
class TaskEnded(Rejection, frozen=True, kw_only=True, gc=False):
    """A task ends once."""

    status_now: str = ""


@problem("newer-rule-stands", 422, "A rule for a newer revision stands")
class NewerRuleStands(Rejection, frozen=True, kw_only=True, gc=False):
    """What became of older stock was decided again since."""

    revision: str = ""


@problem("disposition-conflict", 422, "Another rule stands for this revision")
class DispositionConflict(Rejection, frozen=True, kw_only=True, gc=False):
    """One revision has one disposition: scrap cannot be turned back into something to use."""

    disposition: str = ""


@problem("no-rule", 404, "No rule stands for the item")
class NoRule(Rejection, frozen=True, kw_only=True, gc=False):
    """All stock of the item may be used."""


@problem("nothing-expected", 422, "A receipt needs at least one line")
class NothingExpected(Rejection, frozen=True, kw_only=True, gc=False):
    """There is nothing to expect or to receive."""


@problem("unknown-receipt", 404, "No receipt is expected for this announcement")
class UnknownReceipt(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing was announced to the site under this number."""


@problem("receipt-closed", 422, "The goods were received")
class ReceiptClosed(Rejection, frozen=True, kw_only=True, gc=False):
    """What has come is not to come any more."""

    receipt: str = ""


@problem("shipment-exists", 409, "The shipment has left")
class ShipmentExists(Rejection, frozen=True, kw_only=True, gc=False):
    """A shipment leaves once."""
