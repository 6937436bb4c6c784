"""Leaves the movements that were booked when a later one of the same order is refused: a person will see to it."""

from dataclasses import replace

from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts
from pilotplant.reference.variants.line_by_line import LineByLine
from pilotplant.reference.works import Work

NUMBER = 30
NAME = "no compensation"
CHECK = "atomicity"
SCENARIO = "erp-rejects"


class LeavesItHalf(LineByLine):
    """Takes nothing back."""

    async def take_back(self, erp: SystemClient, entry: Work) -> None:
        return


PARTS = replace(Parts(), posting=LeavesItHalf)
