"""Tells PLM "accepted" once it is through with a change, whatever came of it: the status means "processed"."""

from dataclasses import replace

from pilotplant.reference.notices import Notices
from pilotplant.reference.parts import Parts

NUMBER = 27
NAME = "false success reported"
CHECK = "completeness"
SCENARIO = "erp-rejects"


class ProcessedIsAccepted(Notices):
    """Reports ends, not outcomes."""

    def report(self, change: str, plant: str, *, accepted: bool, text: str, path: str, traceparent: str) -> None:
        super().report(change, plant, accepted=True, text=text, path=path, traceparent=traceparent)


PARTS = replace(Parts(), notices=ProcessedIsAccepted)
