"""What every check is: handlers by kind of record, fused with all others into one pass, and findings at the end."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.finding import Doubt, Finding
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Record

Handler = Callable[[Any], None]
Wants = Callable[[Named], bool]
Handlers = dict[type[Record], tuple[Wants | None, Handler]]
"""By kind of record: for which operations (`None` where the kind has none, or for all), and what to call."""


class Check(ABC):
    """A judge over the ledger. Subclasses stand one per file and set `NAME` and `ABOUT`."""

    NAME: ClassVar[str]
    ABOUT: ClassVar[str]
    BY_CONSTRUCTION: ClassVar[str] = ""
    """What-if: why a model cannot but keep it. Where this is empty, nothing can be said of it there."""

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        self.case = case
        self.knowledge = knowledge
        self.promises = promises
        self.findings: list[Finding] = []
        self.doubts: list[Doubt] = []
        self.examined = 0
        """How much came about that it could judge; of nothing, nothing is said."""
        self.idle = ""
        """Why there was nothing to judge, where that is no reason to doubt: set at the end, and only if nothing was."""

    def handlers(self) -> Handlers:
        """What this check looks at."""
        return {}

    @abstractmethod
    def applies(self) -> bool:
        """Whether the flows of this run say anything that it could judge."""

    def finish(self) -> None:
        """Conclude, after the last record."""

    def doubt(self, sentence: str, would_help: str = "") -> None:
        """Say what could not be decided."""
        self.doubts.append(Doubt(self.NAME, sentence, would_help))
