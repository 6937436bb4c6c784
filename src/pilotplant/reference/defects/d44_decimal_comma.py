"""Reads numbers of the German plant as Germans write them: a point groups thousands, so it is taken out."""

from dataclasses import replace

import msgspec

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import OrderCompleted, PostStock
from pilotplant.reference.parts import Parts

NUMBER = 44
NAME = "decimal or locale"
CHECK = "data"
SCENARIO = "eco-cascade"


class GermanNumbers(Mapping):
    """Right for `1.000` pieces, and wrong for 22.5 kg."""

    def stock_document(self, done: OrderCompleted) -> PostStock:
        document = super().stock_document(done)
        if not done.plant.startswith("DE"):
            return document
        lines = (msgspec.structs.replace(line, quantity=_german(f"{line.quantity:g}")) for line in document.lines)
        return msgspec.structs.replace(document, lines=tuple(lines))


def _german(text: str) -> float:
    return float(text.replace(".", "").replace(",", "."))


PARTS = replace(Parts(), mapping=GermanNumbers)
