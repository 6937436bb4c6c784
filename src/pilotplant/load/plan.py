"""What is to happen when: all arrivals of a profile in order, the same for the same seed, whoever drives them."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from pilotplant.kernel.draws import Draws
from pilotplant.load.model import LoadSpec
from pilotplant.run.stimulation import Occurrence


@dataclass(frozen=True)
class Plan:
    """The occurrences, in order of their moments, and a hash of them."""

    occurrences: tuple[Occurrence, ...]
    digest: str

    @property
    def length_s(self) -> float:
        """The moment of the last."""
        return self.occurrences[-1].moment if self.occurrences else 0.0


def planned(profile: LoadSpec, seed: int) -> Plan:
    """Every arrival of the profile. Each has chance of its own: one fewer changes no other."""
    draws = Draws(seed)
    found = sorted(_occurrences(profile, draws), key=lambda occurrence: (occurrence.moment, occurrence.number))
    digest = blake2b(digest_size=16)
    for occurrence in found:
        digest.update(f"{profile.arrivals[occurrence.number].do}|{occurrence.moment:.6f}|{occurrence.key};".encode())
    return Plan(tuple(found), digest.hexdigest())


def _occurrences(profile: LoadSpec, draws: Draws) -> Iterable[Occurrence]:
    for number, arrivals in enumerate(profile.arrivals):
        key = arrivals.key or str(number)
        chance = draws.fresh(f"load|{key}|{arrivals.do}|{arrivals.shape}")
        for position, moment in enumerate(arrivals.moments(chance)):
            yield Occurrence(arrivals.start + moment, number, f"load.{key}.{position}")
