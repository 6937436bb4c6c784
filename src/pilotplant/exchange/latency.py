"""How long a system takes, as its profile says."""

from collections import Counter

from pilotplant.exchange.profile import LatencySpec
from pilotplant.kernel.draws import Draws, lognormal


class Latency:
    """Drawn by what is asked and how often it was asked before, so that the order of arrival decides nothing."""

    def __init__(self, system: str, spec: LatencySpec, draws: Draws) -> None:
        self.median_ms = spec.median_ms
        self._p95_ms = spec.p95_ms
        self._system = system
        self._draws = draws
        self._asked: Counter[int] = Counter()

    def seconds(self, operation: str, keys: tuple[str, ...]) -> float:
        """For the next request of this kind."""
        asked = self._draws.number(f"latency|{self._system}|{operation}|{'|'.join(keys)}")
        self._asked[asked] += 1
        drawn = self._draws.uniform(f"{asked}|{self._asked[asked]}")
        return lognormal(drawn, self.median_ms, self._p95_ms) / 1000
