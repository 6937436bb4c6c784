"""What a check may know besides the records: the tables of the ledger, the flows, and how to name things to people."""

from collections.abc import Sequence

from pilotplant.checks.finding import Proof
from pilotplant.flows.grammar import FlowSpec, StepSpec
from pilotplant.ledger.header import Header, Named
from pilotplant.ledger.records import Commit, Record
from pilotplant.systems import catalog
from pilotplant.target.model import Declares

_CRITICALITY = ("high", "normal", "low")


class Case:
    """The matter to be judged."""

    def __init__(
        self, header: Header, flows: Sequence[FlowSpec], *, target: str, declares: Declares | None = None
    ) -> None:
        self.header = header
        self.declares = declares or Declares()
        self.target = target or "middleware"
        by_name = {flow.flow: flow for flow in flows}
        self.flows = [by_name[name] for name in header.flows]
        """Flows by the number that obligations carry."""
        self._ranks: dict[str, int] = {}
        """By operation or event that a flow promises: how critical the most critical of its flows is, 0 for most."""
        for flow in self.flows:
            rank = _CRITICALITY.index(flow.criticality)
            for name in (name for step in flow.steps.values() for name in effects_of(step)):
                self._ranks[name] = min(rank, self._ranks.get(name, rank))
        self._awaited = frozenset(
            name
            for flow in self.flows
            for step in flow.steps.values()
            if step.commit  # what a system states by itself is nothing that the target could do too early
            for needed in step.after
            for name in effects_of(flow.steps[needed.step])
        )

    @property
    def steps(self) -> list[StepSpec]:
        """All steps of all flows."""
        return [step for flow in self.flows for step in flow.steps.values()]

    def governed(self, named: Named) -> bool:
        """Whether a flow promises effects of this operation or event."""
        return named.name in self._ranks

    def awaited(self, named: Named) -> bool:
        """Whether a step has to wait for effects of this operation or event."""
        return named.name in self._awaited

    def compared(self) -> bool:
        """Whether a flow promises something that copies what another system owns."""
        kinds = catalog.kinds()
        return any(name in kinds[name.partition(".")[0]].replicas for name in self._ranks)

    def counted(self) -> bool:
        """Whether a flow promises facts, which are counted."""
        return any(self._counts(step) for step in self.steps)

    def surely_counted(self) -> bool:
        """Whether a flow promises facts for everything that it is about: not only where a relation finds something."""
        return any(self._counts(step) and not step.for_each for step in self.steps)

    def _counts(self, step: StepSpec) -> bool:
        """Steps of systems that the estate does not have are not tested."""
        facts = {named.name for named in self.header.operations if named.effect == "fact" and not named.event}
        present = {name.partition("@")[0] for name in self.header.systems}
        return any(name in facts and name.partition(".")[0] in present for name in effects_of(step))

    def versioned(self, record: Commit) -> bool:
        """Whether it is a version of something, and no fact that is counted."""
        return bool(record.version) and self.header.operations[record.operation].effect == "state"

    def rank(self, effect: str) -> int:
        """How critical the flows are that promise this effect: 0 for `high`; what no flow promises comes last."""
        return self._ranks.get(effect.partition("|")[0], len(_CRITICALITY))

    def step(self, flow: int, name: str) -> StepSpec:
        """A step of a flow."""
        return self.flows[flow].steps[name]

    def system(self, number: int) -> str:
        """A system as people call it: `ERP`, `MES DE01`."""
        kind, _, plant = self.header.systems[number].partition("@")
        return f"{kind.upper()} {plant}" if plant else kind.upper()

    def operation(self, number: int) -> str:
        """The name of an operation or event."""
        return self.header.operations[number].name

    def proof(self, record: Record, lane: str, text: str, towards: str = "") -> Proof:
        """A record, told."""
        return Proof(record.seq, round(record.t, 6), lane, text, towards)


def effects_of(step: StepSpec) -> tuple[str, ...]:
    """The operations or events that keep a step: its own, and those that are accepted instead."""
    return (step.effect, *(other.commit for other in step.accept))
