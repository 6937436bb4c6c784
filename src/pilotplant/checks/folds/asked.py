"""When requests came, where systems have processes of their own: one that counts as later than something may have come
before it all the same."""

from typing import Any

from pilotplant.checks.case import Case
from pilotplant.ledger.merging import UNCERTAIN_S, Moment, moment_of, undecided
from pilotplant.ledger.records import Commit, Deliver, Request, ResponseEnd, ResponseFirst

CLOSE = f"different processes saw them, within {1000 * UNCERTAIN_S:.0f} ms of each other"
_UNSEEN = "nobody knows when its request came"


class Asked:
    """Memory: what is open. Where one process has written everything, there is nothing to keep and nothing to doubt."""

    def __init__(self, case: Case) -> None:
        self._header = case.header
        self._moments: dict[int, Moment] = {}

    def handlers(self) -> dict[Any, Any]:
        """What it looks at besides the ends of exchanges."""
        return {Request: (None, self.on_request)} if self._header.segments else {}

    def on_request(self, record: Request) -> None:
        """A request came to a system."""
        self._moments[record.seq] = moment_of(record, self._header)

    def on_end(self, record: ResponseEnd) -> None:
        """And is answered."""
        self._moments.pop(record.exchange, None)

    def of(self, record: Commit) -> Moment:
        """When the request came that this answers; if nobody knows, it was not later than what came of it."""
        latest = Moment(record.t, self._header.segment(record.system))
        return self._moments.get(record.exchange, latest)

    def perhaps_before(self, record: Commit, told: Deliver | ResponseFirst | ResponseEnd) -> str:
        """Why the request that this answers may have come before the target was told something; empty if it did not."""
        if not self._header.segments:
            return ""
        asked = self._moments.get(record.exchange)
        if asked is None:
            return _UNSEEN
        return CLOSE if undecided(moment_of(told, self._header), asked) else ""
