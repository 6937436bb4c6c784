"""What a fuzzing campaign came to: how much was asked, what each check judged, what it found."""

import msgspec

from pilotplant.model.verdict import Exit, Verdict, worst


class FuzzFinding(msgspec.Struct, frozen=True):
    """Something that a system does against what it promises; `times` is how often it was seen."""

    system: str
    operation: str
    check: str
    sentence: str
    request: str
    answer: str
    times: int = 1


class Judged(msgspec.Struct, frozen=True):
    """How often a check had something to judge."""

    check: str
    about: str
    times: int
    needed: bool = True
    """Whether it is unknown where there was nothing to judge; not so where no profile promises the matter."""


class Asked(msgspec.Struct, frozen=True):
    """What a simulator was asked, and how it answered."""

    system: str
    requests: int
    carried_out: int
    refused: int
    unasked: tuple[str, ...] = ()
    """Operations that no request was for: nothing is known of them."""
    never: tuple[str, ...] = ()
    """Operations that were asked for, and that nothing came of but refusals."""


class Fuzzed(msgspec.Struct, frozen=True):
    """All of it."""

    seed: int
    asked: tuple[Asked, ...]
    checks: tuple[Judged, ...]
    findings: tuple[FuzzFinding, ...]
    elapsed_s: float

    @property
    def requests(self) -> int:
        """How many requests were generated."""
        return sum(each.requests for each in self.asked)

    @property
    def exit(self) -> Exit:
        """Pass only if nothing was found, every operation was asked, and every check had something to judge."""
        codes = [Exit.PASS]
        if self.findings:
            codes.append(Exit.VIOLATION)
        blind = any(check.needed and not check.times for check in self.checks)
        if blind or not self.requests or any(asked.unasked or not asked.requests for asked in self.asked):
            codes.append(Exit.UNKNOWN)
        return worst(codes)

    @property
    def verdict(self) -> Verdict:
        """The verdict that the exit code stands for."""
        return {Exit.PASS: Verdict.PASS, Exit.VIOLATION: Verdict.FAIL}.get(self.exit, Verdict.UNKNOWN)
