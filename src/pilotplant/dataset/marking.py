"""The mark of a run: what its numbers carry, so that a target that rightly remembers yesterday takes them for new.

The same seed has the same numbers. A middleware that keeps what it has carried out would rightly do nothing when they
come again the next day, and would be accused of losing them. Where it cannot be reset, each run marks its numbers. The
mark is recorded and changes no draw: with it, numbers are the same again as well.
"""

import re

from msgspec.structs import replace

from pilotplant.dataset.records import Dataset

MARK = re.compile(r"R[0-9A-Z]{6}-")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def mark_of(moment: float) -> str:
    """The mark of a run that begins at this moment; another for every second of decades."""
    number, text = int(moment), ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return f"R{text}-"


def marked(dataset: Dataset, mark: str) -> Dataset:
    """The data with the mark in the numbers of their orders."""
    if not mark:
        return dataset
    return replace(
        dataset,
        mark=mark,
        production_orders=tuple(replace(o, order=_with(o.order, mark)) for o in dataset.production_orders),
        purchase_orders=tuple(replace(o, order=_with(o.order, mark)) for o in dataset.purchase_orders),
    )


def _with(number: str, mark: str) -> str:
    before, dash, last = number.rpartition("-")
    return f"{before}{dash}{mark}{last}"
