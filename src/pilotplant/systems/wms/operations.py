"""What can be asked of a WMS; the operations stand by topic in the modules that are gathered here."""

from pilotplant.systems.wms.dispositions import get_disposition, set_disposition
from pilotplant.systems.wms.receipts import confirm_receipt, expect_receipt, get_receipt, list_receipts
from pilotplant.systems.wms.stock import (
    count_stock,
    list_bins,
    list_counts,
    list_movements,
    move_stock,
    query_stock,
    ship_stock,
)
from pilotplant.systems.wms.tasks import cancel_task, confirm_task, create_task, list_tasks, task_status

__all__ = [
    "cancel_task",
    "confirm_receipt",
    "confirm_task",
    "count_stock",
    "create_task",
    "expect_receipt",
    "get_disposition",
    "get_receipt",
    "list_bins",
    "list_counts",
    "list_movements",
    "list_receipts",
    "list_tasks",
    "move_stock",
    "query_stock",
    "set_disposition",
    "ship_stock",
    "task_status",
]
