"""Does not read Retry-After: the backoff is thought to be patient enough."""

from dataclasses import replace

from pilotplant.reference.calls import CallFailed
from pilotplant.reference.client import SystemClient
from pilotplant.reference.parts import Parts

NUMBER = 37
NAME = "ignores Retry-After"
CHECK = "manners"
SCENARIO = "shift-change"


class OwnPatience(SystemClient):
    """Narrows on "too many requests", and comes back when it likes."""

    def _hold_back(self, failed: CallFailed) -> None:
        failed.retry_after_s = 0.0
        super()._hold_back(failed)


PARTS = replace(Parts(), client=OwnPatience)
