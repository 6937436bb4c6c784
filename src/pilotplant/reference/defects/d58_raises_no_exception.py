"""Writes an error into its own log and tells nobody: the desk was to be connected in the second phase."""

import logging
from dataclasses import replace

from pilotplant.reference.messages import Owner
from pilotplant.reference.notices import Notices
from pilotplant.reference.parts import Parts

NUMBER = 58
NAME = "raises no exception for what it gives up on"
CHECK = "completeness"
SCENARIO = "erp-rejects"

log = logging.getLogger("pilotplant.reference")


class LogsOnly(Notices):
    """Knows no desk."""

    def exception(
        self, flow: str, subject: str, plant: str, *, owner: Owner, reason: str, text: str, traceparent: str
    ) -> None:
        log.error("%s %s %s: %s %s", flow, subject, plant, reason, text)


PARTS = replace(Parts(), notices=LogsOnly)
