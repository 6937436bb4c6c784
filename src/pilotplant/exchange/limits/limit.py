"""What every limit is: something that takes a request or names the moment from which it would."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from pilotplant.model.discovery import classes


class LimitSpec(BaseModel, ABC):
    """The settings of a limit in a profile. Subclasses stand one per file and set `KIND`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    KIND: ClassVar[str]

    kind: str

    @abstractmethod
    def build(self) -> "Limit":
        """A limit with these settings and no history."""


class Limit(ABC):
    """A limit at work."""

    @abstractmethod
    def take(self, now: float) -> float:
        """Take a request: 0, or how many seconds later it would be taken."""

    def done(self) -> None:
        """A request that was taken is over."""

    def give_back(self) -> None:
        """The request taken last was refused by another limit after all."""
        self.done()


@cache
def limit_kinds() -> Mapping[str, type[LimitSpec]]:
    """The kinds of limits, by the name that a profile uses."""
    return {kind.KIND: kind for kind in classes("pilotplant.exchange.limits", LimitSpec)}  # type: ignore[type-abstract]
