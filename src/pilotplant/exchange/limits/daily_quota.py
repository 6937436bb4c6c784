"""So many requests within any 24 hours: whoever has used them up is out for the rest of the day."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.exchange.limits.limit import LimitSpec
from pilotplant.exchange.limits.sliding_window import SlidingWindow

DAY_S = 86_400.0


class DailyQuotaSpec(LimitSpec):
    """`{kind: daily-quota, requests: 10000, code: "4084", retry_after: absent}`"""

    KIND: ClassVar[str] = "daily-quota"

    requests: Annotated[int, Field(ge=1)]
    per_s: Annotated[float, Field(gt=0)] = DAY_S
    """A day, in wire time like all limits; a test that has no day to spare sets it shorter."""

    def build(self) -> "DailyQuota":
        return DailyQuota(self.requests, self.per_s)


class DailyQuota(SlidingWindow):
    """Rolls: a request counts until a day after it came."""
