"""What came of verifying pacts: one entry for each interaction, and the exit code for all of them."""

import msgspec

from pilotplant.model.verdict import Exit, Verdict, worst


class Mismatch(msgspec.Struct, frozen=True):
    """One thing that was not as the consumer expects it."""

    place: str
    """`status`, `header content-type`, or a path into the body: `$.items[0].unit`."""
    expected: str
    got: str
    sentence: str


class Checked(msgspec.Struct, frozen=True):
    """An interaction, and what came of it. Of one that was not put to the test, `sentence` says why."""

    source: str
    consumer: str
    provider: str
    description: str
    kind: str
    states: tuple[str, ...]
    verdict: Verdict
    sentence: str = ""
    mismatches: tuple[Mismatch, ...] = ()
    derived: bool = False


class Verification(msgspec.Struct, frozen=True):
    """All of it."""

    against: str
    """Whom it was asked of: the estate, or the address of a system."""
    checked: tuple[Checked, ...]

    @property
    def verdict(self) -> Verdict:
        """Pass only if there was something to verify, and all of it was kept."""
        return VERDICTS[self.exit]

    @property
    def exit(self) -> Exit:
        """The exit code: nothing verified is unknown, never passed."""
        found = {each.verdict for each in self.checked}
        codes = [Exit.PASS]
        if Verdict.FAIL in found:
            codes.append(Exit.VIOLATION)
        if Verdict.UNKNOWN in found or not found:
            codes.append(Exit.UNKNOWN)
        return worst(codes)

    def count(self, verdict: Verdict) -> int:
        """How many came to this."""
        return sum(each.verdict is verdict for each in self.checked)


VERDICTS = {Exit.PASS: Verdict.PASS, Exit.VIOLATION: Verdict.FAIL, Exit.UNKNOWN: Verdict.UNKNOWN}
"""The verdicts that exit codes of a verification stand for."""
