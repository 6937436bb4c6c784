"""The header of a ledger: the tables that its numbers point into, so that a ledger explains itself."""

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

    def operation_numbers(self) -> dict[str, int]:
        """From the name of an operation or event to its number."""
        return {named.name: number for number, named in enumerate(self.operations)}

    def shown_within_s(self, system: int) -> float:
        """How long the lists of a system may keep a change to themselves."""
        return self.late_s[system] if self.late_s else 0.0

    def segment(self, system: int) -> int:
        """Which process has answered the requests of a system."""
        return self.segments[system] if self.segments else 0

    def system_numbers(self) -> dict[str, int]:
        """From the name of a system to its number."""
        return {name: number for number, name in enumerate(self.systems)}
