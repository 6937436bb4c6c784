"""Books every movement of a warehouse, also from bin to bin: an issue here and a receipt there, so nothing is lost."""

from dataclasses import replace

from pilotplant.reference.mapping import Mapping
from pilotplant.reference.messages import PostStock, StockLine, StockMoved
from pilotplant.reference.parts import Parts

NUMBER = 28
NAME = "books what concerns nobody else"
CHECK = "completeness"
SCENARIO = "stock-movements"


class BooksAllMoves(Mapping):
    """Does not ask whether ERP knows the place."""

    def transfer(self, moved: StockMoved) -> PostStock | None:
        if document := super().transfer(moved):
            return document
        lines = (
            StockLine("issue", moved.item, moved.quantity, moved.unit, moved.lot, moved.from_status),
            StockLine("receipt", moved.item, moved.quantity, moved.unit, moved.lot, moved.to_status),
        )
        return PostStock(moved.plant, moved.posting_date, lines, moved.movement)


PARTS = replace(Parts(), mapping=BooksAllMoves)
