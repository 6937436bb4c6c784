"""What every limit is: something that takes a request or names the moment from which it would, and how it says no."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.model.discovery import classes
from pilotplant.model.problem import RateLimited, Rejection, RequestLimitExceeded
from pilotplant.model.script import Refuse

GROWTH_MAX = 5
"""How many times the wait grows at most for those who keep sending."""


class LimitSpec(BaseModel, ABC):
    """The settings of a limit in a profile. Subclasses stand one per file and set `KIND`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    KIND: ClassVar[str]

    kind: str
    status: Literal[400, 429] = 429
    """400 with a code in the body instead of 429, as some vendors do."""
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,60}$")] = ""
    """The vendor's own code for it, in the body; without one, ours."""
    retry_after: Literal["seconds", "date", "absent", "growing"] = "seconds"
    """How the answer says when to come again; growing: longer with every request that is refused."""

    @abstractmethod
    def build(self) -> "Limit":
        """A limit with these settings and no history."""


class Limit(ABC):
    """A limit at work."""

    @abstractmethod
    def take(self, now: float) -> float:
        """Take a request: 0, or how many seconds later it would be taken."""

    def done(self, now: float, executed_s: float) -> None:
        """A request that was taken is over; it took the system so long to carry it out."""

    def give_back(self) -> None:
        """The request taken last was refused by another limit after all."""


class Gate:
    """A limit with its own way of saying no."""

    def __init__(self, spec: LimitSpec) -> None:
        self._spec = spec
        self.limit = spec.build()
        self._refused = 0
        """How many requests were refused since one was taken."""

    def take(self, now: float) -> Refuse | None:
        """Take a request, or say how it is refused."""
        wait_s = self.limit.take(now)
        if not wait_s:
            self._refused = 0
            return None
        self._refused += 1
        spec = self._spec
        if spec.retry_after == "absent":
            wait_s = 0.0
        elif spec.retry_after == "growing":
            wait_s *= min(self._refused, GROWTH_MAX)
        as_date = spec.retry_after == "date"
        return Refuse(problem=self._problem(0.0 if as_date else wait_s), retry_after_s=wait_s, as_date=as_date)

    def _problem(self, wait_s: float) -> Rejection:
        kind, code = self._spec.KIND, self._spec.code
        if self._spec.status == RateLimited.status:
            return RateLimited(limit=kind, vendor_code=code, retry_after_s=wait_s)
        return RequestLimitExceeded(limit=kind, vendor_code=code)


@cache
def limit_kinds() -> Mapping[str, type[LimitSpec]]:
    """The kinds of limits, by the name that a profile uses."""
    return {kind.KIND: kind for kind in classes("pilotplant.exchange.limits", LimitSpec)}  # type: ignore[type-abstract]
