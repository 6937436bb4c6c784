"""The fault plan of a run: which faults strike which exchange. Keyed draws, so that arrival order decides nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pilotplant.faults.fault import Fault
from pilotplant.kernel.draws import Draws
from pilotplant.model.script import Script


class FaultPlan:
    """Decides, exchange by exchange."""

    def __init__(self, faults: Sequence[Fault], draws: Draws) -> None:
        self.faults = tuple(faults)
        self._labels = tuple(map(self.label, range(len(self.faults))))
        self.bitten: Counter[str] = Counter(dict.fromkeys(self._labels, 0))
        self._draws = draws
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._attempts: Counter[str] = Counter()
        self.healed = False

    @property
    def active(self) -> bool:
        """Whether anything can still strike."""
        return bool(self.faults) and not self.healed

    def label(self, number: int) -> str:
        """The name of a fault of the scenario in ledger and reports: `response-lost` or `response-lost#2`."""
        kind = self.faults[number].KIND
        earlier = sum(fault.KIND == kind for fault in self.faults[:number])
        return f"{kind}#{earlier + 1}" if earlier else kind

    def bend(self, script: Script, operation: str, system: str, keys: tuple[str, ...], now: float) -> Script:
        """The script after every fault that strikes this attempt at this operation with these keys."""
        identity = f"{system}|{operation}|{'|'.join(keys)}"
        self._attempts[identity] += 1
        attempt = self._attempts[identity]
        unbent = script
        for number, fault in enumerate(self.faults):
            if not self._concerns(fault, operation, system, now) or fault.bend(unbent) == unbent:
                continue
            bent = fault.bend(script)
            if self._strikes(number, fault, f"{identity}|{attempt}", possible=bent != script):
                label = self._labels[number]
                script = tuple(replace(step, fault=label) if step.fault == fault.KIND else step for step in bent)
        return script

    def _concerns(self, fault: Fault, operation: str, system: str, now: float) -> bool:
        match = fault.match
        if match.operation and match.operation != operation:
            return False
        if match.system and match.system not in (system, system.partition("@")[0]):
            return False
        return fault.window.open(now)

    def _strikes(self, number: int, fault: Fault, identity: str, *, possible: bool) -> bool:
        """Whether it strikes. Where an earlier fault left it nothing to bend it does not, and that uses up no count."""
        self._matched[number] += 1
        if not possible:
            return False
        if fault.nth is not None and self._matched[number] != fault.nth:
            return False
        if fault.max_count is not None and self._struck[number] >= fault.max_count:
            return False
        if (
            fault.probability < 1
            and self._draws.uniform(f"fault|{fault.key or number}|{identity}") >= fault.probability
        ):
            return False
        self._struck[number] += 1
        return True
