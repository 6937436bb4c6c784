"""What a check found: one sentence that a plant engineer understands, and the records that prove it."""

import re
from enum import StrEnum
from hashlib import blake2b

import msgspec

from pilotplant.model.verdict import Verdict

_PASSING = re.compile(r"(?<=\?)\d+|(?<=dropped\|)\d+")
MARK = re.compile(r"-R[0-9A-Z]{6}-")
"""What the numbers of a run carry whose target may remember earlier runs."""


class Severity(StrEnum):
    """Whether a finding fails the run or only warns."""

    FAIL = "fail"
    WARN = "warn"


class Proof(msgspec.Struct, frozen=True):
    """A record of the ledger, told so that it can be drawn: `lane` is a system, the target, or the scenario."""

    seq: int
    t: float
    lane: str
    text: str
    towards: str = ""
    """The other lane, where the record is a message from `lane` to it."""


class Finding(msgspec.Struct, frozen=True):
    """A proven violation."""

    check: str
    sentence: str
    proof: tuple[Proof, ...]
    plant: str = ""
    instance: str = ""
    step: str = ""
    severity: Severity = Severity.FAIL
    effect: str = ""
    flow: str = ""
    """Whose instance it is; several flows may have one of the same name."""
    accepted: str = ""
    """Who answers for it until when, and why, where `accepted.yaml` says so."""

    @property
    def fingerprint(self) -> str:
        """The same defect in another run of the same scenario and seed has the same fingerprint: numbers that tell only
        when something happened (documents without a cause, records, the mark of a run) are no part of it."""
        identity = "|".join((self.check, self.instance, self.step, _PASSING.sub("", self.effect)))
        identity = MARK.sub("-", identity)
        return blake2b(identity.encode(), digest_size=4).hexdigest()


class Doubt(msgspec.Struct, frozen=True):
    """Something that could not be decided, and what would make it known."""

    check: str
    sentence: str
    would_help: str = ""


class CheckResult(msgspec.Struct, frozen=True):
    """What one check came to."""

    check: str
    about: str
    verdict: Verdict
    sentence: str
    findings: int = 0
    warnings: int = 0
