"""So many requests at once from a full bucket, and then as many as flow in: bursts are free, a steady stream is not."""

from typing import Annotated, ClassVar

from pydantic import Field

from pilotplant.exchange.limits.limit import Limit, LimitSpec


class TokenBucketSpec(LimitSpec):
    """`{kind: token-bucket, burst: 100, per_s: 20}`"""

    KIND: ClassVar[str] = "token-bucket"

    burst: Annotated[int, Field(ge=1)]
    """How much the bucket holds; it is full at first."""
    per_s: Annotated[float, Field(gt=0)]
    """How many requests flow in per second."""

    def build(self) -> "TokenBucket":
        return TokenBucket(self.burst, self.per_s)


class TokenBucket(Limit):
    """A bucket that fills steadily; each request that is taken needs a whole token."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._tokens = float(burst)
        self._filled_at = 0.0

    def take(self, now: float) -> float:
        self._tokens = min(float(self._burst), self._tokens + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        if self._tokens < 1 - 1e-9:  # so that whoever comes just when it was told does not meet a rounding error
            return (1 - self._tokens) / self._per_s
        self._tokens -= 1
        return 0.0

    def give_back(self) -> None:
        self._tokens += 1
