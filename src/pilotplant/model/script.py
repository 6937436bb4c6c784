"""The script of an exchange: the steps that a driver performs, one after the other. Computed without I/O.

Normal is `Commit, Respond`. The most important fault in integration, committed but the answer was lost, is
`Commit, Reset`. A step that a fault put there carries the fault's name, so that the fault counts as bitten only when
the step is really performed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Base of the steps."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class Delay(Step):
    """Wait, in wire time."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Commit(Step):
    """Carry the operation out."""


@dataclass(frozen=True, slots=True)
class Respond(Step):
    """Send the whole answer."""


@dataclass(frozen=True, slots=True)
class Trickle(Step):
    """Send the answer in pieces of `bytes_each`, one every `pause_s`."""

    bytes_each: int = 16
    pause_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Drop(Step):
    """Close the connection in an orderly way, without an answer."""


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """Send the first `at_byte` bytes of the answer, then reset the connection."""

    at_byte: int = 0


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """Keep the answer back until a wire moment of the run, or until everything is healed."""

    until: float = 0.0


Script = tuple[Step, ...]

NORMAL: Script = (Commit(), Respond())
REFUSE: Script = (Respond(),)
DELIVERY: Script = (Respond(),)
"""How an event goes out: nothing is carried out, something is sent."""


def carries_out(script: Script) -> bool:
    """Whether the script is that of a request; what delivers an event carries nothing out."""
    return any(isinstance(step, Commit) for step in script)


def replaced(script: Script, kind: type[Step], step: Step) -> Script:
    """The script with every step of a kind replaced."""
    return tuple(step if isinstance(present, kind) else present for present in script)


def before(script: Script, kind: type[Step], step: Step) -> Script:
    """The script with a step put in front of every step of a kind."""
    widened: list[Step] = []
    for present in script:
        if isinstance(present, kind):
            widened.append(step)
        widened.append(present)
    return tuple(widened)
