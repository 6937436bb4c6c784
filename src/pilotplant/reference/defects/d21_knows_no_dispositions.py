"""Passes over what a change says of superseded stock: the field was added to the event after the go-live."""

from dataclasses import replace

from pilotplant.reference.flows.disposition import Dispositions
from pilotplant.reference.messages import Affected
from pilotplant.reference.parts import Parts

NUMBER = 21
NAME = "disposition never set"
CHECK = "completeness"
SCENARIO = "stock-movements"


class LeavesStockAlone(Dispositions):
    """Knows items and revisions of a change."""

    def concerned(self, affected: Affected) -> list[str]:
        return []


PARTS = replace(Parts(), flows=(LeavesStockAlone,))
