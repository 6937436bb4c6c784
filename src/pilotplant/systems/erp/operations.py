"""What can be asked of an ERP; the operations stand by topic in the modules that are gathered here."""

from pilotplant.systems.erp.definitions import (
    activate_version,
    get_bom,
    get_job,
    get_version,
    release_bom,
    upsert_routing,
)
from pilotplant.systems.erp.items import get_item, list_items, upsert_item
from pilotplant.systems.erp.orders import change_order, get_order, list_open
from pilotplant.systems.erp.stock import find_documents, get_balance, post_stock, reverse_document

__all__ = [
    "activate_version",
    "change_order",
    "find_documents",
    "get_balance",
    "get_bom",
    "get_item",
    "get_job",
    "get_order",
    "get_version",
    "list_items",
    "list_open",
    "post_stock",
    "release_bom",
    "reverse_document",
    "upsert_item",
    "upsert_routing",
]
