"""What can be asked of an ERP; the operations stand by topic in the modules that are gathered here."""

from pilotplant.systems.erp.definitions import (
    activate_version,
    get_bom,
    get_job,
    get_version,
    release_bom,
    upsert_routing,
)
from pilotplant.systems.erp.inbound import (
    cancel_delivery,
    create_delivery,
    find_deliveries,
    find_receipts,
    post_receipt,
    replace_delivery,
    reverse_receipt,
)
from pilotplant.systems.erp.items import get_item, list_items, upsert_item
from pilotplant.systems.erp.orders import change_order, get_order, list_open
from pilotplant.systems.erp.purchasing import (
    cancel_purchase_order,
    change_purchase_order,
    get_invoice_status,
    get_purchase_order,
    list_open_orders,
)
from pilotplant.systems.erp.stock import find_documents, get_balance, post_stock, reverse_document

__all__ = [
    "activate_version",
    "cancel_delivery",
    "cancel_purchase_order",
    "change_order",
    "change_purchase_order",
    "create_delivery",
    "find_deliveries",
    "find_documents",
    "find_receipts",
    "get_balance",
    "get_bom",
    "get_invoice_status",
    "get_item",
    "get_job",
    "get_order",
    "get_purchase_order",
    "get_version",
    "list_items",
    "list_open",
    "list_open_orders",
    "post_receipt",
    "post_stock",
    "release_bom",
    "replace_delivery",
    "reverse_document",
    "reverse_receipt",
    "upsert_item",
    "upsert_routing",
]
