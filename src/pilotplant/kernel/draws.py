"""Chance that can be replayed.

Data and stimuli draw from named *streams*. Faults and latencies are *keyed* draws: a pure function of the seed and of
what is being decided, so that another order of arrival, or one stimulus fewer, changes no other decision.
"""

from hashlib import blake2b
from math import exp, log
from random import Random
from statistics import NormalDist


class Draws:
    """Everything random in a run, from one seed."""

    def __init__(self, seed: int, mark: str = "") -> None:
        self.seed = seed
        self._mark = mark
        """What numbers of this run carry: it changes no draw, so that the seed alone says what happens."""
        self._prefix = f"{seed}|".encode()
        self._streams: dict[str, Random] = {}

    def stream(self, name: str) -> Random:
        """The named stream; it does not depend on which other streams are used."""
        if name not in self._streams:
            self._streams[name] = self.fresh(name)
        return self._streams[name]

    def fresh(self, name: str) -> Random:
        """The named stream from its beginning, not kept: for what is decided once, however much of it there is."""
        return Random(self.number(f"stream|{name}"))

    def number(self, key: str) -> int:
        """A 64-bit number that depends on the seed and the key only."""
        if self._mark:
            key = key.replace(self._mark, "")
        return int.from_bytes(blake2b(self._prefix + key.encode("utf-8", "surrogatepass"), digest_size=8).digest())

    def uniform(self, key: str) -> float:
        """A number in [0, 1) that depends on the seed and the key only."""
        return self.number(key) / 2**64

    def token(self, key: str) -> str:
        """An unguessable-looking identifier that is the same in every replay."""
        return blake2b(self._prefix + key.encode(), digest_size=16, person=b"token").hexdigest()


_NORMAL = NormalDist()


def lognormal(u: float, median: float, p95: float) -> float:
    """The u-quantile of the lognormal distribution with this median and 95th percentile."""
    if p95 <= median:
        return median
    sigma = log(p95 / median) / 1.6448536269514722
    return median * exp(sigma * _NORMAL.inv_cdf(min(max(u, 1e-9), 1 - 1e-9)))
