"""Thresholds in k6's manner: a metric, perhaps a statistic, an operator, a value. `confirmation_to_stock p95 < 5s`."""

import re
from typing import NamedTuple

from pilotplant.model.instants import seconds

LATENCIES = (
    "change_propagation",
    "confirmation_to_stock",
    "product_launch",
    "order_update",
    "master_data_sync",
    "plant_data_sync",
    "movement_to_stock",
    "asn_to_expected",
    "receipt_to_stock",
    "purchase_change",
    "supplier_response",
)
COUNTS = ("facts.doubled", "facts.lost", "findings", "exceptions", "refusals", "exchanges", "events")
SHARES = (
    "bom_accuracy",
    "bom_first_pass",
    "inventory_reconciliation",
    "stock_reconciled",
    "items_on_prior_revision",
    "asn_success",
    "order_accuracy",
    "item_accuracy",
    "shop_item_accuracy",
    "units_superseded",
    "exceptions_open",
    "changes_awaiting_erp",
    "unfinished_high",
    "unfinished_normal",
    "unfinished_low",
)

_FORM = re.compile(
    r"(?P<metric>[a-z_.]+)(?:\{plant:(?P<plant>\w+)\})?(?:\s+(?P<stat>p\d{1,2}(?:\.\d+)?|avg|med|max))?"
    r"\s*(?P<operator><=|>=|==|!=|<|>)\s*(?P<value>[\d.]+)\s*(?P<unit>ms|s|m|h|%)?"
)


class Threshold(NamedTuple):
    """A threshold that was read."""

    expression: str
    metric: str
    plant: str
    stat: str
    operator: str
    value: float


def read(expression: str) -> Threshold:
    """Read a threshold; `ValueError` says what is wrong with it."""
    match = _FORM.fullmatch(expression.strip())
    if match is None:
        raise ValueError(f"{expression!r} is not a threshold; write it like `change_propagation p95 < 8s`")
    metric, stat, unit = match["metric"], match["stat"] or "", match["unit"] or ""
    known = (*LATENCIES, *COUNTS, *SHARES)
    if metric not in known:
        raise ValueError(f"there is no metric `{metric}`; known are {', '.join(known)}")
    if metric in LATENCIES and not stat:
        raise ValueError(f"`{metric}` needs a statistic: p50, p95, max, avg or med")
    if metric not in LATENCIES and stat:
        raise ValueError(f"`{metric}` is one number and has no {stat}")
    value = seconds(match["value"] + unit) if unit and unit != "%" else float(match["value"])
    return Threshold(expression, metric, match["plant"] or "", stat, match["operator"], value)
