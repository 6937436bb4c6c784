"""The fault plan of a run: which faults strike which exchange. Keyed draws, so that arrival order decides nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pilotplant.faults.fault import Fault, Occasion
from pilotplant.kernel.draws import Draws
from pilotplant.model.script import Hold, Script, Step, carries_out


class FaultPlan:
    """Decides, exchange by exchange. Faults may be armed and lifted while it is at work."""

    def __init__(self, faults: Sequence[Fault], draws: Draws) -> None:
        self.faults: list[Fault] = []
        self.bitten: Counter[str] = Counter()
        self._draws = draws
        self._labels: list[str] = []
        self._lifted: set[int] = set()
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._owed: set[int] = set()
        """Those whose last strike could not be performed: their next occasion has it."""
        self._attempts: Counter[str] = Counter()
        self.healed = False
        self.origin_s = 0.0
        """When the stimuli began, and the plants: the windows of faults, and their other moments, count from here."""
        for fault in faults:
            self.arm(fault)

    @property
    def active(self) -> bool:
        """Whether anything can still strike."""
        return len(self._lifted) < len(self.faults) and not self.healed

    @property
    def armed(self) -> list[str]:
        """The labels of the faults that can still strike."""
        return [label for number, label in enumerate(self._labels) if not self.healed and number not in self._lifted]

    def arm(self, fault: Fault) -> str:
        """Put a fault in place and return its label. It becomes the plan's own, since some faults count."""
        earlier = sum(other.KIND == fault.KIND for other in self.faults)
        label = f"{fault.KIND}#{earlier + 1}" if earlier else fault.KIND
        self.faults.append(fault.model_copy(deep=True))
        self._labels.append(label)
        self.bitten[label] = 0
        return label

    def lift(self, label: str) -> bool:
        """Take a fault away; whether it was armed."""
        armed = label in self.armed
        if armed:
            self._lifted.add(self._labels.index(label))
        return armed

    def bend(self, script: Script, operation: str, system: str, keys: tuple[str, ...], now: float) -> Script:
        """The script after every fault that strikes this attempt at this operation with these keys."""
        identity = f"{system}|{operation}|{'|'.join(keys)}"
        self._attempts[identity] += 1
        attempt = f"{identity}|{self._attempts[identity]}"
        occasion = Occasion(operation, system, keys, now - self.origin_s, delivery=not carries_out(script))
        unbent = script
        for number, fault in enumerate(self.faults):
            if number in self._lifted or not fault.concerns(occasion):
                continue
            drawn = replace(occasion, u=self._draws.uniform(f"size|{number}|{attempt}"))
            if fault.bend(unbent, drawn) == unbent:
                continue
            bent = fault.bend(script, drawn)
            if self._strikes(number, fault, attempt, possible=bent != script):
                label = self._labels[number]
                earlier = set(map(id, script))  # steps of another fault of this kind are that one's
                script = tuple(
                    self._own(step, label) if step.fault == fault.KIND and id(step) not in earlier else step
                    for step in bent
                )
        return script

    def _own(self, step: Step, label: str) -> Step:
        """A step that a fault has just added, as a driver performs it: under the fault's label, on the run's clock."""
        if isinstance(step, Hold):
            return replace(step, fault=label, until=step.until + self.origin_s)
        return replace(step, fault=label)

    def _strikes(self, number: int, fault: Fault, attempt: str, *, possible: bool) -> bool:
        """Whether it strikes. Where an earlier fault left it nothing to bend it does not, and that uses up no count."""
        self._matched[number] += 1
        if not possible:
            return False
        if fault.nth is not None and self._matched[number] != fault.nth and number not in self._owed:
            return False
        if fault.max_count is not None and self._struck[number] >= fault.max_count:
            return False
        if fault.probability < 1 and self._draws.uniform(f"fault|{fault.key or number}|{attempt}") >= fault.probability:
            return False
        self._struck[number] += 1
        self._owed.discard(number)
        return True

    def not_performed(self, label: str) -> None:
        """A strike came when it could not be performed. It counts for nothing, and the next occasion has it."""
        number = self._labels.index(label)
        self._struck[number] -= 1
        self._owed.add(number)
