"""Makes a failing scenario as small as it can be while it fails: fewer stimuli, faults and flows, plainer numbers.

It knows nothing of runs: whoever asks says what failing means. The same answers lead to the same result.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, floor
from typing import Any, TypeVar

from pydantic import ValidationError

from pilotplant.faults.fault import Fault
from pilotplant.scenario.model import ScenarioSpec, StimulusSpec

T = TypeVar("T")
Fails = Callable[[ScenarioSpec], bool]


@dataclass(frozen=True)
class Shrunk:
    """The smallest scenario that was seen to fail."""

    scenario: ScenarioSpec
    runs: int
    """How often failing was asked for."""
    reproduced: bool
    """Whether the scenario failed once more to begin with; if not, it is as it was."""
    finished: bool
    """Whether nothing more can be left out; otherwise the budget was spent."""


def shrunk(
    scenario: ScenarioSpec, fails: Fails, *, budget: int, on_run: Callable[[int], None] = lambda run: None
) -> Shrunk:
    """Shrink an unfolded scenario by at most `budget` questions; `on_run` is told the number of each."""
    shrinker = _Shrinker(scenario, fails, budget, on_run)
    reproduced = finished = False
    try:
        reproduced = shrinker.smaller(scenario)
        if reproduced:
            shrinker.shrink()
        finished = reproduced
    except _Spent:
        pass
    return Shrunk(shrinker.best, shrinker.runs, reproduced, finished)


class _Spent(Exception):
    """The budget is."""


class _Shrinker:
    """Keeps the best scenario so far, and what was asked already."""

    def __init__(self, scenario: ScenarioSpec, fails: Fails, budget: int, on_run: Callable[[int], None]) -> None:
        self.best = scenario
        self.runs = 0
        self._fails = fails
        self._budget = budget
        self._on_run = on_run
        self._asked: set[str] = set()

    def shrink(self) -> None:
        """Until nothing changes any more."""
        before = None
        while before != self.best:
            before = self.best
            fewest(self.best.stimuli, lambda stimuli: self.smaller(self.best, stimuli=list(stimuli)))
            if self.best.crash is not None:
                self.smaller(self.best, crash=None)
            fewest(self.best.faults, lambda faults: self.smaller(self.best, faults=list(faults)))
            # A flow for which nothing happens any more would leave its checks in doubt once the failure is mended.
            fewest(self.best.flows, lambda flows: bool(flows) and self.smaller(self.best, flows=list(flows)))
            self._plainer_faults()
            self._plainer_moments()

    def smaller(self, scenario: ScenarioSpec, **update: Any) -> bool:
        """Whether this still fails; then it is the best."""
        candidate = scenario.model_copy(update=update)
        identity = candidate.model_dump_json(by_alias=True)
        if identity in self._asked:
            return False  # it passed; or it failed, and going back to it would go round in a circle
        if self.runs == self._budget:
            raise _Spent
        self.runs += 1
        self._on_run(self.runs)
        self._asked.add(identity)
        if not self._fails(candidate):
            return False
        self.best = candidate
        return True

    def _plainer_faults(self) -> None:
        for position in range(len(self.best.faults)):
            while self._any(
                {"faults": _with(self.best.faults, position, fault)} for fault in _plainer(self.best.faults[position])
            ):
                pass

    def _plainer_moments(self) -> None:
        first = min((stimulus.at or 0.0 for stimulus in self.best.stimuli), default=0.0)
        together: tuple[Callable[[float], float], ...] = (
            lambda at: 0.0,
            lambda at: float(floor(at)),
            lambda at: floor(at * 10) / 10,
            lambda at: round(at - first, 6),
        )
        self._any({"stimuli": _moved(self.best.stimuli, change)} for change in together)
        for key in [stimulus.key for stimulus in self.best.stimuli]:
            while self._any(_sooner(self.best.stimuli, key)):
                pass

    def _any(self, updates: "Iterator[dict[str, Any]]") -> bool:
        """Whether one of these changes, the first, keeps it failing; changes that change nothing are passed over."""
        now = self.best
        return any(now.model_copy(update=update) != now and self.smaller(now, **update) for update in updates)


def fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """A part of these, all of which fail, such that it still fails and no single one can be left out (delta
    debugging: halves, then what is left without them, then quarters, and so on)."""
    if not items or fails(()):
        return ()
    parts = 2
    while len(items) > 1:
        size = ceil(len(items) / parts)
        chunks = [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
        alone = ([items[n] for n in chunk] for chunk in chunks)
        without = ([item for n, item in enumerate(items) if n not in chunk] for chunk in chunks)
        smaller = next((part for part in chain(alone, without) if part and fails(part)), None)
        if smaller is not None:
            parts = 2 if len(smaller) <= size else max(parts - 1, 2)
            items = smaller
        elif size == 1:
            break
        else:
            parts = min(2 * parts, len(items))
    return items


def _with(faults: Sequence[Fault], position: int, fault: Fault) -> list[Fault]:
    return [*faults[:position], fault, *faults[position + 1 :]]


def _moved(stimuli: Sequence[StimulusSpec], change: Callable[[float], float]) -> list[StimulusSpec]:
    """The stimuli at other moments, in order."""
    moved = [stimulus.model_copy(update={"at": change(stimulus.at or 0.0)}) for stimulus in stimuli]
    return sorted(moved, key=lambda stimulus: stimulus.at or 0.0)


def _sooner(stimuli: Sequence[StimulusSpec], key: str) -> Iterator[dict[str, Any]]:
    """One stimulus at plainer moments."""
    (at,) = (stimulus.at or 0.0 for stimulus in stimuli if stimulus.key == key)
    for plain in _plainer_number(at):
        changed = [s.model_copy(update={"at": plain}) if s.key == key else s for s in stimuli]
        yield {"stimuli": _moved(changed, lambda at: at)}


def _plainer(fault: Fault) -> Iterator[Fault]:
    """The fault with a setting left out, or with a plainer duration; its match stays, because it explains."""
    for name, field in type(fault).model_fields.items():
        value = getattr(fault, name)
        candidates: list[object] = []
        if name not in ("fault", "key", "match") and not field.is_required():
            candidates.append(field.get_default(call_default_factory=True))
        if name.endswith("_s") and isinstance(value, int | float):
            candidates += _plainer_number(float(value))
        for candidate in candidates:
            if candidate == value:
                continue
            try:
                yield type(fault).model_validate(fault.model_dump() | {name: candidate})
            except ValidationError:
                continue  # such as a delay of nothing


def _plainer_number(value: float) -> list[float]:
    """Numbers that are shorter to write, or as short and smaller; the plainest first."""
    candidates = {0.0, 1.0, float(floor(value / 2)), float(floor(value)), floor(value * 10) / 10}
    return sorted((number for number in candidates if _plainness(number) < _plainness(value)), key=_plainness)


def _plainness(number: float) -> tuple[int, float]:
    return len(f"{number:.6f}".rstrip("0")), number
