"""What the gate asks, and the answer: a middleware's version against every contract and every scenario."""

from typing import Literal

import msgspec

from pilotplant.model.verdict import Exit, Verdict, worst

Kind = Literal["pact", "flow", "scenario", "accepted", "coverage"]
KINDS: tuple[Kind, ...] = ("pact", "flow", "scenario", "accepted", "coverage")


class Cell(msgspec.Struct, frozen=True):
    """One thing that was asked of one middleware."""

    target: str
    kind: Kind
    name: str
    exit: int
    sentence: str
    where: str = ""
    """The run directory or the pact that says more."""

    @property
    def speaks(self) -> bool:
        """Whether it has to be read: whatever speaks against, and what passes only because somebody answers for it."""
        return self.verdict is not Verdict.PASS or self.kind == "accepted"

    @property
    def verdict(self) -> Verdict:
        """What the exit code stands for."""
        if self.exit == Exit.PASS:
            return Verdict.PASS
        return Verdict.FAIL if self.exit in _NO else Verdict.UNKNOWN


_NO = (Exit.VIOLATION, Exit.THRESHOLD, Exit.UNREACHABLE)


class Gate(msgspec.Struct, frozen=True):
    """All of it."""

    version: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    """What was not asked, and why."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The middlewares, in order."""
        return tuple(dict.fromkeys(cell.target for cell in self.cells))

    @property
    def columns(self) -> tuple[tuple[Kind, str], ...]:
        """What was asked of any of them, contracts before scenarios."""
        asked: dict[tuple[Kind, str], None] = dict.fromkeys((cell.kind, cell.name) for cell in self.cells)
        return tuple(sorted(asked, key=lambda column: KINDS.index(column[0])))

    def cell(self, target: str, kind: Kind, name: str) -> Cell | None:
        """What came of one thing; nothing if it was not asked."""
        return next((c for c in self.cells if (c.target, c.kind, c.name) == (target, kind, name)), None)

    @property
    def exit(self) -> Exit:
        """The exit code of the answer; a gate that asked nothing has no answer."""
        return worst([Exit(cell.exit) for cell in self.cells] or [Exit.UNKNOWN])

    @property
    def answer(self) -> str:
        """Yes, no or unknown."""
        if self.exit is Exit.PASS:
            return "yes"
        return "no" if any(cell.verdict is Verdict.FAIL for cell in self.cells) else "unknown"
