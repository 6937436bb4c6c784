"""What a campaign came to: defect by check, scenario and seeds. The certificate of the harness."""

from typing import Any

import msgspec

from pilotplant.model.verdict import Exit, worst


class Passed(msgspec.Struct, frozen=True):
    """What became of the reference as it is. An alarm about it is false."""

    runs: int
    false_alarms: int
    unknown: int


class Caught(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a defect. It counts as caught only if its own check has named it."""

    id: str
    name: str
    caught: bool
    check: str
    scenario: str
    seeds: int
    """How many it took, or were tried in vain."""
    also: tuple[str, ...]
    """Other checks that found something."""
    why: str = ""
    """What its check said; of one that was not caught, what is known of the reason."""


class Matrix(msgspec.Struct, frozen=True):
    """All of it."""

    reference: Passed
    defects: tuple[Caught, ...]
    elapsed_s: float
    alarms: tuple[str, ...] = ()
    """Each false alarm: where it was raised, and what it said."""
    doubts: tuple[str, ...] = ()
    """Each run of the reference that came to nothing: where, and why."""

    @property
    def missed(self) -> tuple[Caught, ...]:
        """The defects that their own check did not name."""
        return tuple(defect for defect in self.defects if not defect.caught)

    @property
    def exit(self) -> Exit:
        """Pass only if everything was caught, and nothing was said of the reference."""
        codes = [Exit.PASS]
        if self.reference.false_alarms or self.missed:
            codes.append(Exit.VIOLATION)
        if self.reference.unknown or not (self.reference.runs or self.defects):
            codes.append(Exit.UNKNOWN)
        return worst(codes)


_PUBLIC = ("id", "name", "caught", "check", "scenario", "seeds", "also")


def for_programs(matrix: Matrix) -> dict[str, Any]:
    """What `--format json` prints: what others build on, without the sentences."""
    return {
        "reference": msgspec.to_builtins(matrix.reference),
        "defects": [{name: getattr(defect, name) for name in _PUBLIC} for defect in matrix.defects],
        "elapsed_s": matrix.elapsed_s,
    }
