"""How long a system takes, as its profile says."""

from collections import Counter
from typing import Any

from pilotplant.exchange.profile import LatencySpec
from pilotplant.kernel.draws import Draws, lognormal


class Latency:
    """Drawn by what is asked and how often it was asked before, so that the order of arrival decides nothing."""

    def __init__(self, system: str, spec: LatencySpec, draws: Draws) -> None:
        self._all = spec
        self._of = spec.operations
        self.none = not any((each.median_ms or each.per_line_ms) for each in (spec, *spec.operations.values()))
        """Whether the system answers at once, whatever is asked."""
        self._system = system
        self._draws = draws
        self._asked: Counter[int] = Counter()

    def seconds(self, operation: str, keys: tuple[str, ...], command: Any = None) -> float:
        """For the next request of this kind."""
        spec = self._of.get(operation, self._all)
        took_ms = spec.per_line_ms * _lines(command) if spec.per_line_ms and command is not None else 0.0
        if spec.median_ms > 0:
            asked = self._draws.number(f"latency|{self._system}|{operation}|{'|'.join(keys)}")
            self._asked[asked] += 1
            drawn = self._draws.uniform(f"{asked}|{self._asked[asked]}")
            took_ms += lognormal(drawn, spec.median_ms, spec.p95_ms)
        return took_ms / 1000


def _lines(command: Any) -> int:
    """How many lines, steps or the like are sent."""
    values = (getattr(command, name) for name in command.__struct_fields__)
    return sum(len(value) for value in values if isinstance(value, tuple))
