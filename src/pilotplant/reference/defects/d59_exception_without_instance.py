"""Raises every exception as "interface error" under a number of its own: what it is about stands in a log."""

from dataclasses import replace
from hashlib import sha256

from pilotplant.reference.messages import Owner
from pilotplant.reference.notices import Notices
from pilotplant.reference.parts import Parts

NUMBER = 59
NAME = "exception without owner or instance"
CHECK = "traceability"
SCENARIO = "erp-rejects"


class InterfaceError(Notices):
    """Has one form for all that can go wrong."""

    def exception(
        self, flow: str, subject: str, plant: str, *, owner: Owner, reason: str, text: str, traceparent: str
    ) -> None:
        number = sha256(f"{flow}|{subject}|{plant}|{reason}".encode()).hexdigest()[:12]
        super().exception(
            "interface",
            f"ERR-{number}",
            "",
            owner="plant-it",
            reason="interface-error",
            text="see the log of the middleware",
            traceparent=traceparent,
        )


PARTS = replace(Parts(), notices=InterfaceError)
