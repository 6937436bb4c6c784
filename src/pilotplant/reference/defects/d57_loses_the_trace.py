"""Tells the desk and PLM without the trace of the cause: the context was not carried through the outbox."""

from dataclasses import replace

import msgspec

from pilotplant.reference.notices import Notices
from pilotplant.reference.parts import Parts

NUMBER = 57
NAME = "loses the correlation id"
CHECK = "traceability"
SCENARIO = "erp-rejects"


class ForgetsTheTrace(Notices):
    """Keeps what is to be told, not why."""

    def _note(self, key: str, system: str, path: str, body: msgspec.Struct, traceparent: str) -> None:
        super()._note(key, system, path, body, "")


PARTS = replace(Parts(), notices=ForgetsTheTrace)
