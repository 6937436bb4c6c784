"""The header of a ledger: the tables that its numbers point into, so that a ledger explains itself."""

from math import inf

import msgspec

MAGIC = b"PPLEDGER1\n"


class Named(msgspec.Struct, frozen=True):
    """An operation or event: its name, the names of its request keys and of its effect, and the effect's kind."""

    name: str
    keys: tuple[str, ...]
    effect_keys: tuple[str, ...]
    effect: str
    query: bool = False
    event: bool = False


class Header(msgspec.Struct, frozen=True):
    """What a reader needs to know before the first record."""

    run: str
    seed: int
    epoch: float
    speed: float
    mode: str
    systems: tuple[str, ...]
    operations: tuple[Named, ...]
    flows: tuple[str, ...] = ()
    late_s: tuple[float, ...] = ()
    """By system, how much later than it happened its lists show a change at most; empty: at once, everywhere."""

    segments: tuple[int, ...] = ()
    """By system, which process has answered its requests (0: the one that has the estate); empty: all are that one."""

    torn: tuple[float, ...] = ()
    """By system, from which moment on what its process wrote is missing, since it was killed; empty: of none."""

    def operation_numbers(self) -> dict[str, int]:
        """From the name of an operation or event to its number."""
        return {named.name: number for number, named in enumerate(self.operations)}

    def shown_within_s(self, system: int) -> float:
        """How long the lists of a system may keep a change to themselves."""
        return self.late_s[system] if self.late_s else 0.0

    def segment(self, system: int) -> int:
        """Which process has answered the requests of a system."""
        return self.segments[system] if self.segments else 0

    def torn_from(self, system: int) -> float:
        """From which moment on what the process of a system wrote is missing; `inf` if nothing is."""
        return self.torn[system] if self.torn else inf

    def system_numbers(self) -> dict[str, int]:
        """From the name of a system to its number."""
        return {name: number for number, name in enumerate(self.systems)}
