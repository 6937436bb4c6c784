"""`replay`: the moments of an earlier run, read from its ledger: what really happened, once more, perhaps faster."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Annotated, ClassVar, Self

from pydantic import Field

from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Stimulus
from pilotplant.load.arrivals.arrival import Arrivals
from pilotplant.model.errors import LedgerError


class Replay(Arrivals):
    """Every time that operation `of` was a stimulus of that run, `do` happens again; gaps are divided by `faster`.

    `of` is the operation that the stimulus called, as `pilotplant ledger show` names it; the stimulus' own name if
    empty.
    """

    SHAPE: ClassVar[str] = "replay"

    run: str
    """The directory of the run."""
    of: str = ""
    faster: Annotated[float, Field(gt=0, le=10_000)] = 1.0

    @cached_property
    def _found(self) -> tuple[float, ...]:
        try:
            ledger = Ledger(Path(self.run))
        except LedgerError as error:
            raise ValueError(error.message) from None
        number = ledger.header.operation_numbers().get(self.of or self.do, -1)
        moments = sorted(r.planned for r in ledger if isinstance(r, Stimulus) and r.operation == number)
        if not moments:
            raise ValueError(f"the ledger of {self.run} has no stimulus `{self.of or self.do}`")
        return tuple(moment - moments[0] for moment in moments)

    @property
    def length_s(self) -> float:
        return self._found[-1] / self.faster

    @property
    def expected(self) -> float:
        return float(len(self._found))

    def moments(self, chance: Random) -> Iterator[float]:
        del chance
        yield from (moment / self.faster for moment in self._found)

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"faster": self.faster * factor})
