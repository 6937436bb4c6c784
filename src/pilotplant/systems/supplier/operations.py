"""What can be asked of the supplier portal, and what suppliers enter there themselves."""

from pilotplant.systems.supplier.answers import answer_notice, change_notice, list_orders
from pilotplant.systems.supplier.sharing import publish_schedule, share_drawing
from pilotplant.systems.supplier.shipments import correct_asn, list_asns, send_asn

__all__ = [
    "answer_notice",
    "change_notice",
    "correct_asn",
    "list_asns",
    "list_orders",
    "publish_schedule",
    "send_asn",
    "share_drawing",
]
