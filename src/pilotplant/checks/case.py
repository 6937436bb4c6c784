"""What a check may know besides the records: the tables of the ledger, the flows, and how to name things to people."""

from collections.abc import Sequence

from pilotplant.checks.finding import Proof
from pilotplant.flows.grammar import FlowSpec, StepSpec
from pilotplant.ledger.header import Header, Named
from pilotplant.ledger.records import Record


class Case:
    """The matter to be judged."""

    def __init__(self, header: Header, flows: Sequence[FlowSpec], *, target: str) -> None:
        self.header = header
        self.target = target or "middleware"
        by_name = {flow.flow: flow for flow in flows}
        self.flows = [by_name[name] for name in header.flows]
        """Flows by the number that obligations carry."""
        self._governed: dict[str, StepSpec] = {}
        for flow in self.flows:
            for step in flow.steps.values():
                self._governed[step.effect] = step
                self._governed.update({other.commit: step for other in step.accept})
        self._awaited = frozenset(
            flow.steps[needed.step].effect
            for flow in self.flows
            for step in flow.steps.values()
            for needed in step.after
        )

    def governed(self, named: Named) -> bool:
        """Whether a flow promises effects of this operation or event."""
        return named.name in self._governed

    def awaited(self, named: Named) -> bool:
        """Whether a step has to wait for effects of this operation or event."""
        return named.name in self._awaited

    def step(self, flow: int, name: str) -> StepSpec:
        """A step of a flow."""
        return self.flows[flow].steps[name]

    def system(self, number: int) -> str:
        """A system as people call it: `ERP`, `MES at DE01`."""
        kind, _, plant = self.header.systems[number].partition("@")
        return f"{kind.upper()} {plant}" if plant else kind.upper()

    def operation(self, number: int) -> str:
        """The name of an operation or event."""
        return self.header.operations[number].name

    def proof(self, record: Record, lane: str, text: str, towards: str = "") -> Proof:
        """A record, told."""
        return Proof(record.seq, round(record.t, 6), lane, text, towards)
