"""The three answers of a verification, and the exit codes that carry them to a pipeline."""

from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """What a check, a scenario or a run came to."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Exit(IntEnum):
    """Exit codes. When several apply the first in `PRECEDENCE` wins."""

    PASS = 0
    VIOLATION = 1
    USAGE = 2
    THRESHOLD = 3
    UNKNOWN = 4
    UNREACHABLE = 5
    INTERNAL = 70
    INTERRUPTED = 130


PRECEDENCE = (
    Exit.INTERNAL,
    Exit.INTERRUPTED,
    Exit.USAGE,
    Exit.UNREACHABLE,
    Exit.VIOLATION,
    Exit.THRESHOLD,
    Exit.UNKNOWN,
    Exit.PASS,
)


def worst(codes: list[Exit]) -> Exit:
    """The exit code to end with when several apply."""
    return next((code for code in PRECEDENCE if code in codes), Exit.PASS)
