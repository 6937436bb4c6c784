"""Thresholds in k6's manner: a metric, perhaps a statistic, an operator, a value. `confirmation_to_stock p95 < 5s`."""

import re
from typing import NamedTuple

from pilotplant.model.instants import seconds

LATENCIES = {
    "change_propagation": "from the release of an engineering change until the last plant step is ready",
    "confirmation_to_stock": "from a confirmation at the shop floor until its stock is booked",
    "product_launch": "from the launch of a product until it is released for production at a plant",
    "order_update": "from the release of a production order, or its start, until the shop floor has it",
    "master_data_sync": "from a new part until the ERP of a plant knows it",
    "plant_data_sync": "from a change of an item in the ERP until the shop floor knows it",
    "movement_to_stock": "from a stock movement until it is booked",
    "asn_to_expected": "from an announcement of goods until all that has to expect them does",
    "receipt_to_stock": "from the receipt of goods until they are booked",
    "purchase_change": "from the superseding of a part on order until the order is as agreed",
    "supplier_response": "from a question to a supplier until it answers",
}
"""Each with a statistic, in seconds."""
COUNTS = {
    "facts.doubled": "what `once` convicts: facts, such as postings, that took effect more than once",
    "facts.lost": "what `completeness` convicts: what was promised and never happened",
    "findings": "what the checks found",
    "exceptions": "exceptions that the target raised",
    "refusals": "requests that the simulators refused",
    "exchanges": "requests to the simulators",
    "events": "events of the simulators",
}
SHARES = {
    "bom_accuracy": "structures in the ERP that are as engineering has them, in per cent",
    "bom_first_pass": "structures that were sent once only, in per cent",
    "inventory_reconciliation": "postings that are booked as reported, in per cent",
    "stock_reconciled": "items and lots of which MES, WMS and ERP say the same, in per cent",
    "items_on_prior_revision": "items that are on a prior revision at a plant",
    "asn_success": "goods announced that were noted once and right, in per cent",
    "order_accuracy": "orders at the shop floor that are as released, in per cent",
    "item_accuracy": "items in the ERP that are as engineering has them, in per cent",
    "shop_item_accuracy": "items at the shop floor that are as in the ERP, in per cent",
    "units_superseded": "units that were built to a superseded revision",
    "exceptions_open": "exceptions that nobody has resolved",
    "changes_awaiting_erp": "changes that no ERP has yet",
    "unfinished_high": "what was not carried out, of high business impact",
    "unfinished_normal": "what was not carried out, of normal business impact",
    "unfinished_low": "what was not carried out, of low business impact",
}

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
