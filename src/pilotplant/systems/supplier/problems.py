"""Why the supplier portal says no."""

from pilotplant.model.problem import Rejection, problem


@problem("unknown-supplier", 422, "No such supplier")
class UnknownSupplier(Rejection, frozen=True, kw_only=True, gc=False):
    """No supplier has this number here."""


@problem("unknown-supplier-order", 422, "The suppliers know no such order")
class UnknownSupplierOrder(Rejection, frozen=True, kw_only=True, gc=False):
    """No supplier was given an order with this number."""


@problem("notice-differs", 422, "Another notice was given about this order and change")
class NoticeDiffers(Rejection, frozen=True, kw_only=True, gc=False):
    """A notice is given once; whoever means something else begins another change."""


@problem("unknown-notice", 404, "No such notice")
class UnknownNotice(Rejection, frozen=True, kw_only=True, gc=False):
    """The supplier was not told of this change."""


@problem("notice-answered", 409, "The notice was answered before")
class NoticeAnswered(Rejection, frozen=True, kw_only=True, gc=False):
    """A notice is answered once."""


@problem("not-a-source", 422, "The supplier does not deliver this item")
class NotASource(Rejection, frozen=True, kw_only=True, gc=False):
    """Schedules are for what a supplier delivers."""


@problem("not-shippable", 422, "This cannot be shipped")
class NotShippable(Rejection, frozen=True, kw_only=True, gc=False):
    """A supplier ships what is still to be delivered of an order that was not stopped, to one plant at a time."""


@problem("unknown-asn", 404, "No such announcement")
class UnknownAsn(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing was announced under this number."""
