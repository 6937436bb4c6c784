"""Units of measure: what a plant may call an engineering unit, and quantities that can be counted in it."""

from math import ceil

LOCAL_UNITS = {"EA": ("BX", 1 / 12), "kg": ("g", 1000.0), "m": ("mm", 1000.0)}
"""Engineering unit to a plant's own unit, and how many of those are one engineering unit."""

DIVISIBLE = frozenset(("kg", "m"))


def countable(quantity: float, unit: str) -> float:
    """The smallest quantity in this unit that is at least `quantity`: whole pieces, boxes, grams and millimetres."""
    if unit in DIVISIBLE:
        return ceil(quantity * 1000 - 1e-6) / 1000
    return float(ceil(quantity - 1e-9))
